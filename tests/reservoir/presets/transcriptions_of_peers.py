"""Literal loops over published equations, for the conventions whose code cannot be run here; apart from the library.

One unit at a time: no matrix product, so that no transpose can hide.
"""

import math


def product(A, x, i):
    """sum_j A_ij x_j."""
    return sum(A[i][j] * x[j] for j in range(len(x)))


def jaeger2001(W_in, W, W_back, u, y, x_0):
    """GMD report 148, eq. 1 and 2: x(n+1) = tanh(W_in u(n+1) + W x(n) + W_back y(n)), y(0) = 0, then the teacher's."""
    return jaeger2001_leaky(W_in, W, W_back, 1.0, 1.0, 1.0, u, y, x_0)


def jaeger2001_leaky(W_in, W, W_back, C, a, d, u, y, x_0):
    """Eq. 21: x(n+1) = (1 - d C a) x(n) + d C tanh(W_in u(n+1) + W x(n) + W_back y(n))."""
    x, back, states = list(x_0), [0.0] * len(y[0]), []
    for n in range(len(u)):
        x = [(1 - d * C * a) * x[i] + d * C * math.tanh(product(W_in, u[n], i) + product(W, x, i) + product(W_back, back, i))
             for i in range(len(x))]
        back = y[n]
        states.append(x)
    return states


def rcjl(input_matrix, reservoir_matrix, bias, leak_coefficient, u, x_0):
    """ESNCell of ReservoirComputing.jl 0.12.35: h = (1 - leak) .* h .+ leak .* tanh.(input * u .+ (reservoir * h .+ bias)).

    Its data has a column per step; u here has a row per step. leak is a vector.
    """
    h, states = list(x_0), []
    for u_t in u:
        h = [(1 - leak_coefficient[i]) * h[i] + leak_coefficient[i] * math.tanh(
            product(input_matrix, u_t, i) + (product(reservoir_matrix, h, i) + bias[i])) for i in range(len(h))]
        states.append(h)
    return states
