"""Fused operations: one function each, which returns the value and, right under it, the function of its derivative.

    def operation(x, ..): ...  return y, vjp        vjp(g): the gradient of each array, given g = dL/dy

`minires.layers`, `activations`, `attention` and `positions` hold the same operations as equations; `minires.spelling` chooses.
Both agree to rounding. What makes these fast: leading axes folded into one, so that a linear map is one matrix product; sums
along a short axis as products with ones; buffers written again where the operation owns them; blocks of rows that stay in
the processor's cache while several passes go over them.
"""
