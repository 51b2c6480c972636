"""What the oracle says of faults that nobody had in the catalogue's mind: it rejects them and finds the step."""

import re
from functools import cache
from pathlib import Path

import pytest
from core_cases import far

from minires.oracle.judgement.judge import judge
from minires.oracle.mistakes import MISTAKES
from minires.oracle.packs import pack

for peer in ("torch", "jax"):
    pytest.importorskip(peer, reason="the ports are in PyTorch and JAX (pip install 'minires[peers]')")
from ports import held_out, jax_reservoir, torch_transformer  # noqa: E402
from ports.held_out import BACKWARD, FAULTS, RESERVOIR  # noqa: E402

DTYPES = ("float64", "float32", "bfloat16")
GRADIENTS = [*BACKWARD, "memory-of-three-steps", "slope-of-a-line"]
SAME = {  # fault -> mistakes of the catalogue that are the same function, found out afterwards
    "gelu-constant-short": ("gelu-cubic-0.0447",), "gelu-root-rounded": ("gelu-scale-0.8",),
    "mean-held": ("norm-mean-constant",),
    "last-place-only": ("embedding-gradient-overwritten",), "history-newest-first": ("denseformer-weights-descending",),
    "softmax-slope-without-sum": ("softmax-denominator-constant",),
    "input-by-root": ("input-weights-divided-by-root-width",),
}
UNSEEN = {  # below the rounding of bfloat16 on these cases
    "probabilities-in-8-bits", "gelu-constant-short", "gelu-root-rounded", "branch-one-percent-short",
    "head-soft-capped", "loss-smoothed", "carry-in-half", "gelu-slope-by-sigmoid", "slope-in-8-bits",
    "tanh-rational", "state-drifts", "state-in-bfloat16",
}


@cache
def goldens():
    """{id: golden}."""
    return {golden.case.id: golden for golden in pack.core()}


@cache
def right(id):
    """The port's own answer without a fault."""
    case = goldens()[id].case
    return (torch_transformer if case.system == "transformer" else jax_reservoir).run(case)


def changed(name):
    """{tensor: difference} on the first case of a fault, of what it changes."""
    id = FAULTS[name].cases[0]
    wrong = held_out.run(goldens()[id].case, name)
    found = {tensor: far(x, wrong[tensor]) for tensor, x in right(id).items()}
    return {tensor: difference for tensor, difference in found.items() if difference > 1e-9}


def laws(name):
    """A fault makes a difference, where it says, and one of gradients in gradients only."""
    wrong = changed(name)
    assert any(re.search(FAULTS[name].at, tensor) for tensor in wrong)
    assert all(tensor.startswith("grad/") for tensor in wrong) == (name in GRADIENTS)


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in RESERVOIR])
def test_a_fault_changes_what_it_says(name):
    laws(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", RESERVOIR)
def test_a_fault_of_the_reservoir_changes_what_it_says(name):
    laws(name)


def test_faults_know_no_catalogue():
    files = Path(held_out.__file__).parent.glob("held_out*.py")
    assert not any("oracle.mistakes" in path.read_text(encoding="utf-8") for path in files)
    assert len(FAULTS) >= 60 and len(GRADIENTS) >= 15


# ---- the verdict -----------------------------------------------------------------------------------------------------

def verdicts(dtype, diagnose=False):
    """{fault: verdict} on the first case of each."""
    return {name: judge(goldens()[fault.cases[0]], held_out.run(goldens()[fault.cases[0]].case, name, dtype), dtype,
                        diagnose=diagnose) for name, fault in FAULTS.items()}


def first_local(verdict):
    """The first tensor that its own inputs do not explain, forward or else backward."""
    return next((found["local"] for found in (verdict.first.get("forward", {}), verdict.first.get("backward", {}))
                 if "local" in found), "")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_fault_that_the_precision_shows_is_rejected_at_the_step_that_was_broken(dtype):
    found = verdicts(dtype)
    passed = {name for name, verdict in found.items() if verdict.passed}
    assert passed <= (UNSEEN if dtype == "bfloat16" else set())
    elsewhere = {name: first_local(verdict) for name, verdict in found.items()
                 if name not in passed and not re.search(FAULTS[name].at, first_local(verdict))}
    assert not elsewhere


@pytest.mark.slow
def test_no_mistake_of_the_catalogue_is_said_to_explain_a_fault_that_it_is_not():
    explains = lambda cause: cause.explains and set(cause.names) <= set(MISTAKES)
    claimed = {name: [cause.names for cause in verdict.causes if explains(cause)]
               for name, verdict in verdicts("float32", diagnose=True).items()}
    assert {name: causes for name, causes in claimed.items() if causes and causes[0][0] not in SAME.get(name, ())} == {}
