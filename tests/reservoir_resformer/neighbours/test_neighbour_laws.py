"""Laws of every neighbour: what is frozen, what is trained, dtype, order of the batch, no look-ahead, repetition."""

from pathlib import Path

import autograd.numpy as anp
import numpy as np
import pytest
from neighbour_cases import CASES, make

import minires
from minires.differentiation import value_and_gradient
from minires.parameters import flatten, tree_map, unflatten
from minires.reservoir_resformer.neighbours import NEIGHBOURS, join, neighbour, split
from minires.training.optimisers import adamw

every = pytest.mark.parametrize("name", NEIGHBOURS)
KINDS = [("frozen_layers", {"kind": "transformer"}), ("frozen_layers", {"kind": "dense"}),
         ("echo_state_transformer", {"norm": "layer"}), ("borep", {"pool": "mean"}), ("random_sentence", {"pool": "mean"})]
every_kind = pytest.mark.parametrize("name, changes", [(name, {}) for name in NEIGHBOURS] + KINDS)


def objective(apply, inputs):
    """A loss that no two outputs enter alike."""
    def loss(params):
        y = apply(params, inputs)
        weights = np.random.default_rng(9).standard_normal(y.shape)
        return anp.sum(weights * y + 0.1 * y * y)
    return loss


# ---- the catalogue ---------------------------------------------------------------------------------------------------

@every
def test_an_entry_names_its_equation_its_paper_and_its_file(name):
    entry = NEIGHBOURS[name]
    path = Path(minires.__file__).parents[1] / entry.file
    assert entry.equation and path.parent.name == "neighbours"
    assert entry.paper.split(", ")[-1] in path.read_text(encoding="utf-8")


def test_every_neighbour_has_a_case_and_an_unknown_name_its_nearest():
    assert list(NEIGHBOURS) and set(NEIGHBOURS) == set(CASES)
    with pytest.raises(ValueError, match="nearest.*borep|borep"):
        neighbour("borepp")


# ---- repetition, batches, dtype --------------------------------------------------------------------------------------

@every_kind
def test_the_same_call_twice_is_identical_bit_for_bit_and_so_are_the_parameters_of_one_seed(name, changes):
    network, params, inputs, apply = make(name, **changes)
    np.testing.assert_array_equal(apply(params, inputs), apply(params, inputs))
    one, two, other = (flatten(network.init(np.random.default_rng(seed))) for seed in (5, 5, 6))
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert any(not np.array_equal(one[key], other[key]) for key in one)


@every_kind
def test_a_row_of_the_batch_does_not_depend_on_the_others(name, changes):
    _, params, inputs, apply = make(name, **changes)
    whole, order = apply(params, inputs), [2, 0, 1]
    turned = apply(params, {key: value[order] for key, value in inputs.items()})
    np.testing.assert_allclose(turned, whole[order], rtol=0, atol=1e-12)
    alone = apply(params, {key: value[1:2] for key, value in inputs.items()})
    np.testing.assert_allclose(alone[0], whole[1], rtol=0, atol=1e-12)


@every_kind
def test_float32_stays_float32_and_is_near_float64(name, changes):
    network, params, inputs, apply = make(name, **changes)
    assert {leaf.dtype for leaf in flatten(network.init(np.random.default_rng(0), "float32")).values()} == {np.dtype("float32")}
    single = tree_map(lambda leaf: leaf.astype("float32"), params)
    small = {key: value.astype("float32") if value.dtype == float else value for key, value in inputs.items()}
    y = apply(single, small)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, apply(params, inputs), rtol=0, atol=2e-4)


@every
def test_the_callers_arrays_are_not_changed(name):
    _, params, inputs, apply = make(name)
    before = {key: value.copy() for key, value in {**flatten(params), **inputs}.items()}
    apply(params, inputs)
    assert all(np.array_equal(value, before[key]) for key, value in {**flatten(params), **inputs}.items())


# ---- no look-ahead ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", [name for name in NEIGHBOURS if CASES[name].time])
def test_what_comes_later_changes_nothing_before_it_but_something_then(name):
    _, params, inputs, apply = make(name)
    key = CASES[name].time
    whole = apply(params, inputs)
    for t in (1, 2):
        changed = inputs[key].copy()
        changed[0, t] = (changed[0, t] + 1) % 11 if changed.dtype == int else changed[0, t] + 1
        changed = np.where(inputs["real"], changed, 0) if "real" in inputs else changed
        y = apply(params, {**inputs, key: changed})
        np.testing.assert_array_equal(y[0, :t], whole[0, :t])
        np.testing.assert_array_equal(y[1:], whole[1:])
        assert np.max(abs(y[0, t] - whole[0, t])) > 1e-6 and np.max(abs(y[0, t + 1] - whole[0, t + 1])) > 1e-9


@pytest.mark.parametrize("name", ["bag_of_embeddings", "borep", "random_sentence", "random_sentence_published"])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_padding_changes_nothing(name, pool):
    _, params, inputs, apply = make(name, pool=pool)
    tokens, real = (np.pad(array, ((0, 0), (0, 2))) for array in inputs.values())
    tokens = np.where(real, tokens, 9)
    np.testing.assert_allclose(apply(params, {"tokens": tokens, "real": real}), apply(params, inputs), rtol=0, atol=1e-13)


# ---- frozen and trained ----------------------------------------------------------------------------------------------

@every_kind
def test_join_is_the_inverse_of_split(name, changes):
    network, params, _, _ = make(name, **changes)
    frozen, trained = split(network, params)
    both, flat = flatten(join(frozen, trained)), flatten(params)
    assert frozen and trained and not frozen.keys() & trained.keys() and both.keys() == flat.keys()
    assert all(both[key] is flat[key] for key in flat)


def test_join_puts_a_tenth_layer_after_the_second():
    network, params, _, _ = make("frozen_layers", layers=12)
    both, flat = flatten(join(*split(network, params))), flatten(params)
    assert all(both[key] is flat[key] for key in flat)


@pytest.mark.parametrize("kind, lacks", [("transformer", set()), ("feed_forward", {"attention"}),
                                         ("dense", {"attention", "feed_forward"})])
def test_the_frozen_layers_are_those_that_were_named_by_default_every_second(kind, lacks):
    for named, chosen in (({}, {1, 3}), ({"frozen": (1, 4)}, {0, 3}), ({"frozen": ()}, set())):
        network, params, _, _ = make("frozen_layers", kind=kind, **named)
        assert {int(key.split(".")[1]) for key in split(network, params)[0]} == chosen
        for n, layer in enumerate(params["layers"]):
            sublayers = {"attention", "feed_forward"}
            assert set(layer) == (sublayers - lacks | ({"dense"} & {kind}) if n in chosen else sublayers)


BLIND = (".b_k",)  # softmax does not see the key bias


@every_kind
def test_training_moves_every_trained_array_and_no_byte_of_a_frozen_one(name, changes):
    network, params, inputs, apply = make(name, **changes)
    frozen, trained = split(network, params)
    bytes_before, start = {key: leaf.tobytes() for key, leaf in frozen.items()}, trained
    optimiser, loss = adamw(weight_decay=0.01), objective(apply, inputs)
    moments = optimiser.start(trained)
    for step in (1, 2):
        _, gradient = value_and_gradient(loss, join(frozen, trained))
        trained, moments = optimiser.update(trained, {key: gradient[key] for key in trained}, moments, step, 1e-3)
    after, _ = split(network, join(frozen, trained))
    assert {key: leaf.tobytes() for key, leaf in after.items()} == bytes_before
    for key, g in gradient.items():
        if key in trained and not key.endswith(BLIND):
            assert np.max(abs(g)) > 1e-8 and np.any(trained[key] != start[key]), key


@every_kind
def test_the_gradient_of_every_trained_array_is_that_of_differences(name, changes):
    network, params, inputs, apply = make(name, **changes)
    loss, rng, h = objective(apply, inputs), np.random.default_rng(7), 1e-5
    _, gradient = value_and_gradient(loss, params)
    flat, largest = flatten(params), max(np.max(abs(g)) for g in gradient.values())
    for key in split(network, params)[1]:
        for _ in range(2):
            direction = rng.standard_normal(flat[key].shape)
            f = [loss(unflatten({**flat, key: flat[key] + k * h * direction})) for k in (-2, -1, 1, 2)]
            slope = (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h)
            scale = max(np.max(abs(gradient[key])), 1e-3 * largest) * np.sum(abs(direction))
            assert abs(slope - np.sum(gradient[key] * direction)) < 1e-7 * scale, key


@pytest.mark.parametrize("kind", ["transformer", "feed_forward", "dense"])
def test_the_gradient_goes_through_frozen_layers_to_those_below(kind):
    network, params, inputs, apply = make("frozen_layers", kind=kind, frozen=(2, 3, 4))
    _, gradient = value_and_gradient(objective(apply, inputs), params)
    below = [key for key in split(network, params)[1] if key.startswith("layers.0.")]
    assert below and all(np.any(gradient[key]) for key in below if not key.endswith(BLIND))


# ---- bad input -------------------------------------------------------------------------------------------------------

@every
def test_parameters_of_another_shape_or_name_are_refused_in_one_line(name):
    _, params, inputs, apply = make(name)
    flat = flatten(params)
    for key in list(flat)[::7]:
        with pytest.raises(ValueError, match="shape") as error:
            apply(unflatten({**flat, key: np.zeros((2, *flat[key].shape))}), inputs)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="nonsense"):
        apply({**params, "nonsense": np.zeros(2)}, inputs)
    with pytest.raises(ValueError, match="params lack head|params lack readout|params lack W_head"):
        apply({key: value for key, value in params.items() if key not in ("head", "readout", "W_head")}, inputs)


@every
def test_a_seed_is_no_generator_and_float16_no_dtype(name):
    network, _, _, _ = make(name)
    with pytest.raises(ValueError, match="Generator"):
        network.init(0)
    with pytest.raises(ValueError, match="float"):
        network.init(np.random.default_rng(0), "float16")


BAD = [
    ("frozen_layers", {"kind": "feedforward"}, "feed_forward"),
    ("frozen_layers", {"frozen": (5,)}, "layers of 1 to 4"),
    ("frozen_layers", {"frozen": (0,)}, "frozen layer=0"),
    ("frozen_layers", {"frozen": (1.5,)}, "whole number"),
    ("frozen_layers", {"variant": "resformer"}, "reads other layers"),
    ("frozen_layers", {"dropout": 0.1}, "dropout"),
    ("group_reservoir", {"sparsity": (0.5,)}, "2 numbers"),
    ("group_reservoir", {"sparsity": 0.5}, "2 numbers"),
    ("group_reservoir_published", {"sparsity": (0.5, 1.0)}, "sparsity=1.0"),
    ("group_reservoir_published", {"sparsity": (0.5, -0.1)}, "sparsity=-0.1"),
    ("echo_state_transformer", {"norm": "batch"}, "norm"),
    ("echo_state_transformer", {"connectivity": 0.0}, "connectivity=0.0"),
    ("echo_state_transformer", {"units": 0}, "units=0"),
    ("attention_enhanced", {"density": 0}, "density=0"),
    ("attention_enhanced_deep", {"input_density": 1.5}, "input_density=1.5"),
    ("attention_enhanced", {"outputs": 2.5}, "outputs=2.5"),
    ("random_sentence", {"old": 1.0}, "old=1.0"),
    ("random_sentence", {"sparsity": 1.0}, "sparsity=1.0"),
    ("random_sentence", {"radius": 0.0}, "radius=0.0"),
    ("random_sentence_published", {"f": "gelu"}, "activation"),
    ("borep", {"pool": "sum"}, "pool"),
    ("bag_of_embeddings", {"classes": 1}, "classes=1"),
]


@pytest.mark.parametrize("name, changes, message", BAD)
def test_a_description_that_cannot_be_is_refused_in_one_line(name, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        make(name, **changes)
    assert "\n" not in str(error.value)


HOSTILE = [
    ("echo_state_transformer", "u", lambda u: u[..., :1], r"u has shape \(3, 6, 1\): expected \(., ., 2\)"),
    ("echo_state_transformer", "u", lambda u: u[0], "u has shape"),
    ("echo_state_transformer", "u", lambda u: u * np.nan, "NaN"),
    ("echo_state_transformer", "u", lambda u: u.astype(str), "expected numbers"),
    ("attention_enhanced", "u", lambda u: u[..., :1], "u has shape"),
    ("attention_enhanced", "u", lambda u: u * np.inf, "finite"),
    ("frozen_layers", "tokens", lambda tokens: tokens + 11, "out of range"),
    ("random_sentence", "tokens", lambda tokens: tokens + 11, "expected 0 to 10"),
    ("random_sentence", "tokens", lambda tokens: tokens - 3, "expected 0 to 10"),
    ("random_sentence", "tokens", lambda tokens: tokens * 1.0, "of ids"),
    ("random_sentence", "real", lambda real: real[:, ::-1], "gap"),
    ("random_sentence", "real", lambda real: real * 1, "of bool"),
    ("borep", "real", lambda real: real[:2], "of bool"),
    ("bag_of_embeddings", "real", lambda real: real & False, "empty sentence"),
]


@pytest.mark.parametrize("name, key, change, message", HOSTILE)
def test_hostile_input_is_refused_in_one_line(name, key, change, message):
    _, params, inputs, apply = make(name)
    with pytest.raises(ValueError, match=message) as error, np.errstate(invalid="ignore"):
        apply(params, {**inputs, key: change(inputs[key])})
    assert "\n" not in str(error.value)
