"""Mistakes in NeuTRENO (Nguyen et al. 2023, 2312.00751) and in KV shifting (Xu et al. 2024, 2411.19574)."""

import autograd.numpy as np

from minires.attention import append, merge_heads, project, split_heads, turn
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import flat, grouped, layers_given, of, rotary, square
from minires.residual.values.token_mix import over_channels

NEUTRENO, SHIFTING = ("neutreno", "resformer_neutreno"), ("kv_shifting",)
WEIGHTS = {"alpha_1": "alpha_2", "alpha_2": "alpha_1", "beta_1": "beta_2", "beta_2": "beta_1"}


def difference(record, past, here):
    """lambda (V_1 - V'_n) (B, H, T, K), as NeuTRENO adds it."""
    return record.heads(0.0, past, here)


def differing(rule):
    """A change of the record: rule(heads, term, here), where NeuTRENO adds its term to the heads."""
    def change(record):
        def heads(output, past, here):
            adds = past and here.sublayer == "attention"
            return rule(output, difference(record, past, here), here) if adds else record.heads(output, past, here)
        return record._replace(heads=heads)
    return change


def tiled(output, term, here):
    """The difference of key/value head h mod G at query head h."""
    model = here.context.model
    r = model.heads // model.kv_heads_
    return output + np.concatenate([term[:, ::r]] * r, axis=1)


def after_projection(record):
    """The term joins what W_o gives."""
    def output(y, here):
        past = [layer[here.sublayer] for layer in here.below]
        adds = past and here.sublayer == "attention"
        return record.branch_output(y + merge_heads(difference(record, past, here)) if adds else y, here)
    return record._replace(heads=lambda heads, past, here: heads, branch_output=output)


def other_value(record):
    """The difference from the raw own value where it is to be from the mixed one, and the reverse."""
    def swapped(now):
        return {**now, "values": now["fresh_values"], "fresh_values": now["values"]} if "fresh_values" in now else now

    return record._replace(heads=lambda heads, past, here: record.heads(heads, past, here._replace(now=swapped(here.now))))


def shifting(extra):
    """A change of the record: extra(x, weight of the earlier token, whether it is the first call, here) joins the shift."""
    def change(record):
        def use(name, symbol):
            def used(fresh, past, here):
                if here.sublayer != "attention":
                    return fresh
                begins = "last_" + symbol not in here.kept()
                return extra(lambda x: getattr(record, name)(x, past, here), fresh, symbol, begins, here)
            return used
        return record._replace(keys=use("keys", "alpha"), values=use("values", "beta"))
    return change


def first_for_zeros(shift, fresh, symbol, begins, here):
    """Before the first token stands the first token."""
    first = np.concatenate([fresh[:, :1], 0 * fresh[:, 1:]], axis=1)
    return shift(fresh) + (over_channels(here.params[symbol + "_2"], here) * first if begins else 0)


def later_token(shift, fresh, symbol, begins, here):
    """The token after stands for the token before."""
    own, other = (over_channels(here.params[f"{symbol}_{i}"], here) for i in (1, 2))
    after = np.concatenate([here.unpadded(fresh)[:, 1:], 0 * fresh[:, :1]], axis=1)
    return own * fresh + other * after


def shifted_after_rotation(reused):
    """Keys are turned before they are shifted: K_(t-1) keeps the angle of t - 1."""
    def wrong(name, x, past, here, *turned):
        if name != "keys" or here.sublayer != "attention":
            return reused(name, x, past, here, *turned)
        fresh, G = project(x, here, "k"), here.context.model.kv_heads_
        own = flat(turn(split_heads(fresh, G), here))  # (B, R, G*K)
        before = here.with_earlier("alpha", here.unpadded(own), 1)[:, :-1]
        mixed = over_channels(here.params["alpha_1"], here) * own + over_channels(here.params["alpha_2"], here) * before
        heads = append(here.kept().get("key_heads"), split_heads(mixed, G))
        return {"fresh_keys": fresh, "keys": fresh, "key_heads": heads}
    return wrong


def made(does, fix, names, where=lambda model: True, **more):
    """A mistake of this file."""
    return Mistake("values", does, fix, of(*names, where=where), **more)


def one_for_all(n, sublayer, p, params):
    """The weight of the first head for all heads."""
    return {name: value[0] + 0 * value if name in WEIGHTS else value for name, value in p.items()}


NEAR, HALF = "U_n = P_n V'_n + lambda (V_1 - V'_n), per query head, before W_o", "residual_catalogue 5 "
SHIFT = "alpha_1 K_t + alpha_2 K_(t-1) before the rotation, 0 before the first token; one weight per key/value head"
MISTAKES = {
    "neutreno-sign": made(
        "the term is lambda (V'_n - V_1)", NEAR, NEUTRENO, record=differing(lambda output, term, here: output - term),
        listed=("value_residual F39",)),
    "neutreno-after-projection": made(
        "lambda (V_1 - V'_n) is added after W_o", NEAR, NEUTRENO, square, record=after_projection, listed=(HALF + "NeuTRENO",)),
    "neutreno-heads-tiled": made(
        "the difference is tiled over the query heads (h mod G)", "repeat it: head h has that of h // r", NEUTRENO, grouped,
        record=differing(tiled)),
    "neutreno-raw-or-mixed": made(
        "the difference is taken from the raw own value V_n where the mixed V'_n is meant, or the reverse", NEAR, NEUTRENO[1:],
        record=other_value, listed=("value_residual F39",)),
    "shift-weights-swapped": made(
        "alpha_1, beta_1 weigh the token before, alpha_2, beta_2 the own", SHIFT, SHIFTING,
        patches=layers_given(lambda n, sublayer, p, params: {WEIGHTS.get(name, name): value for name, value in p.items()})),
    "shift-weight-shared": made(
        "all key/value heads use the weights of the first", SHIFT, SHIFTING, patches=layers_given(one_for_all)),
    "shift-first-token-repeated": made(
        "before the first token stands the first token", SHIFT, SHIFTING, record=shifting(first_for_zeros),
        listed=(HALF + "KV shifting",)),
    "shift-to-the-left": made(
        "the token after joins, in the place of the token before: the future is seen", SHIFT, SHIFTING,
        record=shifting(later_token)),
    "shift-after-rotation": made(
        "keys are shifted after the rotation", SHIFT, SHIFTING, rotary,
        patches={"minires.attention.reused": shifted_after_rotation}, listed=(HALF + "KV shifting",)),
}
