"""Every gradient of every variant against central differences; the check catches what no forward pass shows."""

import numpy as np
import pytest
from autograd.extend import defjvp, defvjp, primitive
from autograd.tracer import getval
from case import with_fields
from residual_cases import CASES, CLASSIC, VARIANT_CASES

from minires.gradients import (FLOOR, ROUNDING, STEP, TOLERANCE, central_differences, check_gradients, check_variant, loss,
                               random_parameters, tiny_example, tiny_model, value_and_gradient)
from minires.parameters import flatten, unflatten

EVERY_RUN = ("vanilla", "realformer", "resformer_learnable", "svformer", "hyper_connections")
SMALL = {"vocabulary": 5, "width": 4, "heads": 2, "kv_heads": 1, "head_width": 2, "feed_forward": 3}


def assert_right(rows):
    """Reverse and forward mode within the tolerance for every parameter, all coordinates."""
    assert {row.parameter: row for row in rows if not max(row.reverse, row.forward) < TOLERANCE} == {}


def test_the_tolerance_is_one_in_ten_million():
    assert TOLERANCE == 1e-7


def small_loss(name, rng):
    """The loss of a case's small model as a function of its parameters, random parameters, and which of them are trained."""
    case = CASES[name]
    kind = "decoder" if "decoder" in case.kinds else case.kinds[0]
    sizes = {**SMALL, **case.sizes, "options": case.small or case.options}
    try:
        model = tiny_model(case.variant, kind, **{"layers": 3, **sizes})
        params = random_parameters(model, rng)
    except ValueError:  # options that speak of a fourth layer, or of two halves
        model = tiny_model(case.variant, kind, **{"layers": 4, **sizes})
        params = random_parameters(model, rng)
    batch = tiny_example(model, rng, T=4)
    return lambda p: loss(model, p, batch)[0], params, lambda parameter: model.residual.trained(parameter, model)


@pytest.mark.parametrize("name", [name if name in EVERY_RUN else pytest.param(name, marks=pytest.mark.slow)
                                  for name in [*VARIANT_CASES, *(name for name in CASES if CASES[name].options)]])
def test_every_gradient_agrees_with_central_differences(name):
    rng = np.random.default_rng(2)
    function, params, trained = small_loss(name, rng)
    assert_right(check_gradients(function, params, rng, trained))


@pytest.mark.parametrize("name", VARIANT_CASES)
def test_every_gradient_agrees_with_differences_along_random_directions(name):
    rng = np.random.default_rng(3)
    function, params, trained = small_loss(name, rng)
    flat, gradient = flatten(params), value_and_gradient(function, params)[1]
    largest = max(np.max(abs(g)) for g in gradient.values())
    for parameter, g in gradient.items():
        if not trained(parameter):
            assert np.all(g == 0), parameter
            continue
        direction = rng.standard_normal(np.shape(g))
        direction /= np.sqrt(np.sum(direction * direction))  # as long as a coordinate step
        along = lambda t: function(unflatten({**flat, parameter: flat[parameter] + t["t"] * direction}))
        reach = max(np.max(abs(g)), FLOOR * largest, ROUNDING / TOLERANCE) * np.sum(abs(direction))
        errors = (abs(central_differences(along, {"t": np.array(0.0)}, "t", step) - np.sum(g * direction))
                  for step in (STEP, STEP / 10))  # the shorter one where the step's own error is too large
        assert any(error < TOLERANCE * reach for error in errors), parameter


@pytest.mark.slow
@pytest.mark.parametrize("variant", [name for name in VARIANT_CASES if name in CLASSIC])
def test_every_gradient_of_the_larger_model_agrees_with_central_differences(variant):
    assert_right(check_variant(variant))


def small_check(variant, kind="decoder", layers=2, fields=None, seed=2):
    """Rows of the check of a smaller model, with fields of the record replaced, and the logits."""
    rng = np.random.default_rng(seed)
    model = tiny_model(variant, kind, layers, **SMALL)
    params, batch = random_parameters(model, rng), tiny_example(model, rng, T=4)
    model = with_fields(model, **(fields or {}))
    return check_gradients(lambda p: loss(model, p, batch)[0], params, rng), loss(model, params, batch)[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind, variant", [
    ("encoder", "realformer"), ("encoder", "svformer"), ("encoder", "resformer_neutreno"),
    ("encoder_decoder", "realformer_mean"), ("encoder_decoder", "resformer_plus"), ("encoder_decoder", "svformer")])
def test_every_gradient_of_other_kinds_agrees_with_central_differences(kind, variant):
    assert_right(small_check(variant, kind)[0])


# ---- mistakes that no forward pass shows -----------------------------------------------------------------------------

@primitive
def weighted(weight, values):
    """weight * values, whose reverse mode is wrong in the weight: a mean for the sum."""
    return weight * values


defvjp(weighted, lambda ans, w, V: lambda g: np.mean(g * V), lambda ans, w, V: lambda g: w * g)
defjvp(weighted, lambda g, ans, w, V: g * V, lambda g, ans, w, V: w * g)

DETACHED_SCORES = {"scores": lambda fresh, past, here: fresh + getval(past[-1]["scores"]) if past else fresh}
DETACHED_VALUES = {"values": lambda fresh, past, here: (
    0.5 * getval(past[0]["fresh_values"]) + 0.5 * fresh if past else fresh)}
DETACHED_SHARED = {"values": lambda fresh, past, here: getval(past[0]["values"]) if past else fresh}
MEAN_FOR_SUM = {"values": lambda fresh, past, here: (
    weighted(here.params["lambda_1"], past[0]["fresh_values"]) + here.params["lambda_2"] * fresh if past else fresh)}

BELOW_SCORES = {"embedding.W_token", "embedding.W_position", "start_norm.gain", "start_norm.bias",
                "layers.0.attention.W_q", "layers.0.attention.b_q", "layers.0.attention.W_k"}
BELOW_VALUES = {"embedding.W_token", "layers.0.attention.norm.gain", "layers.0.attention.W_v"}
MISTAKES = {  # name -> variant, fields, the parameters whose gradient must be reported, and no others
    "carried scores detached": ("realformer", DETACHED_SCORES, BELOW_SCORES),
    "first values detached": ("resformer", DETACHED_VALUES, BELOW_VALUES),
    "shared values detached": ("svformer", DETACHED_SHARED, BELOW_VALUES),
    "weight's gradient a mean": ("resformer_learnable", MEAN_FOR_SUM, {"layers.1.attention.lambda_1"}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_gradient_with_a_right_forward_pass_is_reported(mistake):
    variant, fields, expected = MISTAKES[mistake]
    rows, logits = small_check(variant, fields=fields)
    right_rows, right_logits = small_check(variant)
    np.testing.assert_array_equal(logits, right_logits)
    assert_right(right_rows)
    wrong = {row.parameter for row in rows if row.reverse > 1e-3}
    fine = {row.parameter for row in rows if row.reverse < TOLERANCE}
    assert wrong == expected and fine == {row.parameter for row in rows} - expected


@pytest.mark.parametrize("mistake", ["carried scores detached", "first values detached", "shared values detached"])
def test_a_detached_carry_is_wrong_in_forward_mode_too(mistake):
    variant, fields, _ = MISTAKES[mistake]
    rows, _ = small_check(variant, fields=fields)
    assert max(row.forward for row in rows) > 1e-3
