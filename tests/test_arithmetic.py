"""The model's functions in exact arithmetic, against mpmath at 60 digits: no constant is lost to float64 on the way."""

import autograd.numpy as np
import pytest
from autograd import elementwise_grad

from minires import activations, positions
from minires.arithmetic import approximate, cast, sqrt, written

mpmath = pytest.importorskip("mpmath")
pytest.importorskip("flint", reason="install the oracle: pip install '.[oracle]'")
from minires.oracle.exact.balls import balls, precision, raw  # noqa: E402

POINTS = [-2.75, -0.4375, 0.1875, 1.625]
HALF = mpmath.mpf(1) / 2


def agree(found, expected, digits=50):
    """Every ball is within 10^-digits of mpmath's number."""
    with mpmath.workdps(70):
        for ball, number in zip(np.ravel(found), expected, strict=True):
            middle = mpmath.mpf(raw(ball).mid().str(65, radius=False))
            assert abs(middle - number) <= mpmath.mpf(10) ** -digits * max(1, abs(number))
            assert float(raw(ball).rad()) < 10.0 ** -digits


def cubic(x):
    return mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(0.044715) * x ** 3)


FUNCTIONS = {
    "tanh": (activations.tanh, mpmath.tanh),
    "erf": (activations.erf, mpmath.erf),
    "sigmoid": (activations.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "silu": (activations.silu, lambda x: x / (1 + mpmath.exp(-x))),
    "gelu_tanh": (activations.gelu_tanh, lambda x: x / 2 * (1 + mpmath.tanh(cubic(x)))),
    "gelu_erf": (activations.gelu_erf, lambda x: x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2),
    "relu": (activations.relu, lambda x: max(x, 0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_and_its_slope_hold_fifty_digits(name):
    function, reference = FUNCTIONS[name]
    with precision(256), mpmath.workdps(70):
        x = balls(POINTS)
        agree(function(x), [reference(mpmath.mpf(p)) for p in POINTS])
        slopes = [mpmath.diff(reference, mpmath.mpf(p), h=mpmath.mpf(10) ** -32) for p in POINTS]
        agree(elementwise_grad(function)(x), slopes)


def test_sinusoidal_positions_hold_fifty_digits():
    with precision(256), mpmath.workdps(70):
        angle = [[p / mpmath.mpf(10000) ** (mpmath.mpf(2 * i) / 6) for i in range(3)] for p in (0, 1, 5)]
        agree(positions.sinusoidal(np.array([0, 1, 5]), 6, np.dtype(object)),
              [f(a) for row in angle for a in row for f in (mpmath.sin, mpmath.cos)])


def test_rotary_positions_hold_fifty_digits():
    x = np.array([0.5, -1.25, 2.0, 0.75, 3.5, -0.375])
    with precision(256), mpmath.workdps(70):
        angle = [7 / mpmath.mpf(10000) ** (mpmath.mpf(2 * i) / 6) for i in range(3)]
        first = [x[i] * mpmath.cos(a) - x[i + 3] * mpmath.sin(a) for i, a in enumerate(angle)]
        second = [x[i + 3] * mpmath.cos(a) + x[i] * mpmath.sin(a) for i, a in enumerate(angle)]
        agree(positions.rotate(balls(x)[None, None, None], np.array([7])), first + second)


def test_alibi_slopes_hold_fifty_digits():
    with precision(256), mpmath.workdps(70):
        agree(positions.alibi(3, np.array([4]), np.array([0, 6]), np.dtype(object)),
              [-mpmath.mpf(2) ** (mpmath.mpf(-8 * h) / 3) * d for h in (1, 2, 3) for d in (4, 2)])


def test_roots_of_sizes_hold_fifty_digits():
    with precision(256), mpmath.workdps(70):
        like = balls([1.0])
        agree([sqrt(6, like), written(6, like) ** 0.5, written(6, like) ** -0.25, 1 - written(0.3, like)],
              [mpmath.sqrt(6), mpmath.sqrt(6), mpmath.mpf(6) ** (-HALF / 2), 1 - mpmath.mpf(0.3)])


def test_floats_stay_what_they_are():
    like = np.ones(2, dtype="float32")
    assert written(3, like) == 3 and type(written(0.3, like)) is float and type(sqrt(2, like)) is float
    assert cast(np.array([0.1]), like).dtype == "float32" and approximate(like) is like
    assert (activations.gelu_tanh(like) * sqrt(2, like)).dtype == "float32"
