"""The verdict: correct ports pass in their precision, wrong ones do not, and each thing that is amiss is said in a line."""

import numpy as np
import pytest
from oracle.judged_cases import answer, golden, in_float32

from minires.oracle.judgement import local
from minires.oracle.judgement.judge import judge
from minires.oracle.tape import record

PRECISIONS = ["float64", "float32", "tf32", "bfloat16", "float16"]
FINER = {"float32": "float64", "tf32": "float32", "bfloat16": "tf32", "float16": "float32"}


@pytest.fixture(autouse=True)
def fewer_reruns(request, monkeypatch):
    """Two reruns of the replay are enough where no tolerance is looked at."""
    if "precision" not in request.fixturenames:
        monkeypatch.setattr(local, "RERUNS", 2)


def verdict(given, precision="float32", diagnose=False, **limits):
    return judge(golden(), given, precision, diagnose=diagnose, **limits)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_correct_run_passes_in_its_precision(precision):
    found = verdict(answer(precision), precision)
    assert found.passed and not found.problems and not found.first and not found.absent and found.profile == precision
    assert max(row.rms_z for row in found.rows) < 1.3 and max(row.max_z for row in found.rows) < 6


@pytest.mark.parametrize("precision", FINER)
def test_a_correct_run_fails_in_a_finer_precision(precision):
    assert not verdict(answer(precision), FINER[precision]).passed


def test_a_correct_run_passes_in_a_coarser_precision():
    assert verdict(answer("float32"), "bfloat16").passed and verdict(answer("float16"), "bfloat16").passed


def test_numpy_in_float32_passes():
    found = verdict(in_float32(golden().case))
    assert found.passed and all(row.ulps < 1e4 for row in found.rows if row.scope == "local" and "b_k" not in row.name)


@pytest.mark.parametrize("precision, unit", [*zip(PRECISIONS, (-53, -24, -11, -8, -11))])
def test_a_run_behaves_like_its_precision(precision, unit):
    assert abs(np.log2(verdict(answer(precision), precision).behaves_like) - unit) < 1.7


def test_tf32_behaves_like_eleven_bits_for_whoever_expected_float32():
    assert -13.5 < np.log2(verdict(answer("tf32")).behaves_like) < -9


def test_rows_stand_in_order_of_computation_and_gradients_in_reverse():
    found = verdict(answer())
    for scope in ("global", "local"):
        names = [row.name for row in found.rows if row.scope == scope]
        forward = [name for name in names if not name.startswith("grad/")]
        backward = [name for name in names if name.startswith("grad/")]
        assert names == forward + backward
        assert forward[0] == "layers.0.input" and forward[-1] == "loss"
        assert backward[0] == "grad/logits"
        place = names.index
        assert place("grad/layers.1.output") < place("grad/layers.1.attention.W_o") < place("grad/layers.1.attention.W_q")
        assert place("grad/layers.1.attention.W_q") < place("grad/layers.0.output") < place("grad/embedding.W_token")


def test_the_first_divergence_is_where_the_error_was_made():
    given = answer()
    given["layers.1.attention.heads"] = given["layers.1.attention.heads"] * 1.001
    assert verdict(given).first["forward"]["local"] == "layers.1.attention.heads"
    assert verdict(answer(names=["softmax-over-queries"])).first["forward"] == {
        "global": "layers.0.attention.probabilities", "local": "layers.0.attention.probabilities"}


def test_an_error_in_a_gradient_is_first_found_backward_where_it_was_made():
    given = answer()
    name = "grad/layers.0.feed_forward.W_1"
    given[name] = given[name] * 1.001
    assert verdict(given).first == {"backward": {"global": name, "local": name}}


def test_a_row_says_how_large_the_error_is():
    given = answer("float64")
    given["logits"] = 3.0 * given["logits"]
    row = next(row for row in verdict(given).rows if row.name == "logits" and row.scope == "global")
    truth = golden().truth.values["logits"]
    assert row.absolute == pytest.approx(2 * np.max(abs(truth))) and row.relative == pytest.approx(2)
    assert row.scale == pytest.approx(3) and row.cosine == pytest.approx(1)
    assert row.ulps == pytest.approx(np.max(abs(2 * truth) / (2 ** -23 * np.exp2(np.floor(np.log2(abs(truth)))))), rel=1e-4)
    assert len(row.worst) == 3 and not row.passed


def test_the_remainder_counts_in_float64():
    g = golden()
    shifted = {name: np.full(np.shape(value), 0.375, np.float32) for name, value in g.truth.values.items()}
    g = g._replace(truth=g.truth._replace(remainders=shifted))
    ulps = lambda values: next(row.ulps for row in judge(g, values, "float64", diagnose=False).rows if row.name == "logits")
    assert ulps(dict(g.truth.values)) == pytest.approx(0.375, rel=1e-6)
    truth = g.truth.values["logits"]
    assert ulps({"logits": truth + np.spacing(np.abs(truth))}) == pytest.approx(0.625, rel=1e-6)


def test_partial_answers_pass_and_what_is_absent_is_listed():
    full = answer()
    for kept in (["logits"], ["logits", "loss"], ["layers.0.output"], [name for name in full if not name.startswith("grad/")]):
        found = verdict({name: full[name] for name in kept})
        assert found.passed and found.supplied == kept and set(found.absent) == set(full) - set(kept)


def test_a_parameter_s_gradient_that_is_absent_counts_as_zero():
    for missing in ("absent", "none"):
        given = answer()
        name = "grad/layers.1.attention.W_v"
        given.pop(name) if missing == "absent" else given.update({name: None})
        found = verdict(given)
        assert not found.passed and found.first["backward"]["global"] == name
        assert [row.name for row in found.rows if row.scope == "global" and not row.passed] == [name]
    assert found.problems == []
    del given[name]
    assert verdict(given).problems == [f"{name}: absent, counts as zero, but the truth is not zero"]


def test_one_gradient_demands_all_of_the_parameters():
    full = answer()
    found = verdict({name: full[name] for name in ("logits", "loss", "grad/layers.0.attention.W_q")})
    assert not found.passed and len(found.problems) == len(golden().case.differentiated) - 1


def test_gradients_of_tensors_may_be_absent():
    roots = record(golden().case).roots
    given = {name: value for name, value in answer().items() if not name.startswith("grad/") or name[5:] in roots}
    assert verdict(given).passed


@pytest.mark.parametrize("name, value, line", [
    ("logitz", np.zeros(3), "logitz: no tensor of case transformer/pre_norm-decoder, did you mean logits"),
    ("layers.0.attention.W_q", np.zeros(3), "layers.0.attention.W_q: no tensor of case"),
    ("logits", "a text", "logits: str of dtype <U6, expected an array of floats"),
    ("logits", np.zeros((2, 4, 11), complex), "logits: ndarray of dtype complex128, expected an array of floats"),
    ("logits", np.array([None]), "logits: ndarray of dtype object"),
    ("logits", [[1.0], [1.0, 2.0]], "logits: list, expected an array"),
    ("logits", np.zeros((2, 11, 4)), "logits: shape (2, 11, 4), expected (2, 4, 11)"),
    (3, np.zeros(3), "3: no tensor of case")])
def test_what_is_no_tensor_of_the_case_is_a_problem_in_one_line(name, value, line):
    found = verdict({**answer(), name: value})
    assert not found.passed and len(found.problems) == 1 and found.problems[0].startswith(line), found.problems


def test_an_empty_answer_is_a_problem():
    for given in ({}, {"nothing": np.zeros(2)}, {"logits": None}):
        found = verdict(given)
        assert not found.passed and "has none of its tensors" in found.problems[-1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_must_be_so_in_the_truth(value):
    given = answer()
    given["logits"][1, 2, 3] = value
    found = verdict(given)
    assert not found.passed and found.problems == ["logits: 1 of 88 entries are infinite or NaN, unlike the truth's"]
    assert found.first["forward"]["global"] == "logits" and np.isfinite([row.max_z for row in found.rows]).all()


def test_infinities_of_the_truth_must_be_there():
    g = golden()
    truth = {name: np.array(value) for name, value in g.truth.values.items()}
    truth["logits"][0, 0, 0] = -np.inf
    g = g._replace(truth=g.truth._replace(values=truth))
    given = answer()
    assert not judge(g, given, diagnose=False).passed
    given["logits"][0, 0, 0] = -np.inf
    rows = judge(g, given, diagnose=False).rows
    assert next(row for row in rows if row.name == "logits" and row.scope == "global").passed


def test_given_limits_replace_the_tolerance_both_or_neither():
    given = answer()
    given["logits"] = given["logits"] * 1.001
    assert not verdict(given).passed
    assert verdict(given, rtol=1e-2, atol=1e-4).passed and not verdict(given, rtol=1e-4, atol=1e-6).passed
    with pytest.raises(ValueError, match="rtol=0.1, atol=None: expected both or neither"):
        verdict(given, rtol=0.1)


def test_an_alias_is_judged_as_the_tensor_it_names():
    given = answer()
    given["layers.1.input"] = given["layers.0.output"]
    assert verdict(given).passed
    given["layers.1.input"] = given["layers.0.output"] * 1.01
    found = verdict(given)
    assert found.first["forward"] == {"global": "layers.1.input", "local": "layers.1.input"}
    only = {"layers.1.input": answer()["layers.0.output"]}
    assert verdict(only).passed and "layers.0.output" not in verdict(only).absent


def test_an_answer_is_not_changed():
    given = answer()
    before = {name: value.copy() for name, value in given.items()}
    verdict(given)
    assert list(given) == list(before) and all(np.array_equal(given[name], before[name]) for name in before)
