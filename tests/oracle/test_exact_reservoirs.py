"""Reservoirs, their readouts and the reservoir-memory classifier run in balls as they are: values and gradients."""

import autograd.numpy as np
import numpy
import pytest

pytest.importorskip("flint", reason="install the oracle: pip install '.[oracle]'")
from minires.gradients import value_and_gradient  # noqa: E402
from minires.oracle.exact.balls import precision, raw  # noqa: E402
from minires.oracle.exact.differences import DIGITS, confirm  # noqa: E402
from minires.oracle.exact.truth import exactly  # noqa: E402
from minires.parameters import flatten, unflatten  # noqa: E402
from minires.reservoir.echo_state import run, step  # noqa: E402
from minires.reservoir.network import FAMILIES, EchoState  # noqa: E402
from minires.reservoir.readouts.ridge import predict, ridge, ridge_without_bias  # noqa: E402
from minires.reservoir_resformer.model import ReservoirResFormer  # noqa: E402

RNG = numpy.random.default_rng(5)


def holds(function, params):
    """In balls the function and its gradient enclose numbers near those of float64; the radii are tiny."""
    value, gradient = value_and_gradient(function, params)
    with precision(192):
        exact, slopes = value_and_gradient(function, unflatten({name: exactly(x) for name, x in flatten(params).items()}))
        assert abs(float(raw(exact).mid()) - value) < 1e-12 * max(1, abs(value))
        for name, slope in slopes.items():
            found = numpy.array([float(raw(x).mid()) for x in numpy.ravel(slope)])
            assert numpy.max(abs(found - numpy.ravel(gradient[name]))) < 1e-11 and max(
                float(raw(x).rad()) for x in numpy.ravel(slope)) < 1e-35, name


def network(family, topology="dense", f="tanh"):
    """Float parameters of a small network, and a function that puts the places of a fixed in-degree back."""
    params = flatten(EchoState(units=4, inputs=2, outputs=1, family=family, topology=topology, f=f).init(RNG))
    places = {name: array for name, array in params.items() if name.endswith("sources")}
    params = {name: numpy.asarray(array, float) for name, array in params.items() if name not in places}
    return unflatten(params), lambda own: unflatten({**places, **flatten(own)})


U, Y, C = RNG.standard_normal((2, 5, 2)), RNG.standard_normal((2, 5, 1)), RNG.standard_normal((2, 5, 4))
MASK = numpy.arange(5) < numpy.array([[5], [3]])


KINDS = [("dense", "tanh"), ("cycle", "logistic"), ("cycle", "relu"), ("dense", "identity")]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("topology", "f"), KINDS)
def test_a_run_is_enclosed_with_its_gradients(family, topology, f):
    params, full = network(family, topology, f)
    holds(lambda p: np.sum(C * run(full(p), U, None, Y, f=f, mask=MASK)[0]), params)
    holds(lambda p: np.sum(C[:, 0] * step(full(p), C[:, 1], U[:, 0], Y[:, 0], f=f)), params)


def test_the_fused_rollout_agrees_with_differences_on_thirty_digits():
    params, full = network("leaky", "cycle")
    rows = confirm(lambda p: np.sum(C * run(full(p), U, None, Y, mask=MASK)[0]), params)
    assert min(row.digits for row in rows) >= DIGITS


READOUTS = {"free": lambda F, Y: ridge(F, Y, 0.3), "penalised": lambda F, Y: ridge(F, Y, 0.3, True),
            "zero": lambda F, Y: ridge(F, Y, 0.0), "none": lambda F, Y: ridge_without_bias(F, Y, 0.3)}


@pytest.mark.parametrize("read", READOUTS.values(), ids=READOUTS)
def test_a_ridge_readout_is_enclosed_and_agrees_on_thirty_digits(read):
    rng = numpy.random.default_rng(6)
    params, c = {"F": rng.standard_normal((7, 3)), "Y": rng.standard_normal((7, 2))}, rng.standard_normal((7, 2))
    function = lambda p: np.sum(c * predict(read(p["F"], p["Y"]), p["F"]))
    holds(function, params)
    assert min(row.digits for row in confirm(function, params)) >= DIGITS


@pytest.mark.parametrize("options", [{}, {"fusion": "gate", "readout": "neuron_attention"},
                                     {"fusion": "suffix", "readout": "quadratic"},
                                     {"fusion": "every_layer", "gradient": "end_to_end", "first": "masked"},
                                     {"fusion": "addition", "group": "learned", "units": (3, 4), "step": "sentence_mean"}])
def test_the_reservoir_memory_classifier_is_enclosed(options):
    sizes = {"vocabulary": 5, "classes": 3, "width": 4, "heads": 2, "hidden": 3, "units": 4, "memory_tokens": 2, "density": 1.0}
    model, rng = ReservoirResFormer(**{**sizes, **options}), numpy.random.default_rng(7)
    tokens, real, c = rng.integers(0, 5, (1, 2, 3)), numpy.arange(3) < numpy.array([[[3], [2]]]), rng.standard_normal((1, 2, 3))
    holds(lambda p: np.sum(c * model.apply(p, tokens, real)), model.init(rng))
