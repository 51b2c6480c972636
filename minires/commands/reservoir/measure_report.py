"""What `minires reservoir measure` says and draws."""

import os

import numpy as np

from minires.report import table


def plain(value):
    """Records as dicts, arrays as lists, NumPy's numbers as Python's: what JSON has."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(key): plain(child) for key, child in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def readable(found, pictures):
    """Each measure's own line; the radii as a table."""
    rows = [{"what": name.replace("_", " "), "size": size} for name, size in found.get("radii", {}).items()]
    lines = [f"{name}: {record}" for name, record in found.items() if name != "radii"]
    parts = lines + ([table(rows, {"what": "of W (and K, g)", "size": "size"})] if rows else [])
    return "\n\n".join(parts + ["\n".join(f"{name}: {path}" for name, path in pictures.items())])


def draw(found, params, folder):
    """The pictures of what was measured; returns name -> path."""
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    made = {}
    if "memory" in found:
        memory = found["memory"]
        exact = found["exact"].curve[1:] if "exact" in found else None
        made["memory curve"] = figures.memory_curve(memory.curve, 1 / (memory.test - 1),
                                                    f"memory capacity {memory.value:.3g} of at most N = {memory.N}", exact)
    if "processing" in found:
        capacity = found["processing"]
        made["processing by degree"] = figures.capacities(capacity.degrees, capacity.N,
                                                          f"information processing capacity {capacity.value:.3g}")
    made["eigenvalues"] = figures.eigenvalues(params["W"], params["K"], params["g"],
                                              "recurrent weights and Jacobian at the origin")
    paths = {name: os.path.join(folder, f"reservoir-{name.replace(' ', '-')}.png") for name in made}
    for name, figure in made.items():
        figures.save(figure, paths[name])
    return paths
