"""The official rezero: its encoder layers, which share one alpha among their sublayers."""

from importlib import import_module

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, call, layers_of
from minires.oracle.peers.sublayers import own
from minires.oracle.peers.trial import Trial

PACKAGE, FILE = "rezero", "rezero/transformer/rztx.py, RZTXEncoderLayer"


def weights(p, n):
    """Their parameters of layer n; its one alpha is that of our attention."""
    torch = needs("torch", "peers")
    a, f = own(p, f"layers.{n}.attention."), own(p, f"layers.{n}.feed_forward.")
    return {"self_attn.in_proj_weight": torch.cat([a["W_q"], a["W_k"], a["W_v"]], 1).T,
            "self_attn.in_proj_bias": torch.cat([a["b_q"], a["b_k"], a["b_v"]]), "self_attn.out_proj.weight": a["W_o"].T,
            "self_attn.out_proj.bias": a["b_o"], "resweight": a["alpha"].reshape(1),
            "linear1.weight": f["W_1"].T, "linear1.bias": f["b_1"], "linear2.weight": f["W_2"].T, "linear2.bias": f["b_2"]}


def stack(p, x, case, seen):
    """All layers; theirs has time first."""
    model, make = case.config["model"], import_module("rezero.transformer.rztx").RZTXEncoderLayer
    for n in range(layers_of(case)):
        layer = make(model["width"], model["heads"], model["feed_forward"], dropout=0.0, activation="gelu")
        x = seen(f"layers.{n}.output", call(layer, weights(p, n), x.transpose(0, 1)).transpose(0, 1))
    return x


def answer(case):
    """The answer by their layers."""
    return answered(case, around(stack))


SIZES = {"kind": "encoder", "biases": True, "head_width": 2}  # H K = D
TRIALS = {
    "rezero/shared": Trial(PACKAGE, "RZTXEncoderLayer", like("rezero", "shared", **SIZES, options={"shared": True}), answer),
    "rezero/per-branch": Trial(
        PACKAGE, "RZTXEncoderLayer", like("rezero", **SIZES), answer, "convention",
        "attention and feed-forward share one alpha, where the paper writes one per branch",
        f"{FILE}; the paper (2003.04887), equation 1"),
}
