"""Scores: each name against a loop, the laws between the names, and what is refused."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.test_util import check_grads

from minires.reservoir.measures.scores import NORMALISERS, mse, nmse, nrmse, nrmse_components, rmse, scores

T, q = 7, 3
rng = np.random.default_rng(1)
TARGET = rng.standard_normal((T, q)) * [1.0, 2.0, 0.5] + [3.0, -1.0, 0.2]
PREDICTION = TARGET + rng.standard_normal((T, q)) * [0.1, 0.4, 0.7]


def column_size(y, name, ddof):
    """The normaliser of one component, from a list of numbers."""
    middle = sum(y) / len(y)
    square = sum((each - middle) ** 2 for each in y) / (len(y) - ddof)
    ordered = sorted(y)

    def quartile(share):
        place = share * (len(y) - 1)
        low = int(place)
        return ordered[low] + (place - low) * (ordered[min(low + 1, len(y) - 1)] - ordered[low])

    return {"std": square ** 0.5, "variance": square, "rms": (sum(each ** 2 for each in y) / len(y)) ** 0.5,
            "mean": abs(middle), "peak_to_peak": max(y) - min(y), "interquartile": quartile(0.75) - quartile(0.25)}[name]


def loop_mse(prediction, target):
    """A number at a time."""
    total = 0.0
    for t in range(len(target)):
        for j in range(len(target[t])):
            total += (prediction[t][j] - target[t][j]) ** 2
    return total / (len(target) * len(target[0]))


@pytest.mark.parametrize("name", NORMALISERS)
@pytest.mark.parametrize("ddof", (0, 1, 2))
def test_a_score_of_one_component_is_rmse_over_the_normaliser(name, ddof):
    ddof = ddof if name in ("std", "variance") else 0
    y, yhat = TARGET[:, :1], PREDICTION[:, :1]
    found = nrmse(yhat, y, name, ddof)
    assert np.isclose(found.value, loop_mse(yhat, y) ** 0.5 / column_size(y[:, 0].tolist(), name, ddof), rtol=1e-14)
    assert found[1:] == ("NRMSE", name, ddof, T)


@pytest.mark.parametrize("name", NORMALISERS)
def test_of_several_components_the_normaliser_is_the_root_of_the_mean_square(name):
    each = [column_size(TARGET[:, j].tolist(), name, 0) for j in range(q)]
    size = sum(each) / q if name == "variance" else (sum(one ** 2 for one in each) / q) ** 0.5
    assert np.isclose(nrmse(PREDICTION, TARGET, name).value, loop_mse(PREDICTION, TARGET) ** 0.5 / size, rtol=1e-14)


@pytest.mark.parametrize("name", NORMALISERS)
def test_each_component_is_divided_by_its_own_normaliser(name):
    found = nrmse_components(PREDICTION, TARGET, name)
    expected = [nrmse(PREDICTION[:, j:j + 1], TARGET[:, j:j + 1], name).value for j in range(q)]
    np.testing.assert_allclose(found.value, expected, rtol=1e-14)
    assert found.value.shape == (q,)


def test_mse_is_the_mean_over_rows_and_components():
    assert np.isclose(mse(PREDICTION, TARGET), loop_mse(PREDICTION, TARGET), rtol=1e-14)
    assert np.isclose(rmse(PREDICTION, TARGET) ** 2, loop_mse(PREDICTION, TARGET), rtol=1e-14)


def test_a_batch_counts_as_its_rows():
    twice = lambda y: np.stack([y, 2 * y])
    flat = lambda y: np.concatenate([y, 2 * y])
    for name in NORMALISERS:
        found, expected = (nrmse(form(PREDICTION), form(TARGET), name) for form in (twice, flat))
        assert np.isclose(found.value, expected.value, rtol=1e-14)
    assert nmse(twice(PREDICTION), twice(TARGET)).rows == 2 * T


@pytest.mark.parametrize("ddof", (0, 1))
def test_the_square_of_nrmse_by_std_is_nmse(ddof):
    assert np.isclose(nrmse(PREDICTION, TARGET, "std", ddof).value ** 2, nmse(PREDICTION, TARGET, ddof).value, rtol=1e-14)


def test_the_mean_of_the_target_has_an_nmse_of_one():
    assert np.isclose(nmse(np.broadcast_to(TARGET.mean(axis=0), TARGET.shape), TARGET).value, 1, rtol=1e-14)


def test_dividing_by_the_variance_is_another_score_with_a_unit():
    by = {name: nrmse(PREDICTION, TARGET, name).value for name in ("std", "variance")}
    tenfold = {name: nrmse(10 * PREDICTION, 10 * TARGET, name).value for name in ("std", "variance")}
    assert np.isclose(by["std"] ** 2 / by["variance"], rmse(PREDICTION, TARGET), rtol=1e-14)
    assert np.isclose(tenfold["std"], by["std"]) and np.isclose(tenfold["variance"], by["variance"] / 10)


def test_one_prediction_has_all_names_and_they_differ():
    found = scores(PREDICTION, TARGET)
    assert list(found) == ["nmse", *NORMALISERS]
    assert len({round(float(score.value), 6) for score in found.values()}) == len(found)
    assert all(name in str(score) for name, score in found.items() if name != "nmse")


def test_scores_leave_out_a_normaliser_that_is_zero():
    y = np.array([[1.0], [-1.0], [2.0], [-2.0]])
    assert "mean" not in scores(y + 0.1, y) and "rms" in scores(y + 0.1, y)


def test_a_score_prints_what_it_was_divided_by():
    assert str(nrmse(PREDICTION, TARGET, ddof=1)).endswith("(rmse / std of the target, ddof 1, 7 rows)")
    assert str(nmse(PREDICTION, TARGET)).startswith("NMSE ") and "mse / variance" in str(nmse(PREDICTION, TARGET))
    assert str(nrmse_components(PREDICTION, TARGET, "rms")).startswith("NRMSE [")


def test_the_dtype_stays():
    for value in (mse(PREDICTION.astype("f"), TARGET.astype("f")), *(
            score.value for score in scores(PREDICTION.astype("f"), TARGET.astype("f")).values())):
        assert value.dtype == np.float32


def test_scores_are_differentiable_in_the_prediction():
    for name in NORMALISERS:
        loss = lambda yhat: nrmse(yhat, TARGET, name).value + mse(yhat, TARGET)
        check_grads(loss, modes=["rev", "fwd"])(anp.array(PREDICTION))
    check_grads(lambda y: nrmse(PREDICTION, y, "rms").value, modes=["rev"])(anp.array(TARGET))


@pytest.mark.parametrize("constant", (0.0, 0.1, 1e6 / 3))
@pytest.mark.parametrize("name", ("std", "variance", "peak_to_peak"))
def test_a_constant_target_is_refused_whatever_rounding_makes_of_it(constant, name):
    for dtype in ("d", "f"):
        y = np.full((2001, 1), constant, dtype)
        with pytest.raises(ValueError, match=f"target is constant, its {name} is 0"):
            nrmse(y + 1, y, name)
        with pytest.raises(ValueError, match="target is constant"):
            scores(y + 1, y)


def test_a_target_that_varies_little_about_a_large_mean_has_its_scores():
    y = 1e3 + 1e-9 * TARGET[:, :1]
    found = scores(y + 1e-9, y)
    assert list(found) == ["nmse", *NORMALISERS] and abs(found["std"].value * np.std(TARGET[:, 0]) - 1) < 0.01


def test_one_constant_component_counts_in_the_whole_but_has_no_score_of_its_own():
    y = np.concatenate([TARGET, np.full((T, 1), 0.1)], axis=1)
    assert np.isfinite(nrmse(y + 1, y).value)
    with pytest.raises(ValueError, match=r"component \[3\] of the target is constant"):
        nrmse_components(y + 1, y)


@pytest.mark.parametrize("prediction, target, message", [
    (TARGET[:, 0], TARGET[:, 0], r"prediction has shape \(7,\): expected 2 or 3 dimensions"),
    (TARGET[:, :1], TARGET[:, 0], r"target has shape \(7,\)"),
    (TARGET, TARGET[:, :1], r"prediction has shape \(7, 3\), target \(7, 1\): expected the same"),
    (TARGET[:-1], TARGET, "expected the same"),
    (TARGET[:0], TARGET[:0], "at least one entry"),
    (TARGET + np.nan, TARGET, "prediction is nan at"),
    (TARGET, TARGET + np.inf, "target is inf at"),
])
def test_bad_series_are_named(prediction, target, message):
    for measure in (mse, rmse, nmse, nrmse, nrmse_components, scores):
        with pytest.raises(ValueError, match=message) as error:
            measure(prediction, target)
        assert "\n" not in str(error.value)


def test_a_bad_normaliser_or_ddof_is_named():
    with pytest.raises(ValueError, match="did you mean 'variance'"):
        nrmse(PREDICTION, TARGET, "var")
    with pytest.raises(ValueError, match="ddof=1 for rms"):
        nrmse(PREDICTION, TARGET, "rms", 1)
    with pytest.raises(ValueError, match="ddof=7 with 7 rows"):
        nrmse(PREDICTION, TARGET, ddof=7)
    with pytest.raises(ValueError, match="ddof=-1"):
        nmse(PREDICTION, TARGET, ddof=-1)


@pytest.mark.parametrize("ours, theirs", [("peak_to_peak", "minmax"), ("variance", "var"), ("mean", "mean"),
                                          ("interquartile", "q1q3")])
def test_reservoirpy_divides_by_these_and_calls_the_variance_norm_nrmse(ours, theirs):
    observables = pytest.importorskip("reservoirpy.observables")
    y, yhat = np.abs(TARGET[:, :1]), PREDICTION[:, :1]
    assert np.isclose(nrmse(yhat, y, ours).value, observables.nrmse(y, yhat, norm=theirs), rtol=1e-14)
    np.testing.assert_allclose(nrmse_components(PREDICTION, np.abs(TARGET), ours).value,
                               observables.nrmse(np.abs(TARGET), PREDICTION, norm=theirs, dimensionwise=True), rtol=1e-13)
