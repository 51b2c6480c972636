"""Exercises of tutorial 07, many streams: mHC's mixing matrix, and Phi as a product of mixing matrices."""

from functools import reduce

import numpy as np

from minires.activations import sigmoid
from minires.exercises.records import ByValue, Exercise, InModel, Wrong
from minires.residual.hidden.mhc import sinkhorn


def doubly_stochastic(Z, iterations, epsilon):
    """C (.., R, R), rows and columns of sum 1."""
    return sinkhorn(Z, iterations, epsilon)


def started(start):
    """Sinkhorn's iterations from start(Z) in the place of the softmax of the rows."""
    def wrong(Z, iterations, epsilon):
        C = start(Z) + epsilon
        for i in range(iterations):
            C = C if i == 0 else C / (C.sum(axis=-1, keepdims=True) + epsilon)
            C = C / (C.sum(axis=-2, keepdims=True) + epsilon)
        return C
    return wrong


SINKHORN = InModel(
    "transformer/mhc-decoder", doubly_stochastic,
    lambda function: {"minires.residual.hidden.mhc.sinkhorn": lambda Z, iterations, epsilon, axes: (
        function(Z, iterations, epsilon))},
    {"mhc-sigmoid-for-softmax": started(sigmoid), "mhc-exponential-start": started(np.exp),
     "mhc-temperature": lambda Z, iterations, epsilon: sinkhorn(Z / 0.05, iterations, epsilon)})


# ---- Phi -------------------------------------------------------------------------------------------------------------

def product_form(alpha, C, beta):
    """Phi[m - 1, i] = beta_i C_{i+1} .. C_{m-1} alpha_m, alpha and beta (M + 1, R), C (M, R, R)."""
    return phi(alpha, C, beta)


def phi(alpha, C, beta, first=1, last=0, reverse=False):
    """Phi with the matrices C_{i+first} .. C_{m-1+last} between, counted from 1; reverse: in the reverse order."""
    count, R = beta.shape
    Phi = np.zeros((count, count))
    for m in range(1, count + 1):
        for i in range(m):
            between = [C[n - 1] for n in range(i + first, m + last) if 1 <= n <= len(C)]
            Phi[m - 1, i] = beta[i] @ reduce(np.matmul, between[::-1 if reverse else 1], np.eye(R)) @ alpha[m - 1]
    return Phi


PRODUCT = ByValue(
    product_form, lambda rng: (rng.standard_normal((5, 3)), rng.standard_normal((4, 3, 3)), rng.standard_normal((5, 3))), {
        "each-matrix-transposed": Wrong(lambda alpha, C, beta: phi(alpha, np.swapaxes(C, 1, 2), beta),
                                        "each C is transposed", "C[i, j] goes from i to j: beta (from the left) C alpha"),
        "product-reversed": Wrong(lambda alpha, C, beta: phi(alpha, C, beta, reverse=True),
                                  "the product has the reverse order",
                                  "what is written at i meets C_{i+1} first: beta_i C_{i+1} .. C_{m-1} alpha_m"),
        "own-matrix-included": Wrong(lambda alpha, C, beta: phi(alpha, C, beta, first=0),
                                     "C_i mixes what sublayer i itself writes",
                                     "the write comes after the mixing: the first matrix is C_{i+1}"),
        "readers-matrix-included": Wrong(lambda alpha, C, beta: phi(alpha, C, beta, last=1),
                                         "sublayer m reads after its own C_m",
                                         "the read comes before the mixing: the last matrix is C_{m-1}"),
        "no-mixing": Wrong(lambda alpha, C, beta: np.tril(alpha @ beta.T), "no C stands between",
                           "C_{i+1} .. C_{m-1} stand between")})


EXERCISES = {
    "sinkhorn": Exercise("mHC's mixing matrix", 2, 15, SINKHORN),
    "product": Exercise("Phi in closed form", 3, 20, PRODUCT),
}
