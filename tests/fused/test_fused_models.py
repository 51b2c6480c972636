"""Whole models: loss and every gradient are the same in both spellings, in float64 and float32, from any thread."""

from threading import Barrier, Thread

import numpy
import pytest

from minires import VARIANTS, flatten, unflatten
from minires.differentiation import value_and_gradient
from minires.gradients import FLOOR, kinds_of, loss, random_parameters, tiny_example, tiny_model
from minires.spelling import spelling

SOME = ("vanilla", "realformer", "resformer", "svformer", "hyper_connections", "rezero", "ngpt", "deepnorm")
KINDS = [(variant, kind) for variant in VARIANTS for kind in kinds_of(variant)]
HOUSES = {  # what the variants' own houses leave out
    "sinusoidal": {"positions": "sinusoidal"}, "alibi": {"positions": "alibi"}, "relu": {"activation": "relu"},
    "gelu_tanh": {"activation": "gelu_tanh"}, "gelu_erf": {"activation": "gelu_erf"}, "swiglu": {"activation": "swiglu"},
    "layer norm": {"norm": "layer"}, "rms norm": {"norm": "rms"}, "heads of their own": {"kv_heads": 4},
    "one group": {"kv_heads": 1},
}


def step(model, params, batch, kind="fused", but=()):
    """Loss and gradients in the given spelling."""
    with spelling(kind, but):
        return value_and_gradient(lambda p: loss(model, p, batch)[0], params)


def example(model, dtype="float64", seed=0):
    """Random parameters in the dtype, and a batch."""
    rng = numpy.random.default_rng(seed)
    params, batch = random_parameters(model, rng), tiny_example(model, rng)
    return unflatten({name: array.astype(dtype) for name, array in flatten(params).items()}), batch


def assert_same(own, other, bound):
    """Losses, and gradients relative to the parameter's largest, or to a thousandth of the model's largest."""
    assert abs(own[0] - other[0]) <= bound * abs(other[0])
    assert own[1].keys() == other[1].keys()
    largest = max(numpy.max(abs(g), initial=0) for g in other[1].values())
    for name, g in other[1].items():
        scale = max(numpy.max(abs(g), initial=0), FLOOR * largest)
        assert numpy.shape(own[1][name]) == numpy.shape(g)
        assert numpy.max(abs(own[1][name] - g), initial=0) <= bound * scale, name


def assert_both_spellings_agree(model):
    params, batch = example(model)
    assert_same(step(model, params, batch), step(model, params, batch, "plain"), 1e-12)
    single, _ = example(model, "float32")
    value, gradient = found = step(model, single, batch)
    assert {value.dtype.name, *(g.dtype.name for g in gradient.values())} == {"float32"}
    exact = {name: array.astype(float) for name, array in flatten(single).items()}
    assert_same(found, step(model, unflatten(exact), batch), 2e-3)


@pytest.mark.parametrize("variant", SOME)
def test_loss_and_gradients_of_a_variant_are_the_same_in_both_spellings(variant):
    assert_both_spellings_agree(tiny_model(variant, layers=2))


@pytest.mark.parametrize("name", HOUSES)
def test_loss_and_gradients_are_the_same_for_every_part_of_a_house(name):
    assert_both_spellings_agree(tiny_model("vanilla", layers=1, **HOUSES[name]))


@pytest.mark.parametrize("variant", ["realformer", "svformer"])
def test_loss_and_gradients_of_encoder_and_decoder_are_the_same(variant):
    assert_both_spellings_agree(tiny_model(variant, "encoder_decoder", layers=1))


@pytest.mark.slow
@pytest.mark.parametrize("variant, kind", KINDS)
def test_loss_and_gradients_of_every_variant_and_kind_are_the_same_in_both_spellings(variant, kind):
    assert_both_spellings_agree(tiny_model(variant, kind))


@pytest.mark.slow
@pytest.mark.parametrize("but", ["linear", "embedding", "layer_norm", "rms_norm", "gelu_tanh", "gated", "rotated",
                                 "scaled_product", "masked_softmax", "group_product", "cross_entropy"])
@pytest.mark.parametrize("variant", ["vanilla", "realformer"])
def test_each_form_alone_makes_no_difference(variant, but):
    model = tiny_model(variant)
    params, batch = example(model)
    assert_same(step(model, params, batch, "plain", (but,)), step(model, params, batch, "plain"), 1e-12)


# ---- threads ---------------------------------------------------------------------------------------------------------

def test_two_threads_at_once_find_the_same_bits_as_one_after_the_other():
    models = [tiny_model("realformer", layers=2), tiny_model("vanilla", layers=2, activation="gelu_tanh")]
    examples = [example(model, seed=seed) for seed, model in enumerate(models)]
    alone = [step(model, *each) for model, each in zip(models, examples, strict=True)]
    together, start = [None, None], Barrier(2, timeout=20)

    def run(i):
        start.wait()
        together[i] = [step(models[i], *examples[i], kind) for _ in range(5) for kind in ("fused", "plain", "fused")]
    threads = [Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for i, (value, gradient) in enumerate(alone):
        plain = step(models[i], *examples[i], "plain")
        for k, (own_value, own_gradient) in enumerate(together[i]):
            expected_value, expected = plain if k % 3 == 1 else (value, gradient)
            assert own_value == expected_value
            assert all(own_gradient[name].tobytes() == g.tobytes() for name, g in expected.items())


def test_a_step_twice_has_the_same_bits_and_writes_to_no_parameter():
    model = tiny_model("resformer", layers=2)
    params, batch = example(model)
    for array in flatten(params).values():
        array.flags.writeable = False
    (value, gradient), (again, same) = step(model, params, batch), step(model, params, batch)
    assert value == again and all(same[name].tobytes() == g.tobytes() for name, g in gradient.items())
