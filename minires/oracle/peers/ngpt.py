"""lucidrains/nGPT-pytorch: its whole model with our weights.

s_qk acts on its queries only, so it is the square of ours; it rotates neighbouring channels, ours the two halves of a head.
"""

import warnings
from contextlib import contextmanager
from importlib import import_module
from unittest.mock import patch

import numpy as np

from minires.errors import needs
from minires.model import Transformer
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, call, layers_of
from minires.oracle.peers.sublayers import own
from minires.oracle.peers.trial import Trial
from minires.parameters import flatten, unflatten

PACKAGE, ALPHA = "nGPT-pytorch", 0.05


@contextmanager
def module():
    """Its module; its modules define == and so lose their hash, by which torch tells modules apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peer's own imports
        peer = import_module("nGPT_pytorch.nGPT")
        made = [patch.object(kind, "__hash__", object.__hash__) for kind in (
            peer.nGPT, peer.NormLinear, peer.Scale, peer.Attention, peer.FeedForward)]
        for each in made:
            each.start()
        try:
            yield peer
        finally:
            for each in made:
                each.stop()


def weights(p, case):
    """Their parameters, made of ours."""
    model = case.config["model"]
    K = model["head_width"]
    pairs = np.array([h * K + i + half for h in range(model["heads"]) for i in range(K // 2) for half in (0, K // 2)])
    named = {"token_embed.linear.weight": p["embedding.W_token"], "to_logits.linear.weight": p["head.W"].T,
             "logit_scale.scale": p["head.s_z"]}
    for n in range(layers_of(case)):
        a, f = own(p, f"layers.{n}.attention."), own(p, f"layers.{n}.feed_forward.")
        named |= {f"layers.{n}.0.branch_scale.scale": a["alpha"], f"layers.{n}.1.branch_scale.scale": f["alpha"]}
        named |= {f"layers.{n}.0.fn.{key}": tensor for key, tensor in {
            "to_q.linear.weight": a["W_q"][:, pairs].T, "to_k.linear.weight": a["W_k"][:, pairs].T,
            "to_v.linear.weight": a["W_v"].T, "to_out.linear.weight": a["W_o"].T,
            "qk_scale.scale": a["s_qk"][pairs] ** 2}.items()}
        named |= {f"layers.{n}.1.fn.{key}": tensor for key, tensor in {
            "to_hidden.linear.weight": f["W_1"].T, "to_gate.linear.weight": f["W_gate"].T, "to_out.linear.weight": f["W_2"].T,
            "hidden_scale.scale": f["s_u"], "gate_scale.scale": f["s_v"]}.items()}
    return named


def model_of(value_residual):
    """The model: their logits, and the stream after each layer."""
    def run(p, case, seen):
        torch, model = needs("torch", "peers"), case.config["model"]
        with module() as peer:
            theirs = peer.nGPT(num_tokens=model["vocabulary"], dim=model["width"], depth=model["layers"],
                               dim_head=model["head_width"], heads=model["heads"], alpha_init=ALPHA, manual_norm_weights=True,
                               add_value_residual=value_residual, attn_flash_kwargs={"enable_math": True})
            logits, hidden = call(theirs, weights(p, case), torch.tensor(case.inputs["tokens"]), left=("rotary_embed.freqs",),
                                  return_hiddens=True)
        for n in range(layers_of(case)):
            seen(f"layers.{n}.output", hidden[2 * n + 2])
        return logits
    return lambda case: answered(case, run)


def on_the_sphere(variant, name="", flipped=""):
    """The case with every matrix unit, to the rounding of float32, alphas positive but for one sublayer's.

    Without the gradient of the table of tokens: theirs is taken for unit as it is, ours is divided by its lengths.
    """
    def make():
        case = like(variant, name, **SIZES)()
        model = Transformer(**case.config["model"])
        unit = flatten(model.residual.constrain(unflatten(case.params), model))
        alphas = {name: abs(array) for name, array in unit.items() if name.endswith("alpha")}
        unit.update({name: -array if name == flipped else array for name, array in alphas.items()})
        unit = {name: array.astype(np.float32).astype(float) for name, array in unit.items()}
        return case._replace(values={**case.values, **unit}, differentiated=tuple(unit)[1:])
    return make


SIZES = {"positions": "rotary", "activation": "swiglu", "feed_forward": 21, "heads": 2, "kv_heads": 2, "head_width": 4}
TRIALS = {
    "nGPT-pytorch/ngpt": Trial(PACKAGE, "nGPT, add_value_residual=False", on_the_sphere("ngpt"), model_of(False)),
    "nGPT-pytorch/resformer": Trial(PACKAGE, "nGPT", on_the_sphere("ngpt + resformer"), model_of(True)),
    "nGPT-pytorch/signed": Trial(
        PACKAGE, "nGPT, a negative alpha", on_the_sphere("ngpt", "signed", "layers.1.attention.alpha"), model_of(False),
        "convention", "alpha keeps its sign, where the authors' code takes its absolute value", "NVIDIA/ngpt, model.py"),
}
