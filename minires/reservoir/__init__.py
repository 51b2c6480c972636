"""The echo-state network: one kernel, every convention, exact gradients."""

from minires.reservoir import kernels
from minires.reservoir.checkpointing import accumulate
from minires.reservoir.deep import run_bidirectional, run_deep, run_residual_memory
from minires.reservoir.echo_state import run, step
from minires.reservoir.experiment import fit, free_runs
from minires.reservoir.generation import generate
from minires.reservoir.network import FAMILIES, EchoState, as_dtype
from minires.reservoir.readouts.features import features
from minires.reservoir.readouts.ridge import predict, ridge
from minires.reservoir.readouts.selection import select
from minires.reservoir.readouts.series import stack_rows, washout
from minires.reservoir.scaling import MEASURES, rescale
from minires.reservoir.spectra import effective_radius, spectral_norm, spectral_radius
from minires.reservoir.topologies import TOPOLOGIES, make_topology

__all__ = ["EchoState", "FAMILIES", "MEASURES", "TOPOLOGIES", "accumulate", "as_dtype", "effective_radius", "features", "fit",
           "free_runs", "generate", "kernels", "make_topology", "predict", "rescale", "ridge", "run", "run_bidirectional",
           "run_deep", "run_residual_memory", "select", "spectral_norm", "spectral_radius", "stack_rows", "step", "washout"]
