"""The laws of the room of norms: what each variant starts from, what it folds into, what its structure keeps."""

from dataclasses import replace

import numpy as np
from case import assert_close, example, with_fields
from laws import EPSILONS, assert_same_function, of_variant, own_and_shared
from transcriptions import Paper, transcribe
from transcriptions_norms import profiled

from minires import flatten, unflatten
from minires.heads import merge_heads, split_heads
from minires.gradients import random_parameters
from minires.layers import normalize
from minires.residual.hidden.admin import profile

KINDS = ("encoder", "decoder", "encoder_decoder")


def changed(params, change):
    """The parameters with each array replaced by change(name, array)."""
    return unflatten({name: change(name, array) for name, array in flatten(params).items()})


def outputs(model, params, inputs):
    """Logits."""
    return model.apply(params, **inputs)[0]


def same(model, params, other, others, rng, tolerance=1e-12):
    """Two models with these parameters are one function."""
    inputs = example(model, rng)
    assert_close(outputs(model, params, inputs), outputs(other, others, inputs), tolerance)


def differ(model, params, other, others, rng):
    """How far apart two models are: the largest difference of their logits over the largest logit."""
    inputs = example(model, rng)
    one, two = outputs(model, params, inputs), outputs(other, others, inputs)
    return np.max(abs(one - two)) / np.max(abs(two))


def layer_of(name):
    """The layer 1 .. L that a parameter's flat name belongs to."""
    return int(name.split("layers.")[1].split(".")[0]) + 1


def unit_gains(params):
    """All norms with gain 1 and bias 0."""
    return changed(params, lambda name, array: {"gain": np.ones_like(array), "bias": np.zeros_like(array)}.get(
        name.split(".")[-1], array))


def squares(model, params, inputs, wanted):
    """Mean square per token, at gains of 1, of the entry wanted[sublayer] of each record: [(n, sublayer, means)]."""
    trace = model.apply(unit_gains(params), **inputs)[1]
    row = lambda array: merge_heads(array) if array.ndim == 4 else array
    return [(n, sublayer, np.mean(row(layer[sublayer][name]) ** 2, axis=-1)) for n, layer in enumerate(trace, start=1)
            for sublayer, name in wanted.items()]


def scaled_from_vanilla(model, factors):
    """From the same seed the initial weights are vanilla's times factors(stack, sublayer, name), in every kind of model."""
    for kind in KINDS:
        ours = replace(model, kind=kind)
        plain = of_variant(ours, "vanilla", placement={"deepnorm": "post", "b2t": "post"}.get(model.variant, "pre"))
        start, theirs = (flatten(each.init(np.random.default_rng(7))) for each in (ours, plain))
        for name, array in theirs.items():
            path = [kind, *name.split(".")]
            stack = path[1] + " of two" if kind == "encoder_decoder" else kind
            np.testing.assert_allclose(start[name], array * factors(stack, path[-2], path[-1]), rtol=1e-14, err_msg=name)


# ---- norms inside the sublayers --------------------------------------------------------------------------------------

def bare(x, kind, epsilon):
    """The norm without parameters."""
    x = x - np.mean(x, axis=-1, keepdims=True) if kind == "layer" else x
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon)


def normformer_start(model, rng):
    """At its initial scales it is Pre-LN with two bare norms, after attention and before W_2; exact at every epsilon."""
    for epsilon in (0.0, *EPSILONS):
        ours = replace(model, epsilon=epsilon)
        norm = lambda x: bare(x, model.norm, epsilon)
        plain = with_fields(of_variant(ours, "pre_norm"), active=lambda a, here: norm(a),
                            branch_output=lambda y, here: norm(y) if here.sublayer == "attention" else y)
        theirs, mine = own_and_shared(ours, plain, rng, lambda name, array: array)
        same(ours, mine, plain, theirs, rng, 1e-13)


def heads_into_output(params, model):
    """gamma_h multiplied into the rows of W_o that head h meets, and gamma = 1."""
    flat = dict(flatten(params))
    for name in [name for name in flat if name.endswith("gamma")]:
        rows = np.repeat(flat[name], model.head_width)
        flat[name.replace("gamma", "W_o")] = rows[:, None] * flat[name.replace("gamma", "W_o")]
        flat[name] = np.ones(model.heads)
    return unflatten(flat)


def normformer_fold(model, rng):
    """The head scale is before W_o: it folds into the rows of W_o, and gamma = 1 is neutral."""
    params = random_parameters(model, rng)
    same(model, params, model, heads_into_output(params, model), rng)


def normformer_structure(model, rng):
    """Attention's skip is bare, the other one weighted by w; scaling all heads of a layer by one number changes nothing."""
    params, inputs = random_parameters(model, rng), example(model, rng)
    trace = model.apply(params, **inputs)[1]
    for layer, p in zip(trace, params["layers"]):
        middle = layer["input"] + layer["attention"]["y"]
        assert_close(layer["output"], p["feed_forward"]["w"] * middle + layer["feed_forward"]["y"], 1e-14)
    exact = replace(model, epsilon=0.0)
    tripled = changed(params, lambda name, array: 3 * array if name.endswith("gamma") else array)
    same(exact, params, exact, tripled, rng)


def subln_start(model, rng):
    """The initial factors of the weights in all kinds; then, with gains of 1, Pre-LN with bare inner norms."""
    L = model.layers
    factor = {"encoder": np.log(2 * L) ** 0.5, "decoder": np.log(2 * L) ** 0.5, "decoder of two": np.log(3 * L) ** 0.5,
              "encoder of two": (np.log(3 * L) * np.log(2 * L) / 3) ** 0.5}
    scaled_from_vanilla(model, lambda stack, sublayer, name: factor[stack] if name in ("W_v", "W_o", "W_1", "W_2")
                        and sublayer != "cross_attention" else 1.0)
    for epsilon in (0.0, *EPSILONS):
        ours = replace(model, epsilon=epsilon)
        norm = lambda x: bare(x, model.norm, epsilon)
        plain = with_fields(of_variant(ours, "pre_norm"), active=lambda a, here: norm(a),
                            heads=lambda U, past, here: split_heads(norm(merge_heads(U)), U.shape[1]))
        theirs, mine = own_and_shared(ours, plain, rng, lambda name, array: array)
        same(ours, mine, plain, theirs, rng, 1e-13)


def subln_structure(model, rng):
    """The inner norms are blind to the size of W_v, and of W_1 where the activation is gated; they see that of W_o."""
    exact, params = replace(model, epsilon=0.0), random_parameters(model, rng)
    times = lambda names: changed(params, lambda name, array: 3 * array if name.split(".")[-1] in names else array)
    same(exact, params, exact, times(("W_v", "W_1")), rng)
    assert differ(exact, params, exact, times(("W_o",)), rng) > 1e-3
    for n, sublayer, square in squares(exact, params, example(model, rng), {"attention": "heads", "feed_forward": "active"}):
        np.testing.assert_allclose(square, 1, rtol=1e-12, err_msg=f"{sublayer} {n}")


# ---- Mix-LN, LayerNorm Scaling ---------------------------------------------------------------------------------------

def mix_all_post(model, rng):
    """p = L is Post-LN in all layers, with a norm at the end and none at the start."""
    ours = replace(model, options={"p": model.layers})
    plain = with_fields(of_variant(model, "pre_norm"), read=lambda x, here: x, write=lambda x, y, here: here.norm(x + y))
    params = random_parameters(ours, rng)
    same(ours, params, plain, params, rng, 1e-14)


def mix_structure(model, rng):
    """After a layer n <= p the stream has the statistics of the norm; above it is the plain sum of outputs."""
    params, inputs = random_parameters(model, rng), example(model, rng)
    for p in (1, 2, 3):
        ours = replace(model, options={"p": p}, epsilon=0.0)
        trace = ours.apply(unit_gains(params), **inputs)[1]
        for n, layer in enumerate(trace, start=1):
            square = np.mean(layer["output"] ** 2, axis=-1)
            assert np.allclose(square, 1, rtol=1e-12) == (n <= p)
            total = layer["input"] + layer["attention"]["y"] + layer["feed_forward"]["y"]
            assert (np.max(abs(layer["output"] - total)) < 1e-12) == (n > p)


def folded(params):
    """The gains and biases of the sublayers divided by sqrt(n)."""
    return changed(params, lambda name, array: array / layer_of(name) ** 0.5 if ".norm." in name else array)


def scaling_start(model, rng):
    """At its initial gains it is Pre-LN with gains 1 / sqrt(n), exactly at every epsilon."""
    for epsilon in (0.0, *EPSILONS):
        ours = replace(model, epsilon=epsilon)
        plain = of_variant(ours, "pre_norm")
        theirs, mine = own_and_shared(ours, plain, rng, lambda name, array: array)
        same(ours, unit_gains(mine), plain, folded(unit_gains(theirs)), rng)


def scaling_fold(model, rng):
    """The function is that of Pre-LN with the gains divided by sqrt(n); with one layer it is Pre-LN."""
    params, plain = random_parameters(model, rng), of_variant(model, "pre_norm")
    same(model, params, plain, folded(params), rng)
    one = replace(model, layers=1)
    assert_same_function(one, of_variant(one, "pre_norm"), rng, lambda name, array: array, 1e-14)


def scaling_structure(model, rng):
    """What both sublayers of layer n read has mean square 1 / n; what the head reads has mean square 1."""
    exact, inputs = replace(model, epsilon=0.0), example(model, rng)
    params = random_parameters(model, rng)
    for n, _, square in squares(exact, params, inputs, {"attention": "x", "feed_forward": "x"}):
        np.testing.assert_allclose(square, 1 / n, rtol=1e-12)
    final = exact.apply(unit_gains(params), **inputs)[1][-1]["final"]
    np.testing.assert_allclose(np.mean(final ** 2, axis=-1), 1, rtol=1e-12)


# ---- DeepNorm, Admin, B2T --------------------------------------------------------------------------------------------

def deepnorm_start(model, rng):
    """From the seed of vanilla: W_v, W_o, W_1, W_2 times beta, by stack; everything else as it is."""
    L = model.layers
    q = (L ** 4 * L) ** (1 / 16)
    for encoder, numerator in (("code", 1.15), ("paper", 0.87)):
        beta = {"encoder": 1 / (8 * L) ** 0.25, "decoder": 1 / (8 * L) ** 0.25, "decoder of two": 1 / (12 * L) ** 0.25,
                "encoder of two": numerator / q}
        scaled_from_vanilla(replace(model, options={"encoder": encoder}), lambda stack, sublayer, name: beta[stack] if name in (
            "W_v", "W_o", "W_1", "W_2") else 1.0)


def deepnorm_fold(model, rng):
    """norm(alpha x + y) is norm(x + y / alpha), with epsilon / alpha^2; and alpha on the branch is another function."""
    params, alpha = random_parameters(model, rng), (2 * model.layers) ** 0.25
    for epsilon in (0.0, *EPSILONS):
        ours = replace(model, epsilon=epsilon)
        on = lambda skip, branch, e: with_fields(of_variant(ours, "vanilla"), write=lambda x, y, here: normalize(
            model.norm, skip * x + branch * y, here.params["norm"], e))
        same(ours, params, on(1.0, 1 / alpha, epsilon / alpha ** 2), params, rng)
        assert differ(ours, params, on(1.0, alpha, epsilon), params, rng) > 0.3


def admin_start(model, rng):
    """omega starts from the profile of 4 sequences of random ids, drawn after everything else; one number per sublayer."""
    for kind in KINDS:
        ours = replace(model, kind=kind, maximum_length=6)
        drawn, plain = np.random.default_rng(5), of_variant(replace(ours), "vanilla")
        plain.init(drawn)
        ids = [drawn.integers(0, model.vocabulary, (4, 6)) for _ in range(1 + (kind == "encoder_decoder"))]
        start = flatten(ours.init(np.random.default_rng(5)))
        ones = unflatten({name: np.ones_like(array) if name.endswith("omega") else array for name, array in start.items()})
        expected = flatten(profile(ours, ones, ids[0], **({"source": ids[1]} if len(ids) > 1 else {})))
        assert start.keys() == expected.keys()
        for name in start:
            np.testing.assert_array_equal(start[name], expected[name])


def admin_profile(model, rng):
    """`profile` fills omega by the recurrence, one number in all channels, and leaves the rest alone."""
    for kind in KINDS:
        ours = replace(model, kind=kind)
        params, inputs = random_parameters(ours, rng), example(ours, rng)
        found, mine = [], flatten(profile(ours, params, **inputs))
        transcribe(ours, params, Paper(wiring=profiled(found)), "post", **inputs)
        names = sorted((name for name in mine if name.endswith("omega")), key=order)
        assert len(names) == len(found) == ours.layers * {"encoder_decoder": 5}.get(kind, 2)
        for name, omega in zip(names, found):
            assert mine[name].shape == (ours.width,) and np.ptp(mine[name]) == 0
            assert_close(mine[name][0], omega, what=name)
        for name, array in flatten(params).items():
            assert name in names or mine[name] is array


def order(name):
    """Encoder before decoder, then layer, then self-attention, cross-attention, feed-forward."""
    kinds = ("attention", "cross_attention", "feed_forward")
    return (name.startswith("decoder"), layer_of(name), kinds.index(name.split(".")[-2]))


def b2t_start(model, rng):
    """From the seed of vanilla: every matrix of the layers times 1 / sqrt(L); with rescale=False as it is."""
    factor = {True: model.layers ** -0.5, False: 1.0}
    for rescale in factor:
        scaled_from_vanilla(replace(model, options={"rescale": rescale}), lambda stack, sublayer, name:
                            factor[rescale] if sublayer in ("attention", "cross_attention", "feed_forward")
                            and name.startswith("W_") else 1.0)


def b2t_doubled(model, rng):
    """Where attention writes nothing and gains are 1, the bottom doubles the skip: Post-LN with half of W_2 and b_2."""
    exact = replace(model, epsilon=0.0)
    unit = {"gain": 1.0, "bias": 0.0, "W_o": 0.0, "b_o": 0.0}
    params = changed(random_parameters(exact, rng), lambda name, array: np.full_like(array, unit[name.split(".")[-1]])
                     if "head" not in name and name.split(".")[-1] in unit else array)
    half = changed(params, lambda name, array: array / 2 if name.endswith(("W_2", "b_2")) else array)
    same(exact, params, of_variant(exact, "vanilla"), half, rng)


def b2t_structure(model, rng):
    """The stream has the statistics of the norm after every layer; without the bottom it is another function."""
    exact, params, inputs = replace(model, epsilon=0.0), random_parameters(model, rng), example(model, rng)
    for layer in exact.apply(unit_gains(params), **inputs)[1]:
        np.testing.assert_allclose(np.mean(layer["output"], axis=-1), 0, atol=1e-13)
        np.testing.assert_allclose(np.mean(layer["output"] ** 2, axis=-1), 1, rtol=1e-12)
    assert differ(model, params, of_variant(model, "vanilla"), params, rng) > 1e-3


# ---- two streams -----------------------------------------------------------------------------------------------------

def dual_is_post(model, rng):
    """With gain and bias of the last norm at 0 it is Post-LN; exact at every epsilon."""
    off = lambda name, array: 0 * array if name.startswith("final_norm") else array
    for epsilon in (0.0, *EPSILONS):
        ours = replace(model, epsilon=epsilon)
        assert_same_function(ours, of_variant(ours, "vanilla"), rng, off, 1e-13)


def dual_structure(model, rng):
    """out - norm(r) is alpha times Post-LN, r = s (x_0 + sum of all outputs); spec: 4e-16."""
    s, alpha = 0.7, 1.6
    ours, plain = replace(model, options={"s": s, "alpha": alpha}), of_variant(model, "vanilla")
    theirs, params = own_and_shared(ours, plain, rng, lambda name, array: 0.9 + 0.1 * np.arange(
        array.size).reshape(array.shape))
    inputs = example(model, rng)
    trace, post = ours.apply(params, **inputs)[1], plain.apply(theirs, **inputs)[1]
    x_0 = trace[0]["input"][0]
    total = x_0 + sum(record["y"] for layer in trace for record in layer.values() if isinstance(record, dict))
    assert_close(trace[-1]["output"][1], s * total, 1e-14)
    carried = normalize(model.norm, s * total, params["final_norm"], model.epsilon)
    assert_close(trace[-1]["final"] - carried, alpha * post[-1]["final"], 1e-14)


def siamese_is_pre(model, rng):
    """With the norms of X at 0 it is Pre-LN; exact at every epsilon."""
    off = lambda name, array: 0 * array if "norm_x" in name or name.startswith("start_norm") else array
    for epsilon in EPSILONS:
        ours = replace(model, epsilon=epsilon)
        assert_same_function(ours, of_variant(ours, "pre_norm"), rng, off, 1e-13)


def siamese_is_post(model, rng):
    """With the norms of Y at 0 it is Post-LN, whose norms are those of X."""
    for biases, norm in ((False, "rms"), (True, "layer")):
        ours = replace(model, biases=biases, norm=norm)
        params = changed(random_parameters(ours, rng), lambda name, array: 0 * array if ".norm." in name
                         or name.startswith("final_norm") else array)
        flat = {name: array for name, array in flatten(params).items() if ".norm." not in name and "final_norm" not in name}
        theirs = unflatten({name.replace("norm_x", "norm"): array for name, array in flat.items()})
        same(ours, params, of_variant(ours, "vanilla"), theirs, rng, 1e-13)


def siamese_structure(model, rng):
    """Y is the embedding plus all outputs, whatever the options; X has the statistics of the norm after every sublayer."""
    exact, inputs = replace(model, epsilon=0.0), example(model, rng)
    for options in ({}, {"depth_scale": True, "input_norm": True}):
        ours = replace(exact, options=options)
        trace = ours.apply(unit_gains(random_parameters(ours, rng)), **inputs)[1]
        total = trace[0]["input"][1]
        np.testing.assert_allclose(np.mean(trace[0]["input"][0] ** 2, axis=-1), 1, rtol=1e-12)
        for layer in trace:
            total = total + layer["attention"]["y"] + layer["feed_forward"]["y"]
            assert_close(layer["output"][1], total, 1e-14)
            np.testing.assert_allclose(np.mean(layer["output"][0] ** 2, axis=-1), 1, rtol=1e-12)
