"""Under which conditions something was measured: cores and versions, nothing that names a machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

PACKAGES = ("numpy", "scipy", "autograd", "torch", "jax", "reservoirpy", "scikit-learn")


def conditions():
    """{what: value}: cores that may be used, load, processor architecture, NumPy's BLAS, versions; None where not installed."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"cores": cores, "load before": load, "architecture": platform.machine(), "python": platform.python_version(),
            "blas": f"{blas['name']} {blas['version']}", **{name: installed(name) for name in PACKAGES}}


def installed(name):
    """The version of a package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
