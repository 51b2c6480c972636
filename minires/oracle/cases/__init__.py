"""The catalogue of cases. Ids are permanent; what a released id stands for never changes."""

from fnmatch import fnmatchcase

from minires.errors import one_of
from minires.oracle.cases import conventions, edges, options, reservoirs, series, variants

CASES = {**variants.CASES, **options.CASES, **edges.CASES, **reservoirs.CASES, **series.CASES,
         **conventions.CASES}  # id -> function () -> Case
CORE = (  # the pack inside the wheel, under 1 MB
    "transformer/vanilla-encoder", "transformer/pre_norm-decoder", "part/grouped-heads", "part/cross-attention",
    "transformer/realformer-encoder", "transformer/resformer_learnable-decoder", "transformer/svformer-decoder",
    "transformer/hyper_connections-encoder", "transformer/denseformer-decoder", "edge/epsilon-rms",
    "echo_state/leaky", "echo_state/feedback", "readout/ridge", "reservoir_resformer/default",
)


def chosen(pattern, ids=CASES):
    """The ids that a pattern such as `transformer/res*` stands for; ValueError that names the nearest id."""
    found = [id for id in ids if fnmatchcase(id, pattern)]
    return found or [one_of("case", pattern, dict.fromkeys(ids))]


__all__ = ["CASES", "CORE", "chosen"]
