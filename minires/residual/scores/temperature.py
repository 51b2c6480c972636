"""The temperature control of RealFormer: no scores are carried, the logits are multiplied by sqrt(n).

    Z_n = sqrt(n) A_n

symbols: A_n `fresh_scores`, Z_n `logits` (B, H, T, S); n the layer, 1 .. L.
At random weights a running sum of n independent scores is about sqrt(n) times as wide as one of them, so RealFormer is
partly a sharper softmax with depth. This control has the sharpness without the edge. It is a control, not a method.
mistakes: n counted from 0 (uniform attention in the first layer) or over sublayers; dividing; scaling bias and mask too.
source: a control of our own for the comparison with RealFormer; no paper.
"""

from minires.arithmetic import sqrt
from minires.residual.variant import Variant


def temperature():
    """Multiply the logits of layer n by sqrt(n)."""
    return {"logits": lambda scores, here: scores * sqrt(here.n, scores)}


VARIANTS = {"temperature": Variant(temperature, "post", "P_n = softmax(sqrt(n) A_n)", "control of RealFormer, of our own")}
