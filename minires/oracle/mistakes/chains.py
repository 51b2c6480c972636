"""Mistakes of RealFormer's chains: self-attention and attention across, encoder and decoder."""

from minires.oracle.mistakes.carry import one, realformer, running_mean
from minires.oracle.mistakes.mistake import Mistake
from minires.oracle.mistakes.places import both, changed, given, having

MEMORY = {}  # what a wrong port keeps between layers, stacks and calls; empty when a case begins


def forgetful(run):
    """The case begins with nothing in memory."""
    def begin(config, params, inputs):
        MEMORY.clear()
        return run(config, params, inputs)
    return begin


KEEPING = {"minires.oracle.systems.transformer.run": forgetful}


def scores(change):
    """Other scores: change(right, fresh, past, here)."""
    return changed(scores=lambda right: lambda fresh, past, here: change(right, fresh, past, here))


def added(fresh, carry):
    """fresh + carry where the shapes agree; elsewhere fresh: a port that fails there shows it."""
    return fresh + carry if carry is not None and carry.shape == fresh.shape else fresh


def one_chain(right, fresh, past, here):
    """Across attention adds the scores of self-attention before it; self-attention those across in the layer below."""
    if here.sublayer == "cross_attention":
        return added(fresh, here.layer["attention"]["scores"])
    crossed = here.per_layer == 3 and here.below
    return added(fresh, here.below[-1]["cross_attention"]["scores"]) if crossed else right(fresh, past, here)


def from_encoder(sublayer):
    """The decoder's chain of this kind begins with the encoder's last carry."""
    def change(right, fresh, past, here):
        begins = here.per_layer == 3 and here.sublayer == sublayer and not past
        result = added(fresh, MEMORY.get("encoder")) if begins else right(fresh, past, here)
        MEMORY.update({"encoder": result} if here.per_layer == 2 else {})
        return result
    return change


def attentions(here):
    """The sublayers of attention so far, of both kinds in a decoder that has both."""
    return here.n if here.per_layer == 2 else 2 * here.n - (here.sublayer == "attention")


def only_chain(sublayer):
    """In the decoder, only attention of this kind carries."""
    return lambda right, fresh, past, here: fresh if here.per_layer == 3 and here.sublayer != sublayer else right(fresh, past,
                                                                                                                  here)


def across(case):
    """Cases of an encoder_decoder."""
    return having(kind=("encoder_decoder",))(case)


def level(case):
    """Cases in which source and target are equally long, so that no shape gives the mistake away."""
    return across(case) and case.values["inputs.source"].shape == case.values["inputs.tokens"].shape


def kept(does, change, number, applies=given("earlier"), fix="a call begins with no carry and leaves nothing behind", seen=()):
    """A mistake that needs memory."""
    return Mistake("state", does, fix, both(realformer, applies), KEEPING, scores(change), seen=seen,
                   listed=(f"realformer {number}",))


CHAINS = "self-attention and attention across have a chain each, which begins in the first layer of the stack"
MISTAKES = {
    "one-chain-for-self-and-cross": one(
        "self-attention and attention across share one chain", scores(one_chain), level, "F42", fix=CHAINS,
        seen=("bojone/bert4keras", "lucidrains/x-transformers before v0.4.4")),
    "encoder-carry-in-decoder": kept("the decoder's self-attention begins with the encoder's last carry",
                                     from_encoder("attention"),
                                     "F43", level, CHAINS),
    "encoder-carry-across": kept("attention across begins with the encoder's last carry", from_encoder("cross_attention"),
                                 "F43",
                                 level, CHAINS),
    "carry-in-self-attention-only": one(
        "in the decoder, attention across carries nothing", scores(only_chain("attention")), across, "F44", fix=CHAINS),
    "carry-across-only": one(
        "in the decoder, self-attention carries nothing", scores(only_chain("cross_attention")), across, "F44", fix=CHAINS),
    "mean-divisor-both-kinds": one(
        "the divisor counts attention of both kinds in the decoder",
        changed(logits=lambda right: lambda s, here: s / attentions(here)),
        both(running_mean, across), "F17d", fix="n counts the layers of this chain"),
}
