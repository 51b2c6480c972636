"""lucidrains/x-transformers: whole stacks with our weights, and what their attention shows on the way.

Their gain is 1 + gamma; a query head h reads key/value head h mod G, where the papers' own codes take h // (H / G).
"""

import warnings
from importlib import import_module

import numpy as np

from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, call, heads, sublayers
from minires.oracle.peers.trial import Trial

PACKAGE, PRE, POST = "x-transformers", {0: "norm"}, {2: "norm"}
LINEAR = {"W_q": "to_q", "W_k": "to_k", "W_v": "to_v", "W_o": "to_out", "W_1": "ff.0.0", "W_2": "ff.2"}


def module():
    """x_transformers.x_transformers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peer's own imports
        return import_module("x_transformers.x_transformers")


def made(case, **options):
    """Their Encoder or Decoder of the case's sizes."""
    model, peer = case.config["model"], module()
    make = peer.Decoder if model["kind"] == "decoder" else peer.Encoder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(dim=model["width"], depth=model["layers"], heads=model["heads"], attn_dim_head=model["head_width"],
                    attn_kv_heads=model["kv_heads"], ff_mult=model["feed_forward"] / model["width"], ff_no_bias=True,
                    verbose=False, **options)


def weights(p, case, norms, own, wrapped=""):
    """Their parameters, made of ours. norms: place of a norm -> our name; own(p, prefix): further ones of a sublayer."""
    named = {"final_norm.gamma": p["final_norm.gain"] - 1} if "final_norm.gain" in p else {}
    for n, m, name in sublayers(case):
        ours, theirs = f"layers.{n}.{name}.", f"layers.{m}."
        named |= {f"{theirs}1.{wrapped}{LINEAR[W]}.weight": p[ours + W].T for W in LINEAR if ours + W in p}
        named |= {f"{theirs}0.{place}.gamma": p[f"{ours}{norm}.gain"] - 1 for place, norm in norms.items()}
        named |= {theirs + key: tensor for key, tensor in own(p, ours).items()}
    return named


def watch(stack, case, seen, streams=None):
    """Hooks that see what the sublayers make: projections, probabilities, outputs; and the stream or streams of each layer."""
    side_by_side = lambda array: np.moveaxis(np.reshape(array, (-1, streams, *array.shape[1:])), 1, 0)
    for n, m, name in sublayers(case):
        ours, (norms, block, residual) = f"layers.{n}.{name}.", stack.layers[m]
        look = lambda key, view=lambda array: array: (lambda module, given, made: quiet(seen(key, made, view)))
        if name == "attention":
            hooked = {block.to_q: look(ours + "query_heads", heads(case)), block.to_k: look(ours + "fresh_keys"),
                      block.to_v: look(ours + "fresh_values"), block.to_out: look(ours + "output"),
                      block.attend: attended(seen, ours)}
        else:
            hooked = {block.ff[0][0]: look(ours + "inner"), block: look(ours + "output"),
                      norms[2] or residual: look(f"layers.{n}.output", side_by_side if streams else lambda array: array)}
        for module, hook in hooked.items():
            module.register_forward_hook(hook)


def quiet(seen):
    """What a hook gives back that changes nothing."""


def attended(seen, ours):
    """Their probabilities and heads; what they carry holds the mask, so that it is not compared."""
    def look(module, given, made):
        seen(ours + "probabilities", made[1].post_softmax_attn)
        seen(ours + "heads", made[0])
    return look


def stacked(norms=PRE, own=lambda p, ours: {}, wrapped="", left=(), blind=False, whole=lambda p, case: {}, **options):
    """The answer of their stack with these options. blind: what happens inside is not looked at.

    whole(p, case): parameters that belong to no sublayer; left: the ends of the names of those that move nothing.
    """
    def stack(p, x, case, seen):
        theirs = made(case, **options)
        if not blind:
            watch(theirs, case, seen, options.get("num_residual_streams"))
        given = {"mask": import_module("torch").tensor(case.inputs["padding"])} if "padding" in case.inputs else {}
        idle = [name for name, _ in theirs.named_parameters() if name.endswith(tuple(left))]
        return call(theirs, {**weights(p, case, norms, own, wrapped), **whole(p, case)}, x, left=idle, **given)
    return lambda case: answered(case, around(stack))


def mixing(p, ours):
    """Their mix of values, of the tokens."""
    return {} if ours + "W_mix" not in p else {
        "1.to_value_residual_mix.0.weight": p[ours + "W_mix"].T, "1.to_value_residual_mix.0.bias": p[ours + "b_mix"]}


BIAS_CARRIED = "the scores that the next layer adds contain ALiBi's bias: layer n applies it n times"
GROUPED = "query head h reads key/value head h mod G, as its `repeat(.., 'b kvh n d -> b (r kvh) n d')` says"
TRIALS = {
    "x-transformers/plain": Trial(PACKAGE, "Decoder", like("vanilla", placement="pre"), stacked()),
    "x-transformers/post-norm": Trial(PACKAGE, "Encoder, pre_norm=False", like("vanilla", "post", "encoder", placement="post"),
                                      stacked(POST, pre_norm=False)),
    "x-transformers/padded": Trial(
        PACKAGE, "Encoder, with a mask of tokens", like("vanilla", "padded", "encoder", padded=True, placement="pre"),
        stacked(), "convention", "attention's output is set to zero at padded tokens; no real token sees them",
        "x_transformers/x_transformers.py, Attention.forward"),
    "x-transformers/grouped": Trial(
        PACKAGE, "Decoder, attn_kv_heads=2 of 4", like("vanilla", "grouped", placement="pre", kv_heads=2), stacked(),
        "convention", GROUPED, "x_transformers/attend.py, Attend.forward"),
    "x-transformers/realformer": Trial(
        PACKAGE, "Encoder, pre_norm=False, residual_attn=True", like("realformer", "", "encoder", placement="post"),
        stacked(POST, pre_norm=False, residual_attn=True)),
    "x-transformers/realformer-pre": Trial(
        PACKAGE, "Decoder, residual_attn=True", like("realformer", "pre", placement="pre"), stacked(residual_attn=True)),
    "x-transformers/realformer-alibi": Trial(
        PACKAGE, "Decoder, residual_attn=True, alibi_pos_bias=True",
        like("realformer", "alibi", placement="pre", positions="alibi"), stacked(residual_attn=True, alibi_pos_bias=True),
        "defect", BIAS_CARRIED, "RealFormer (2012.11747), section 3: the raw scores are carried"),
    "x-transformers/resformer": Trial(
        PACKAGE, "Decoder, add_value_residual=True, learned_value_residual_mix=False", like("resformer", placement="pre"),
        stacked(add_value_residual=True, learned_value_residual_mix=False)),
    "x-transformers/token_mix": Trial(
        PACKAGE, "Decoder, add_value_residual=True", like("token_mix", placement="pre", options={"weight": "own"}),
        stacked(add_value_residual=True, own=mixing)),
}
