"""lucidrains/deep-cross-attention: its GRN, which weighs the sources over depth, in our wiring."""

import warnings
from importlib import import_module

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, call, sublayers
from minires.oracle.peers.sublayers import attention, network, normed, own
from minires.oracle.peers.trial import Trial


def read(sources, p, prefix):
    """What their GRN with our b and w reads of the sources [(B, T, D), ..]; the gain of its norm is 1, as w has it."""
    torch = needs("torch", "peers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peer's own imports
        make = import_module("deep_cross_attention.dca_gpt").GRN
    mine = own(p, prefix)
    module = make(mine["b"].shape[1], num_layers=len(sources), num_outputs=1)
    return call(module, {"bias": mine["b"][None], "to_aggregate.1.weight": mine["w"][None]}, torch.stack(sources),
                left=("to_aggregate.0.weight",))


def stack(p, x, case, seen):
    """A source per sublayer."""
    model, sources = case.config["model"], [x]
    for n, m, name in sublayers(case):
        prefix = f"layers.{n}.{name}."
        mine = own(p, prefix)
        of = lambda grn: normed(read(sources, p, prefix + grn), own(mine, "norm."), model)
        made = attention(of("grn_q."), of("grn_k."), of("grn_v."), mine, model) if name == "attention" else network(
            of("grn."), mine)
        sources.append(seen(prefix + "output", made))
    return normed(read(sources, p, "grn."), own(p, "final_norm."), model)


EPSILON = 2.0 ** -23  # of torch.nn.RMSNorm without a number of its own, in float32
TRIALS = {"deep-cross-attention/grn": Trial(
    "deep-cross-attention", "GRN", like("deep_cross_attention", norm="rms", epsilon=EPSILON),
    lambda case: answered(case, around(stack)))}
