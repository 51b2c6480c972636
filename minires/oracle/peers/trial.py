"""A trial: a public implementation with the weights of a case, what it gives, and what was to be expected of it."""

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import NamedTuple

from minires.errors import require
from minires.oracle.case import Case
from minires.oracle.judgement.verdict import Verdict
from minires.oracle.packs.golden import Golden

KINDS = {"": "agrees", "convention": "another choice, and said so", "defect": "not what its own paper or text says"}


class Trial(NamedTuple):
    """One thing that one package can do. `kind` is "" where it agrees; else it differs, and `reason` says how and why.

    limits: (rtol, atol) in the place of the derived tolerance, for what is a method's own error and no rounding.
    """

    package: str           # its name on PyPI
    what: str              # what was tried: class or function with its options
    case: Callable         # () -> Case
    answer: Callable       # (case) -> {name: array}, by the package's own code with the weights of the case
    kind: str = ""         # a word of KINDS
    reason: str = ""       # of a difference
    place: str = ""        # where the package, or its paper, says otherwise
    profile: str = "float32"
    limits: tuple | None = None

    @property
    def agrees(self):
        """Whether it is expected to agree."""
        return not self.kind


class Outcome(NamedTuple):
    """What became of a Trial."""

    id: str
    trial: Trial
    version: str
    verdict: Verdict
    seconds: float

    @property
    def expected(self):
        """Whether the verdict is the expected one."""
        return self.verdict.passed == self.trial.agrees

    @property
    def first(self):
        """The first diverging tensor: of the forward pass, of the local replay if it has one, else end to end; or ""."""
        names = self.verdict.first.get("forward") or self.verdict.first.get("backward") or {}
        return names.get("local", names.get("global", "")) or ""

    @property
    def cause(self):
        """The likeliest mistake of the verdict, if it explains the answer: no more is left than the tolerance allows; or ""."""
        first = next(iter(self.verdict.causes), None)
        return " and ".join(first.names) if first and first.explains else ""


def version_of(package):
    """The version that is installed; ImportError that names the extra where none is."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise ImportError(f"{package} is not installed: expected the extra, pip install 'minires[peers]'") from None


@lru_cache(maxsize=None)
def truth_of(make):
    """The case that `make` gives, with its exact truth; made once."""
    from minires.oracle.exact.truth import truth
    case = make()
    require(isinstance(case, Case), f"{make}: gives {type(case).__name__}, expected a Case")
    return Golden(case, truth(case), {})


def attempt(id, trial, diagnose=True):
    """The Outcome of a trial. Raises ImportError where the package, or python-flint, is not installed."""
    start, installed = perf_counter(), version_of(trial.package)
    from minires.oracle.judgement.judge import judge
    golden = truth_of(trial.case)
    rtol, atol = trial.limits or (None, None)
    verdict = judge(golden, trial.answer(golden.case), trial.profile, rtol, atol, diagnose)
    return Outcome(id, trial, installed, verdict, perf_counter() - start)
