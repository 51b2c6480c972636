"""LayerNorm Scaling (LNS): Pre-LN whose normed input shrinks with the depth of the layer.

    x' = x + f(norm(x) / sqrt(n))            a norm at the end, unscaled

symbols: x the stream (B, T, D), f a sublayer; n the layer 1 .. L, the same for all sublayers of a layer.
The scale is a constant: no parameter is added. Layer 1 is that of Pre-LN. The function is that of Pre-LN with gains
(and biases) divided by sqrt(n), so the two differ in the initial gains and in the size of steps.
mistakes: sqrt of the sublayer index; of the layer counted from 0; the output of the sublayer scaled instead of its input;
    the norm at the end scaled too.
source: Sun et al. 2025, "The Curse of Depth" (2502.05795); lmsdss/LayerNorm-Scaling, peft_pretraining/modeling_llama.py.
"""

from minires.arithmetic import sqrt
from minires.residual.variant import Variant


def layernorm_scaling():
    """What Pre-LN's norm gives a sublayer, over sqrt(n)."""
    return {"branch_input": lambda x, here: x / sqrt(here.n, x)}


VARIANTS = {"layernorm_scaling": Variant(layernorm_scaling, "pre", "x' = x + f(norm(x) / sqrt(n))",
                                         "Sun et al. 2025, 2502.05795")}
