"""Mistakes in value embeddings: a table of values, indexed by the token, joins the values of a layer."""

from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.mixing import layers_given, of
from minires.residual import members

TABLES, OTHER = ("value_embeddings",), {"sigma2": "sigma3", "sigma3": "sigma2"}


def tables_one_early(n, sublayer, p, params):
    """Each layer has the table and the gate of the layer above."""
    if sublayer != "attention":
        return p
    above = params["layers"][n].get(sublayer, {}) if n < len(params["layers"]) else {}
    own = {name: value for name, value in p.items() if name not in ("E", "W_gate")}
    return {**own, **{name: above[name] for name in ("E", "W_gate") if name in above}}


def form(model):
    """The form of the model's value embeddings."""
    options = model.options if len(members(model.variant)) == 1 else model.options.get(TABLES[0], {})
    return options.get("form", "lambda")


def other_range(case):
    """The gate of the other form: 3 sigmoid for 2 sigmoid, and the reverse."""
    model = case.config["model"]
    nested, own = len(members(model["variant"])) > 1, lambda options: {**options, "form": OTHER[options["form"]]}
    options = {**model["options"], TABLES[0]: own(model["options"][TABLES[0]])} if nested else own(model["options"])
    return case._replace(config={**case.config, "model": {**model, "options": options}})


def made(does, fix, where, **more):
    """A mistake of this file."""
    return Mistake("values", does, fix, of(*TABLES, where=where), **more)


MISTAKES = {
    "value-embedding-weights-swapped": made(
        "lambda V_n + (1 - lambda) E_n", "(1 - lambda) V_n + lambda E_n", lambda model: form(model) == "lambda",
        patches=layers_given(lambda n, sublayer, p, params: {**p, "lambda": 1 - p["lambda"]} if "lambda" in p else p),
        seen=("KellerJordan/modded-nanogpt 2024-12-08: the order is the reverse of 2024-12-04",)),
    "value-embedding-gate-range": made(
        "the gate is 2 sigmoid(..) for 3 sigmoid(..), or the reverse", "sigma3: 3 sigmoid; sigma2: 2 sigmoid",
        lambda model: form(model) != "lambda", config=other_range, listed=("residual_catalogue 5 Value embeddings",),
        seen=("karpathy/nanochat had 2 sigmoid until 2026-03-09",)),
    "value-embedding-layers-one-early": made(
        "the tables join layers L - 1, L - 3 and so on", "layers L, L - 2, ..: the last has one",
        lambda model: form(model) == "sigma3", patches=layers_given(tables_one_early)),
}
