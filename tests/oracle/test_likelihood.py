"""Mistakes are named, alone and in pairs; forms that are no known mistake are described; correct answers have no cause."""

import numpy as np
import pytest
from oracle.judged_cases import answer, computed, golden, plain

from minires.oracle.judgement import likelihood, local, tolerance
from minires.oracle.judgement.judge import judge
from minires.oracle.judgement.likelihood import powers
from minires.oracle.mistakes import MISTAKES, Mistake

SOME = ["softmax-over-queries", "scale-missing", "mask-one-ahead", "heads-split-interleaved",
        "query-gradient-unscaled", "residual-doubled", "gate-and-value-swapped"]


@pytest.fixture(autouse=True)
def few_mistakes(monkeypatch):
    """A catalogue of a few and fewer reruns, so that the tests are quick."""
    monkeypatch.setattr(likelihood, "MISTAKES", {name: MISTAKES[name] for name in SOME})
    monkeypatch.setattr(local, "RERUNS", 3)


@pytest.mark.parametrize("name, precision", [
    pytest.param(name, precision, marks=() if (i + j) % 4 == 0 else pytest.mark.slow)
    for i, name in enumerate(SOME) for j, precision in enumerate(["float32", "bfloat16"])])
def test_a_mistake_is_named(name, precision):
    found = judge(golden(), answer(precision, [name]), precision)
    assert not found.passed and found.causes[0].names == (name,)
    assert found.causes[0].likelihood > 10 and abs(found.causes[0].amplitude - 1) < 0.1 and found.causes[0].residual < 2.5
    assert (found.causes[0].does, found.causes[0].fix) == (MISTAKES[name].does, MISTAKES[name].fix)


def test_two_mistakes_are_named_together():
    found = judge(golden(), answer("float32", ["scale-missing", "residual-doubled"]))
    assert set(found.causes[0].names) == {"scale-missing", "residual-doubled"} and found.causes[0].residual < 2.5
    assert "; " in found.causes[0].does


def test_a_mistake_is_named_from_the_outputs_alone():
    given = {name: value for name, value in answer("float32", ["mask-one-ahead"]).items() if name in ("logits", "loss")}
    assert judge(golden(), given).causes[0].names == ("mask-one-ahead",)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_correct_answer_has_no_cause(precision):
    assert judge(golden(), answer(precision), precision).causes == []


@pytest.mark.parametrize("precision, detected", [("bfloat16", True), ("float32", False)])
def test_a_mistake_that_no_tensor_shows_is_found_by_its_likelihood_where_numbers_are_coarse(precision, detected, monkeypatch):
    monkeypatch.setattr(tolerance, "RMS", 1e9)
    monkeypatch.setattr(tolerance, "MAX", 1e9)
    found = judge(golden(), answer(precision, ["scale-missing"]), precision)
    assert not found.first and found.passed != detected
    assert [cause.names for cause in found.causes][:1] == [("scale-missing",)] * detected


def test_noise_is_no_mistake():
    given = answer()
    rng = np.random.default_rng(5)
    given = {name: value + 1e-3 * rng.standard_normal(value.shape) for name, value in given.items()}
    found = judge(golden(), given)
    assert not found.passed and not [cause for cause in found.causes if cause.residual < 2.5]


def judged_with(monkeypatch, name, mistake):
    """The verdict on a port with a mistake that is entered in the catalogue for this test."""
    monkeypatch.setitem(likelihood.MISTAKES, name, mistake)
    monkeypatch.setitem(MISTAKES, name, mistake)
    return judge(golden(), plain(computed.__wrapped__("float32", (name,), "pre_norm", "decoder", ())))


def test_a_mistake_that_changes_a_shape_is_known_by_it(monkeypatch):
    found = judged_with(monkeypatch, "twice-the-heads", Mistake(
        "heads", "two", "one", lambda case: True,
        {"minires.attention.split_heads": lambda split: lambda x, heads: split(x, 2 * heads)}))
    assert any("shape" in line for line in found.problems) and [cause.names for cause in found.causes] == [("twice-the-heads",)]
    assert found.causes[0].residual < 2.5


def test_a_shape_that_no_mistake_gives_has_no_cause():
    assert judge(golden(), {"logits": np.ones((2, 4, 12)), "loss": golden().truth.values["loss"]}).causes == []
    given = answer()
    found = judge(golden(), {**given, "loss": given["loss"][None]})
    assert found.problems == ["loss: shape (1,), expected ()"] and found.causes == []


def test_a_mistake_that_gives_nan_is_known_by_where(monkeypatch):
    found = judged_with(monkeypatch, "hidden-divided", Mistake(
        "softmax", "0 / 0 where a key is hidden", "no division", lambda case: True,
        {"minires.attention.softmax": lambda softmax: lambda z: softmax(z) / (softmax(z) > 0)}))
    assert any("NaN" in line for line in found.problems) and [cause.names for cause in found.causes] == [("hidden-divided",)]


def test_a_program_that_fails_with_a_mistake_is_passed_over(monkeypatch):
    monkeypatch.setitem(MISTAKES, "fails", MISTAKES["scale-missing"]._replace(config=lambda case: 1 / 0))
    monkeypatch.setitem(likelihood.MISTAKES, "fails", MISTAKES["fails"])
    assert judge(golden(), answer("float32", ["mask-one-ahead"])).causes[0].names == ("mask-one-ahead",)
    assert powers(golden())["fails"] == np.inf


def test_mistakes_that_are_the_same_on_a_case_are_named_together(monkeypatch):
    monkeypatch.setitem(likelihood.MISTAKES, "the-same-again", MISTAKES["scale-missing"])
    monkeypatch.setitem(MISTAKES, "the-same-again", MISTAKES["scale-missing"])
    cause = judge(golden(), answer("float32", ["scale-missing"])).causes[0]
    assert {*cause.names, *cause.same} == {"scale-missing", "the-same-again"}


FORMS = {
    "transposed": lambda x: np.swapaxes(x, -1, -2),
    "negated": lambda x: -x,
    "times the square root of K, the head width": lambda x: x * 6 ** 0.5,
    "times 1 / (K, the head width)": lambda x: x / 6,
    "times 1.37": lambda x: x * 1.37,
    "with its heads in the order 0, 2, 1, 3": lambda x: x[:, [0, 2, 1, 3]],
    "shifted by 1 along axis 2, zeros coming in": lambda x: np.concatenate([0 * x[:, :, :1], x[:, :, :-1]], 2),
    "rolled by -1 along axis 2": lambda x: np.roll(x, -1, 2),
    "flipped along axis 2": lambda x: x[:, :, ::-1],
    "with its mean over the last axis taken off": lambda x: x - x.mean(-1, keepdims=True),
    "with its mean over the last axis added": lambda x: x + x.mean(-1, keepdims=True),
    "with interleaved pairs where halves are expected": lambda x: x[..., [0, 3, 1, 4, 2, 5]],
    "with halves where interleaved pairs are expected": lambda x: x[..., [0, 2, 4, 1, 3, 5]],
    "with its halves exchanged": lambda x: x[..., [3, 4, 5, 0, 1, 2]],
    "with a constant added": lambda x: x + 0.25,
}


@pytest.mark.parametrize("form", [
    pytest.param(form, marks=() if i % 3 == 0 else pytest.mark.slow) for i, form in enumerate(FORMS)])
def test_a_form_of_the_right_tensor_is_described(form, monkeypatch):
    monkeypatch.setattr(likelihood, "MISTAKES", {})
    name = "layers.1.attention.fresh_scores" if form == "transposed" else "layers.1.attention.query_heads"
    given = answer()
    given[name] = FORMS[form](given[name])
    found = judge(golden(), given)
    assert f"{form}: {name}" in [cause.names[0] for cause in found.causes], found.causes


def test_the_gradient_of_a_weight_divided_by_the_tokens_is_described():
    given = answer(B=3)
    given["grad/layers.1.attention.W_o"] /= 12
    assert judge(golden(B=3), given).causes[-1].names == ("times 1 / (B T, the tokens): grad/layers.1.attention.W_o",)


def test_powers_say_what_can_be_seen():
    fine, coarse = powers(golden(), "float32"), powers(golden(), "bfloat16")
    assert list(fine) == [name for name in SOME if MISTAKES[name].applies(golden().case)]
    assert all(10 < coarse[name] < fine[name] for name in fine)


def test_a_mistake_below_the_precision_has_no_power(monkeypatch):
    monkeypatch.setattr(likelihood, "MISTAKES", {"epsilon-1e-12": MISTAKES["epsilon-1e-12"]})
    assert powers(golden(), "bfloat16")["epsilon-1e-12"] < 0.5 and powers(golden(), "float64")["epsilon-1e-12"] > 100


def test_a_mistake_beside_a_form_is_named_and_the_form_described():
    given = answer("float32", ["mask-one-ahead"])
    name = "layers.0.attention.fresh_values"
    given[name] = -given[name]
    found = [cause.names for cause in judge(golden(), given).causes]
    assert ("mask-one-ahead",) in found and (f"negated: {name}",) in found
