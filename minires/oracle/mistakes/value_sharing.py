"""Mistakes in variants that share or mix keys and values between layers: SVFormer, CLA, MLKV, YOCO, Gemma, LIMe, dense."""

import autograd.numpy as np

from minires.attention import turn
from minires.layers import linear
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import layers_given, of, rotary
from minires.residual.values.gemma_sharing import kind
from minires.residual.values.kv_sharing import nearest


def rotated_again(reused):
    """A follower turns its leader's keys, which are turned already."""
    def wrong(name, x, past, here, *turned):
        found = reused(name, x, past, here, *turned)
        if name != "keys" or here.sublayer != "attention" or all(layer.get(name) is not found[name] for layer in past):
            return found
        rows = np.arange(found["key_heads"].shape[2])
        return {**found, "key_heads": turn(found["key_heads"], here._replace(context=here.context._replace(positions=rows)))}
    return wrong


def followers_use(source):
    """A change of the record: source(name, past, here) are the keys and values of a layer without its own."""
    def change(record):
        use = lambda name: lambda fresh, past, here: source(name, past, here) if fresh is None else fresh
        return record._replace(keys=use("keys"), values=use("values"))
    return change


def owner_before(name, past, here):
    """The pair of the owner before the nearest one, where there is one."""
    pairs = [layer[name] for i, layer in enumerate(past) if i == 0 or layer[name] is not past[i - 1][name]]
    return pairs[-2:][0]


def first_of_kind(name, past, here):
    """The pair of the first layer of the same kind of attention."""
    model = here.context.model
    return next(layer[name] for i, layer in enumerate(past, start=1) if kind(model, i) == kind(model, here.n))


def of_middle(made):
    """A change of YOCO's record: made(here) in the place of z, of which the shared keys and values are projections."""
    def change(record):
        def use(name):
            def used(fresh, past, here):
                if fresh is not None or here.n != here.context.model.layers // 2 + 1:
                    return getattr(record, name)(fresh, past, here)
                p = here.shared()
                return linear(made(here), p["W_" + name[0]], p.get("b_" + name[0]))
            return used
        return record._replace(keys=use("keys"), values=use("values"))
    return change


def from_used(record):
    """The mix over layers is made of used keys and values, where it is to be made of the layers' own, and the reverse."""
    def use(name):
        own = "fresh_" + name
        swap = lambda layer: {own: layer[name], name: layer[own]} if own in layer else layer
        return lambda fresh, past, here: getattr(record, name)(fresh, [swap(layer) for layer in past], here)
    return record._replace(keys=use("keys"), values=use("values"))


def own_first(n, sublayer, p, params):
    """rho, of which the first columns are taken for those of the own layer."""
    G = p["rho"].shape[0] if "rho" in p else 0
    return {**p, "rho": np.concatenate([p["rho"][:, G:], p["rho"][:, :G]], axis=1)} if G else p


def reversed_lambda(n, sublayer, p, params):
    """lambda read from the own layer down."""
    return {**p, "lambda": p["lambda"][::-1]} if "lambda" in p else p


def keys_of_first(record):
    """K_1 in every layer."""
    return record._replace(keys=lambda fresh, past, here: past[0]["keys"] if past else fresh)


def made(family, does, fix, names, where=lambda model: True, **more):
    """A mistake in sharing."""
    return Mistake(family, does, fix, of(*names, where=where), **more)


CATALOGUE = "residual_catalogue 5"
MISTAKES = {
    "svformer-keys-shared": made(
        "values", "the keys of layer 1 are used in every layer, too", "share the values only; each layer has its own keys",
        ("svformer",), record=keys_of_first, listed=("value_residual F45",)),
    "dense-values-raw-or-mixed": made(
        "values", "the sum runs over the mixed values V'_i where it is to run over the raw V_i, or the reverse",
        "sum over the raw values, unless the options say mixed", ("resformer_dense",), record=from_used),
    "dense-weights-reversed": made(
        "values", "lambda[n] is read from the own layer down", "lambda[n, i] weighs V_i, i = 1 .. n", ("resformer_dense",),
        patches=layers_given(reversed_lambda)),
    "shared-keys-rotated-twice": made(
        "positions", "followers rotate the shared keys once more", "rotate the owner's keys once and share their heads",
        ("cla", "mlkv", "yoco", "gemma_sharing"), rotary, patches={"minires.attention.reused": rotated_again},
        listed=(CATALOGUE + " KV sharing", CATALOGUE + " YOCO")),
    "sharing-groups-off-by-one": made(
        "values", "a layer without keys and values uses those of the owner before the nearest one",
        "the nearest owner below, counted in layers from 1", ("cla", "mlkv"), record=followers_use(owner_before)),
    "gemma-owner-of-any-kind": made(
        "values", "a follower uses the nearest owner, whatever its kind of attention",
        "the last owner of the same kind, local or global", ("gemma_sharing",),
        lambda model: model.window is not None, record=followers_use(lambda name, past, here: nearest(name)(None, past, here)),
        listed=(CATALOGUE + " KV sharing",)),
    "gemma-first-owner-of-kind": made(
        "values", "a follower uses the first owner of its kind", "the last owner of the same kind, local or global",
        ("gemma_sharing",), record=followers_use(first_of_kind)),
    "yoco-pair-from-layer-input": made(
        "values", "K and V are made of the normed input of the layer's own attention", "z = kv_norm(stream after layer L/2)",
        ("yoco",), record=of_middle(lambda here: here.now.get("x_v", here.now["x"]))),
    "yoco-pair-without-norm": made(
        "norm", "K and V are made of the stream without its norm", "z = kv_norm(stream after layer L/2)", ("yoco",),
        record=of_middle(lambda here: here.below[-1]["output"])),
    "lime-own-layer-first": made(
        "values", "the first columns of rho are taken for those of the own layer", "layers in order, the own one last",
        ("lime",), patches=layers_given(own_first)),
    "lime-used-for-own": made(
        "values", "used keys and values of the layers below are mixed", "mix the layers' own keys and values", ("lime",),
        record=from_used),
}
