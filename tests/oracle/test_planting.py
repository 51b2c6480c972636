"""Which steps a mistake touches is read off its program, and it shows nowhere else."""

import numpy as np
import pytest
from oracle.judged_cases import answer, golden

from minires.oracle.cases import CASES
from minires.oracle.judgement import causes, likelihood, planting
from minires.oracle.judgement.evidence import Evidence, diverging, errors, with_mistakes
from minires.oracle.judgement.local import local, local_tolerances
from minires.oracle.judgement.planting import equal, touched, visible, wrong_program
from minires.oracle.judgement.profiles import PROFILES
from minires.oracle.judgement.tolerance import profile_of
from minires.oracle.mistakes import MISTAKES
from minires.oracle.tape import differentiate, record

SAMPLE = "transformer/realformer-encoder", "echo_state/leaky"


def evidence_of(case, given=None, precision="float32"):
    """The library's own float64 numbers, or an answer, beside their replay."""
    tape = record(case)
    given = given or {name: np.asarray(value) for name, value in differentiate(tape, case.values).items()}
    expected = local(tape, case.values, given)
    return Evidence(case, PROFILES[precision], given, expected,
                    local_tolerances(tape, case.values, given, expected, profile_of(precision)), {}, {})


def hidden_shows(id, every):
    """(mistake, tensors that diverge although its program touches none of their steps) of a case."""
    evidence = evidence_of(CASES[id]())
    cut = frozenset(name for name in evidence.given if not name.startswith("grad/"))
    for name in [name for name, mistake in MISTAKES.items() if mistake.applies(evidence.case)][::every]:
        replayed = with_mistakes(evidence, (name,))
        if replayed is not None:
            yield name, diverging(evidence._replace(expected=replayed)) - visible(evidence.case, name, cut)


@pytest.mark.parametrize("id", SAMPLE)
def test_a_mistake_shows_only_where_its_program_differs(id):
    assert not [found for found in hidden_shows(id, 15) if found[1]]


@pytest.mark.slow
@pytest.mark.parametrize("id", CASES)
def test_every_mistake_shows_only_where_its_program_differs(id):
    assert not [found for found in hidden_shows(id, 1) if found[1]]


def test_a_program_differs_from_itself_nowhere():
    case = golden().case
    a, b = record(case), record(case)
    assert touched(a, b, case.values, case.values) == (set(), set())


def test_what_is_touched_is_the_step_of_the_mistake_and_what_it_reads():
    case = golden().case
    tape, (wrong, values) = record(case), wrong_program(case, ("softmax-over-queries",))
    differing, read = touched(tape, wrong, case.values, values)
    assert differing == {f"layers.{n}.attention.probabilities" for n in (0, 1)}
    assert read == {f"layers.{n}.attention.fresh_scores" for n in (0, 1)}


def test_other_numbers_of_a_parameter_touch_what_is_computed_from_it():
    case = golden().case
    tape, doubled = record(case), {**case.values, "layers.0.attention.W_q": 2 * case.values["layers.0.attention.W_q"]}
    differing, read = touched(tape, record(case), case.values, doubled)
    assert differing == {"layers.0.attention.query_heads"}
    assert read == {"layers.0.attention.x", "layers.0.attention.W_q", "layers.0.attention.b_q"} & {*tape.roots, *tape.tensors}


def test_a_name_that_becomes_the_name_of_another_tensor_is_visible():
    case = CASES["transformer/realformer-encoder"]()
    alias = "layers.0.attention.scores"
    assert alias in record(case).aliases
    assert {alias, f"grad/{alias}"} <= visible(case, "carry-with-scaled-bias", frozenset(record(case).tensors))


def test_the_touched_step_reaches_through_tensors_that_are_not_given():
    case = golden().case
    cut = frozenset(record(case).tensors) - {f"layers.{n}.attention.probabilities" for n in (0, 1)}
    assert "layers.1.attention.heads" in visible(case, "softmax-over-queries", cut)
    assert "layers.1.attention.heads" not in visible(case, "softmax-over-queries", frozenset(record(case).tensors))


def test_only_the_tapes_of_the_last_case_are_kept():
    first, second = golden().case, golden("vanilla", "encoder").case
    program = wrong_program(first, ("scale-missing",))
    assert wrong_program(first, ("scale-missing",)) is program
    wrong_program(second, ("scale-missing",))
    assert wrong_program(first, ("scale-missing",)) is not program and len(planting.KEPT["tapes"]) == 1


@pytest.mark.parametrize("a, b, same", [
    (np.ones(2), np.ones(2), True), (np.ones(2), np.zeros(2), False), (np.ones(2), np.ones((1, 2)), False),
    ({"axis": 1}, {"axis": 1}, True), ({"axis": 1}, {"axis": 0}, False), ({"axis": 1}, {}, False), ((1, [2]), (1, [2]), True),
    ((1, 2), (1, 3), False), (slice(1, 2), slice(1, 2), True), (slice(1, 2), slice(1, 3), False), (None, 0, False)], ids=str)
def test_arguments_of_a_call_are_the_same_or_not(a, b, same):
    assert equal(a, b) is same


def test_leaving_out_what_cannot_be_the_reason_leaves_the_likeliest_as_they_are(monkeypatch):
    evidence = evidence_of(golden().case, answer(names=["softmax-over-queries"]))
    fast = likelihood.fits(evidence, errors(evidence))
    named = causes.causes(evidence)[0]
    monkeypatch.setattr(likelihood, "shown", lambda evidence, name, wanted: sum(wanted.values()))
    slow = likelihood.fits(evidence, errors(evidence))
    assert len(fast) < len(slow) and fast[0].names == slow[0].names == ("softmax-over-queries",)
    assert [one.names for one in causes.causes(evidence)[0]][:1] == [one.names for one in named][:1]


def test_in_a_correct_answer_only_what_cannot_be_named_is_left_out(monkeypatch):
    evidence = evidence_of(golden().case, answer("bfloat16"), "bfloat16")
    fast = likelihood.fits(evidence, errors(evidence))
    monkeypatch.setattr(likelihood, "shown", lambda evidence, name, wanted: np.inf)
    slow = likelihood.fits(evidence, errors(evidence))
    left = {one.names: one.likelihood for one in slow if one.names not in [each.names for each in fast]}
    assert left and max(left.values()) <= likelihood.NAMED
