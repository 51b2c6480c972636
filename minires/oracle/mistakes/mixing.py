"""What the mistakes of the value residual are made with: the mix V'_n = lambda_1 V_1 + lambda_2 V_n, taken apart.

Every variant of the family is linear in V_1 and V_n, so its weights are read off: lambda_1 is what it makes of V_1 = 1 and
V_n = 0, lambda_2 what it makes of the reverse. They are numbers, or (B, S, G K) where a gate makes them.
"""

import autograd.numpy as np

from minires.attention import project
from minires.heads import repeat_heads, split_heads
from minires.model import Transformer
from minires.residual import members

FIXED = ("resformer", "resformer_constant", "resformer_sparse", "resformer_neutreno")
LEARNED = ("resformer_learnable", "resformer_plus")
GATED = ("token_mix", "rwkv7_v_first")
MIXING = FIXED + LEARNED + GATED


def of(*names, where=lambda model: True):
    """`applies` of a mistake: the case is of one of these variants, alone or joined with others, and its model is so."""
    def applies(case):
        if case.system != "transformer" or not set(members(case.config["model"]["variant"])) & set(names):
            return False
        return bool(where(Transformer(**case.config["model"])))
    return applies


def grouped(model):
    """Whether 1 < G < H: else the order in which heads are repeated shows nothing."""
    return 1 < model.kv_heads_ < model.heads


def rotary(model):
    """Whether positions are rotary."""
    return model.positions == "rotary"


def square(model):
    """Whether H K = D: what has the heads' width can stand in the stream."""
    return model.heads * model.head_width_ == model.width


def pair(values, here):
    """lambda_1 and lambda_2 of this layer; None where it does not mix."""
    lambda_1, lambda_2 = (values(own, [{"fresh_values": first}], here) for own, first in ((0.0, 1.0), (1.0, 0.0)))
    return None if isinstance(lambda_1, float) and lambda_1 == 0 else (lambda_1, lambda_2)


def remixed(rule, crossing=True):
    """A change of the record: V'_n = rule(lambda_1, lambda_2, V_1, V_n, past, here) where the layer mixes.

    crossing: in cross-attention too.
    """
    def change(record):
        def values(fresh, past, here):
            weights = pair(record.values, here) if past and (crossing or here.sublayer == "attention") else None
            if weights is None:
                return record.values(fresh, past, here)
            return rule(*weights, past[0]["fresh_values"], fresh, past, here)
        return record._replace(values=values)
    return change


def sourced(source):
    """A change of the record: source(V_1, past, here) (B, S, G K) in the place of V_1, in self-attention."""
    return remixed(lambda a, b, first, fresh, past, here: a * source(first, past, here) + b * fresh, crossing=False)


def given(change):
    """Patches: change(params) in the place of the parameters of a stack."""
    return {"minires.forward.stack": lambda stack: lambda embedding, params, context: stack(embedding, change(params), context)}


def layers_given(change):
    """Patches: the parameters of each sublayer as change(n, name, parameters, params of the stack)."""
    return given(lambda params: {**params, "layers": [
        {name: change(n, name, p, params) for name, p in layer.items()} for n, layer in enumerate(params["layers"], start=1)]})


def with_first(name):
    """Patches: W_name and b_name of layer 1 stand beside every self-attention's own, as W_first_name, b_first_name."""
    def beside(n, sublayer, p, params):
        own = params["layers"][0]["attention"]
        first = {f"{kind}_first_{name}": own[f"{kind}_{name}"] for kind in "Wb" if f"{kind}_{name}" in own}
        return {**p, **first} if sublayer == "attention" else p
    return layers_given(beside)


def by_first(name, x, here):
    """x through W_name of layer 1 (see `with_first`)."""
    return project(x, here, "first_" + name)


def spread(x, here):
    """(B, S, G K) or a number -> what stands beside the heads' output: (B, H, S, K)."""
    model = here.context.model
    return repeat_heads(split_heads(x, model.kv_heads_), model.heads) if np.ndim(x) == 3 else x


def flat(x):
    """(B, G, S, K) -> (B, S, G K)."""
    return np.reshape(np.swapaxes(x, 1, 2), (x.shape[0], x.shape[2], -1))
