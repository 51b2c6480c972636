"""What the mistakes of the hidden stream are made with: where they apply, and changes of a record."""

import autograd.numpy as np

from minires.layers import normalize
from minires.model import Transformer
from minires.oracle.mistakes.mistake import transformer
from minires.parameters import unflatten
from minires.residual import members
from minires.residual.hidden.norm_placement import POST_NORM


def of(*variants):
    """Cases of one of these variants, alone or in a combination."""
    return lambda case: transformer(case) and bool(set(variants) & set(members(case.config["model"]["variant"])))


def where(variant, condition):
    """Cases of the variant whose options (a dict, its defaults left out) and model (a dict) meet the condition."""
    return lambda case: of(variant)(case) and bool(condition(options(case, variant), case.config["model"]))


def options(case, variant):
    """The options that the case gives the variant."""
    model = case.config["model"]
    return model["options"] if model["variant"] == variant else model["options"].get(variant, {})


def with_options(variant, change):
    """A change of the case: the variant's options updated by change(options, model), both dicts."""
    def config(case):
        model, own = case.config["model"], options(case, variant)
        own = {**own, **change(own, model)}
        given = own if model["variant"] == variant else {**model["options"], variant: own}
        return case._replace(config={**case.config, "model": {**model, "options": given}})
    return config


def record_of(case):
    """The case's record of residual functions."""
    return Transformer(**case.config["model"]).residual


def like(placement, *fields):
    """Cases whose record has these functions of a norm placement's record."""
    return lambda case: transformer(case) and all(
        getattr(record_of(case), field) is getattr(placement, field) for field in fields)


def post_normed(case):
    """Whether the stream leaves the last layer normed, and no norm follows."""
    return like(POST_NORM, "start", "finish")(case)


def fields(**functions):
    """A change of the record: other functions in these fields."""
    return lambda residual: residual._replace(**functions)


def knowing(change):
    """A change of the record that needs parameters of other sublayers: change(residual, stack) with the dict stack.

    While a stack runs, `stack` holds its parameters; there is nothing in it before.
    """
    def record(residual):
        stack = {}

        def start(embedding, here):
            stack.clear()
            stack.update(here.params)
            return residual.start(embedding, here)

        return change(residual, stack)._replace(start=start)
    return record


def attention_of(stack, here):
    """The parameters of the attention of the layer where we are."""
    return stack["layers"][here.n - 1]["attention"]


def bare_norm(x, here):
    """The model's norm with gain 1 and without bias."""
    return normalize(here.context.model.norm, x, {"gain": np.ones(x.shape[-1])}, here.context.model.epsilon)


def gains(change):
    """Patches under which every norm of the stacks and of the head has the gain change(gain)."""
    other = lambda normalize: lambda kind, x, p, epsilon: normalize(kind, x, {**p, "gain": change(p["gain"])}, epsilon)
    return {"minires.record.normalize": other, "minires.forward.normalize": other}


def layers_of(case):
    """The nested parameters of the layers of the case's last stack."""
    params = unflatten(case.params)
    return (params["decoder"] if "decoder" in params else params)["layers"]
