"""Weights of another shape, orientation or kind are refused in one line that names the peer's array."""

import numpy as np
import pytest
from golden_presets import GOLDEN

from minires.reservoir.presets import PRESETS, peer_features, peer_readout, preset

W7, IN, ROW, U = np.eye(7), np.ones((7, 2)), np.ones((2, 7)), np.ones((4, 2))
RESRMN = GOLDEN["resrmn"]["arrays"]


def given(name, *weights, **settings):
    """The parameters of the preset."""
    return preset(name).parameters(*weights, **settings)


def ran(name, W_in, W, *series, **options):
    """Its states, weights in the order (input, recurrent)."""
    return preset(name).run(given(name, W_in, W), *series, **options)


HOSTILE = {
    "orientation of Win": (lambda: given("minimal", np.ones((3, 7)), W7, 0.3), r"Win has shape \(3, 7\): expected \(7, \.\)"),
    "row form": (lambda: given("pyrcn", IN, W7), r"input_weights has shape \(7, 2\): expected \(\., 7\)"),
    "W not square": (lambda: ran("rcjl", IN, np.ones((7, 6)), U), r"W has shape \(7, 6\)"),
    "leak 0": (lambda: given("minimal", np.ones((7, 3)), W7, 0.0), "leak rate a=0.0: expected above 0 and at most 1"),
    "bias": (lambda: given("echotorch", W7, IN, np.ones(6)), r"w_bias has shape \(6,\): expected a number or \(7,\)"),
    "nan": (lambda: given("rescompy", W7 * np.nan, IN), r"A is nan at \(0, 0\): expected finite numbers"),
    "text": (lambda: given("rescompy", "A", IN), "A has type <U1: expected numbers"),
    "vector": (lambda: given("bianchi", W7, np.ones(7)), r"input_weights has shape \(7,\): expected 2 dimensions"),
    "feedback_dim": (lambda: given("reservoirpy04", IN, W7, feedback_dim=2), "feedback_dim=2 of 2 columns of Win"),
    "feedback_dim -1": (lambda: given("reservoirpy04", IN, W7, feedback_dim=-1), "feedback_dim=-1: expected a whole"),
    "ortho": (lambda: given("es2n", W7, IN, np.eye(6), proximity=0.5), r"O has shape \(6, 6\): expected \(7, 7\)"),
    "proximity": (lambda: given("es2n", W7, IN, W7, proximity=np.ones(7)), r"proximity has shape \(7,\)"),
    "no layers": (lambda: given("deepesn", []), "no layers: expected at least one"),
    "no residual layers": (lambda: given("deepresesn", []), "no layers: expected at least one"),
    "scaling": (lambda: given("pyesn", IN, W7, input_scaling=np.ones(3)), r"input_scaling has shape \(3,\)"),
    "one row": (lambda: ran("pyesn", IN, W7, U[:1]), "u has 1 rows: expected at least two"),
    "u of pyrcn": (lambda: ran("pyrcn", ROW, W7, U[:, :1]), r"u has shape \(4, 1\): expected"),
    "activation": (lambda: ran("pyrcn", ROW, W7, U, input_activation="tan"),
                   "unknown input activation 'tan': did you mean 'tanh'"),
    "name": (lambda: preset("reservoirpy"), "unknown preset 'reservoirpy': did you mean 'reservoirpy04'"),
    "memory": (lambda: given("resrmn", {**RESRMN["memory"], "in_kernel": np.ones((3, 5))}, RESRMN["reservoir"]),
               r"in_kernel has shape \(2, 7\): expected \(3, \.\)"),
    "W_out": (lambda: peer_readout(preset("minimal"), np.ones((3, 9)), d=2, N=7),
              r"W_out has shape \(3, 9\): expected \(3, 10\)"),
    "no y": (lambda: peer_features(preset("jaeger2001"), np.ones((4, 7)), U), "the readout reads u, x, y: expected y as well"),
    "external x_0": (lambda: ran("reservoirpy03_external", IN, W7, U, np.ones(6)), r"x_0 has shape \(6,\): expected \(7,\)"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_bad_input_is_refused_in_one_line(case):
    attempt, message = HOSTILE[case]
    with pytest.raises(ValueError, match=message) as caught:
        attempt()
    assert "\n" not in str(caught.value)


def test_an_empty_series_has_no_states():
    for name in ("minimal", "reservoirpy03_external"):
        arrays = {key: value for key, value in GOLDEN[name]["arrays"].items() if key != "Wfb"}
        states, last = PRESETS[name].run(PRESETS[name].parameters(**arrays), np.zeros((0, 2)), np.arange(7.0))
        assert states.shape == (0, 7) and np.array_equal(last, np.arange(7.0))
