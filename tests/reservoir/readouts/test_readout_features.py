"""What a readout reads: the order of the features, their squares, the washout, the joining of series."""

import autograd.numpy as anp
import numpy as np
import pytest

from minires.gradients import check_gradients
from minires.reservoir.readouts.features import SQUARES, features
from minires.reservoir.readouts.series import stack_rows, washout


def squared_by_hand(x, squares):
    """s(x) of one state with the papers' units 1 .. N."""
    N = len(x)
    unit = dict(enumerate(x, start=1))
    if squares == "all":
        return list(x) + [v * v for v in x]
    out = []
    for i in range(1, N + 1):
        odd, inside = i % 2 == 1, 1 < i < N
        if squares == "even" and not odd or squares == "nlat1" and odd:
            out.append(unit[i] ** 2)
        elif squares == "nlat2" and odd and inside:
            out.append(unit[i - 1] * unit[i - 2])
        elif squares == "nlat3" and odd and inside:
            out.append(unit[i - 1] * unit[i + 1])
        else:
            out.append(unit[i])
    return out


@pytest.mark.parametrize("N", [1, 2, 6, 7])
@pytest.mark.parametrize("squares", SQUARES)
def test_the_squares_are_those_of_their_equations(squares, N):
    x = np.random.default_rng(N).standard_normal((2, 3, N))
    found = features(x, squares=squares)
    for b, t in np.ndindex(2, 3):
        np.testing.assert_array_equal(found[b, t], squared_by_hand(x[b, t], squares))


def test_nlat2_and_nlat3_give_the_examples_of_reservoir_computing_jl():
    """Their documented example, x = 0 .. 9."""
    x = np.arange(10.0)[None]
    np.testing.assert_array_equal(features(x, squares="nlat3")[0], [0, 1, 3, 3, 15, 5, 35, 7, 63, 9])
    np.testing.assert_array_equal(features(x, squares="nlat2")[0], [0, 1, 0, 3, 6, 5, 20, 7, 42, 9])


def test_the_order_is_input_then_state_then_previous_output():
    rng = np.random.default_rng(0)
    x, u, y = (rng.standard_normal((4, n)) for n in (5, 2, 3))
    np.testing.assert_array_equal(features(x, u, y, "all"), np.c_[u, x, x * x, y])
    np.testing.assert_array_equal(features(x[None], u[None])[0], np.c_[u, x])
    np.testing.assert_array_equal(features(x), x)


@pytest.mark.parametrize("squares", SQUARES)
def test_features_are_differentiable_and_keep_their_dtype(squares):
    rng = np.random.default_rng(1)
    C, x, u = rng.standard_normal((3, 16)), rng.standard_normal((3, 7)), rng.standard_normal((3, 2))
    function = lambda p: anp.sum(C[:, :features(x, u, squares=squares).shape[1]] * features(p["x"], p["u"], squares=squares))
    for row in check_gradients(function, {"x": x, "u": u}, rng):
        assert row.reverse < 1e-10 and row.forward < 1e-10
    from autograd import grad
    single = x.astype(np.float32)
    assert features(single, squares=squares).dtype == np.float32
    assert grad(lambda x: anp.sum(features(x, squares=squares)))(single).dtype == np.float32
    h = 1e-30
    slope = features(x + 1j * h * C[:, :7], squares=squares).imag / h
    central = (features(x + 1e-6 * C[:, :7], squares=squares) - features(x - 1e-6 * C[:, :7], squares=squares)) / 2e-6
    np.testing.assert_allclose(slope, central, atol=1e-8)


def test_lists_of_whole_numbers_are_taken():
    assert features([[2, 3]], [[7]], squares="all").tolist() == [[7, 2, 3, 4, 9]]
    assert washout(1, [[1], [2]]).tolist() == [[2]] and stack_rows(1, [[[1], [2]], [[3], [4]]]).tolist() == [[2], [4]]


# ---- washout and joining ---------------------------------------------------------------------------------------------

def test_the_washout_drops_the_first_steps_of_features_and_targets_alike():
    """On the time axis, not on the batch (mistake 42), on both (mistake 43)."""
    F, Y = np.arange(42.0).reshape(2, 7, 3), np.arange(70.0).reshape(2, 7, 5)
    cut, kept = washout(4, F, Y)
    np.testing.assert_array_equal(cut, F[:, [4, 5, 6]])
    np.testing.assert_array_equal(kept, Y[:, [4, 5, 6]])
    np.testing.assert_array_equal(washout(2, F[1]), F[1][[2, 3, 4, 5, 6]])
    np.testing.assert_array_equal(washout(0, F), F)


def test_series_are_joined_row_by_row_and_nothing_is_dropped():
    """Each series has its own washout; the last one is there too (mistake 50)."""
    rng = np.random.default_rng(0)
    F = [rng.standard_normal((T, 2)) for T in (3, 7, 4)]
    Y = [rng.standard_normal((T, 1)) for T in (3, 7, 4)]
    rows, targets = stack_rows(2, F, Y)
    expected = [(F[b][t], Y[b][t]) for b in range(3) for t in range(len(F[b])) if t >= 2]
    np.testing.assert_array_equal(rows, [f for f, _ in expected])
    np.testing.assert_array_equal(targets, [y for _, y in expected])
    assert len(rows) == 1 + 5 + 2


def test_padding_is_left_out_wherever_it_stands_and_whatever_is_in_it():
    rng = np.random.default_rng(1)
    F, Y = rng.standard_normal((3, 6, 2)), rng.standard_normal((3, 6, 4))
    mask = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], dtype=bool)
    F[~mask], Y[~mask] = np.nan, np.inf
    rows, targets = stack_rows(1, F, Y, mask=mask)
    places = [(0, 1), (0, 2), (1, 3), (1, 4), (1, 5), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]
    np.testing.assert_array_equal(rows, [F[place] for place in places])
    np.testing.assert_array_equal(targets, [Y[place] for place in places])


def test_joining_is_differentiable():
    rng = np.random.default_rng(2)
    F, C = rng.standard_normal((2, 4, 3)), rng.standard_normal((5, 3))
    mask = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], dtype=bool)
    row, = check_gradients(lambda p: anp.sum(C * stack_rows(1, p["F"], mask=mask) ** 2), {"F": F}, rng)
    assert row.reverse < 1e-9


# ---- refusals --------------------------------------------------------------------------------------------------------

x = np.ones((4, 3))


@pytest.mark.parametrize("call, message", [
    (lambda: features(x, squares="nlat"), "unknown squares 'nlat': did you mean 'nlat1'"),
    (lambda: features(x, np.ones((3, 2))), r"u has shape \(3, 2\), states have \(4, 3\): expected the same time"),
    (lambda: features(x, None, np.ones((1, 4, 2))), r"y_before has shape \(1, 4, 2\), states have \(4, 3\)"),
    (lambda: features(x * np.nan), r"states is nan at \(0, 0\)"),
    (lambda: features(np.ones(3)), r"states has shape \(3,\): expected 2 or 3 dimensions"),
    (lambda: washout(4, x), "washout=4 of a series of 4 steps: expected at most 3"),
    (lambda: washout(-1, x), "washout=-1: expected a whole number of at least 0"),
    (lambda: washout(1, x, np.ones((5, 1))), r"arrays of lengths \[4, 5\]: expected features and targets of one length"),
    (lambda: stack_rows(3, [x, x[:3]]), "washout=3 leaves nothing of series 1"),
    (lambda: stack_rows(0, [x, x], [x]), r"series of lengths \[\[4, 4\], \[4\]\]: expected at least one series, and the same"),
    (lambda: stack_rows(0, []), r"series of lengths \[\[\]\]: expected at least one series"),
    (lambda: stack_rows(0, x), r"array has shape \(4, 3\): expected 3 dimensions"),
    (lambda: stack_rows(0, [np.ones(4)]), r"series 0 has shape \(4,\): expected 2 dimensions"),
    (lambda: stack_rows(0, x[None], mask=np.ones((1, 3), bool)),
     r"mask of shape \(1, 3\) and type bool: expected \(1, 4\) of bool"),
    (lambda: stack_rows(0, x[None], mask=np.ones((1, 4))), r"mask of shape \(1, 4\) and type float64"),
    (lambda: stack_rows(0, x[None], mask=np.zeros((1, 4), bool)), r"the mask of series \[0\] is False everywhere"),
    (lambda: stack_rows(0, [x, x[:2]], mask=np.ones((2, 4), bool)), r"a mask beside series of lengths \[4, 2\]"),
    (lambda: stack_rows(0, [x, x * np.inf]), r"series 1 is inf at \(0, 0\)"),
])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
