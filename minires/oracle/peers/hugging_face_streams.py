"""Hugging Face transformers: DeepSeek-V4's connections, layers and head around our sublayers, with our weights."""

from types import SimpleNamespace

import numpy as np

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, call, layers_of
from minires.oracle.peers.hugging_face import PACKAGE, modeling
from minires.oracle.peers.sublayers import branch, normed, own
from minires.oracle.peers.trial import Trial


def connection(peer, config, mine):
    """Their hyper-connection with our W_mix, b and s, as a function of the streams."""
    theirs = peer.DeepseekV4HyperConnection(config)
    return lambda X: call(theirs, {"fn": mine["W_mix"].T, "base": mine["b"], "scale": mine["s"]}, X)


def layer(peer, config, p, case, n, seen):
    """Their layer with these parts: what it does with them, its `forward`, is theirs."""
    torch = needs("torch", "peers")
    made = peer.DeepseekV4DecoderLayer.__new__(peer.DeepseekV4DecoderLayer)
    torch.nn.Module.__init__(made)
    names = "attention", "feed_forward"
    attention, network = (branch(p, case, n, name, seen) for name in names)
    made.attn_hc, made.ffn_hc = (connection(peer, config, own(p, f"layers.{n}.{name}.")) for name in names)
    made.input_layernorm = made.post_attention_layernorm = torch.nn.Identity()  # our sublayers have their norms
    made.self_attn = lambda *x, hidden_states=None, **_: (attention(*x), None) if x else (attention(hidden_states), None, None)
    made.mlp = lambda x, **_: network(x)
    return made


def stack(p, x, case, seen):
    """All layers, the head's weights of the streams, the final norm."""
    peer, model = modeling("deepseek_v4"), case.config["model"]
    R = model["options"]["streams"]
    config = SimpleNamespace(hc_mult=R, hc_sinkhorn_iters=20, hc_eps=1e-6, rms_norm_eps=model["epsilon"],
                             hidden_size=model["width"])
    X = x[:, :, None].repeat(1, 1, R, 1)  # (B, T, R, D)
    for n in range(layers_of(case)):
        X = layer(peer, config, p, case, n, seen)(X)
        X = seen(f"layers.{n}.output", X[0] if isinstance(X, tuple) else X, lambda array: np.moveaxis(array, 2, 0))
    last = own(p, "collapse.")
    head = call(peer.DeepseekV4HyperHead(config), {"hc_fn": last["W_mix"].T, "hc_base": last["b"], "hc_scale": last["s"]}, X)
    return normed(head, own(p, "final_norm."), model)


TRIALS = {"transformers/deepseek_v4": Trial(
    PACKAGE, "DeepseekV4HyperConnection, DeepseekV4DecoderLayer, DeepseekV4HyperHead",
    like("mhc", "deepseek", options={"streams": 3}), lambda case: answered(case, around(stack)))}
