"""DeepNorm: Post-LN with a heavier skip and smaller initial weights, for very deep stacks.

    x' = norm(alpha x + f(x))                 initial W_v, W_o, W_1, W_2 times beta

    encoder-only, decoder-only      alpha = (2L)^(1/4)     beta = (8L)^(-1/4)
    decoder of an encoder-decoder   alpha = (3L)^(1/4)     beta = (12L)^(-1/4), cross-attention too
    encoder of an encoder-decoder   alpha = 0.81 q         beta = 1.15 / q (code) or 0.87 / q (paper)

symbols: x the stream (B, T, D), f a sublayer; alpha multiplies the skip, not the branch; q = (L^4 L)^(1/16) as both stacks
    have L layers. Biases, W_q, W_k, W_gate keep their scale. No parameter is added; alpha = beta = 1 is Post-LN.
options: alpha, beta numbers of your own for all stacks (2.828 of pixeli99/MixLN fits 32 layers only);
    encoder "code" or "paper". 0.87 is about 1 / 1.15, so the two differ by 1.15 / 0.87 = 1.32.
mistakes: alpha on the branch, norm(x + alpha f(x)) (labml's annotated DeepNorm); W_q and W_k rescaled.
source: Wang et al. 2022, "DeepNet" (2203.00555); microsoft/torchscale, torchscale/architecture/{encoder,decoder}.py;
    0.87 from memory of the paper.
"""

from minires.arithmetic import written
from minires.errors import one_of, positive
from minires.residual.variant import Variant
from minires.transformer import each_sublayer

SCALED = ("W_v", "W_o", "W_1", "W_2")
ALL = ("attention", "cross_attention", "feed_forward")


def rescaled(stack, factor, sublayers=ALL, names=SCALED):
    """The stack with these matrices of these sublayers multiplied by the factor."""
    return each_sublayer(stack, lambda n, sublayer, p: {
        name: value * factor if sublayer in sublayers and name in names else value for name, value in p.items()})


def skip(model, crossing, like=1.0):
    """alpha of a stack, in the arithmetic of `like`; `crossing`: it has cross-attention."""
    L = written(model.layers, like)
    if model.kind != "encoder_decoder":
        return (2 * L) ** 0.25
    return (3 * L) ** 0.25 if crossing else 0.81 * (L ** 4 * L) ** 0.0625


def shrinking(model, crossing, numerator):
    """beta of a stack."""
    L = model.layers
    if model.kind != "encoder_decoder":
        return (8 * L) ** -0.25
    return (12 * L) ** -0.25 if crossing else numerator / (L ** 4 * L) ** 0.0625


def deepnorm(alpha=None, beta=None, encoder="code"):
    """alpha and beta by the kind of stack unless given; `encoder`: the published beta of an encoder-decoder's encoder."""
    alpha = None if alpha is None else positive("alpha", alpha)
    beta = None if beta is None else positive("beta", beta)
    numerator = one_of("encoder of deepnorm", encoder, {"code": 1.15, "paper": 0.87})

    def write(x, y, here):
        own = skip(here.context.model, here.per_layer == 3, x) if alpha is None else alpha
        return here.norm(own * x + y)

    def smaller(rng, model, stack):
        crossing = "cross_attention" in stack["layers"][0]
        return rescaled(stack, shrinking(model, crossing, numerator) if beta is None else beta)

    return {"write": write, "parameters": (smaller,)}


VARIANTS = {"deepnorm": Variant(deepnorm, "post", "x' = norm(alpha x + f(x))", "Wang et al. 2022, 2203.00555")}
