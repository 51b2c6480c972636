"""What is said of a port's answer to a case. `judge` makes it, `report` writes it, the adapters hand it on."""

from typing import NamedTuple


class Row(NamedTuple):
    """One tensor of the answer against the truth. z are errors in units of the derived tolerance."""

    name: str                # of the tensor; gradients are grad/<name>
    scope: str               # "global": end to end; "local": its own step, replayed from the port's own tensors
    passed: bool
    rms_z: float
    max_z: float
    worst: tuple             # index of the largest z
    absolute: float          # largest |error|
    relative: float          # largest |error| / largest |truth|
    ulps: float              # largest error in units in the last place of the answer's dtype
    behaves_like: float      # the unit roundoff that would explain the error
    scale: float             # the factor that fits best, 1 where the tensor is right
    cosine: float


class Cause(NamedTuple):
    """A mistake that fits, alone or with another one."""

    names: tuple             # of the catalogue, or a closed form such as "transpose of layers.0.attention.W_q"
    likelihood: float        # 2 <e, d/s^2> - |d/s|^2
    amplitude: float         # 1 where the port is the mistake
    residual: float          # rms z that is left when it is taken off
    does: str
    fix: str
    seen: tuple
    same: tuple = ()         # other mistakes that are the same function on this case, so that no test on it tells them apart
    explains: bool = True    # nothing diverges once it is planted; else the port only resembles it


class Verdict(NamedTuple):
    """The answer to one case."""

    case: str                # id
    profile: str             # the precision that the port declares: a name of arrays.PROFILES
    passed: bool
    rows: list               # of Row, in order of computation, forward then backward; the local ones after the global ones
    problems: list           # one line each: wrong shape, missing gradient, non-finite pattern, unknown name, ..
    supplied: list           # names of tensors that the answer has
    absent: list             # names that it lacks: coverage, not failure, except where said in `problems`
    first: dict              # {"forward" or "backward": {"global" or "local": name of the first diverging tensor}}
    behaves_like: float      # unit roundoff over all tensors
    causes: list             # of Cause, likeliest first; empty: none fits
    seconds: float
