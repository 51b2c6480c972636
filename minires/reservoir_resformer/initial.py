"""Initial parameters: "memory" holds what is frozen, everything else is trained.

    W_in ~ U(-1, 1) * input_scale, A ~ N(0, 1), mask = U(0, 1) < density, b ~ U(-1, 1) * bias_scale, in this order for each
    reservoir; then the table E_r. W is A * mask scaled: the mask comes first, the scaling last.
"""

import numpy as np

from minires.initial import initial_stack, weights
from minires.reservoir.kernels import leaky
from minires.reservoir.scaling import rescale
from minires.reservoir_resformer.fusion import FUSIONS
from minires.reservoir_resformer.readout import READOUTS


def initial_parameters(model, rng):
    """The whole tree: memory (frozen), readouts, fusion, embedding, layers, head."""
    encoder, fusion, sizes = model.encoder, FUSIONS[model.fusion], group(model)
    init, _ = READOUTS[model.readout]
    frozen = initial_memory(model, rng)
    tables = {"W_token": weights(encoder, rng, model.vocabulary, model.width),
              "W_position": weights(encoder, rng, model.maximum_length, model.width)}
    readouts = [init(rng, N, model.hidden, model.memory_tokens, model.width) for N, *_ in sizes]
    own = fusion.init(rng, encoder)
    head = {"W": weights(encoder, rng, model.width, model.classes), "b": np.zeros(model.classes)}
    mix = {"mix": np.full(len(sizes), 1 / len(sizes))} if model.group == "learned" else {}
    return {"memory": frozen, "embedding": tables, **initial_stack(encoder, rng, fusion.sublayers), "readouts": readouts,
            **({"fusion": own} if own else {}), **mix, "head": head}


def group(model):
    """(N, leak, radius) of each reservoir; a single number serves all."""
    fields = [value if isinstance(value, tuple) else (value,) for value in (model.units, model.leak, model.radius)]
    size = max(map(len, fields))
    return list(zip(*(value * size if len(value) == 1 else value for value in fields)))


def initial_memory(model, rng):
    """The frozen reservoirs and the frozen table E_r (V, r)."""
    r = model.input_width or model.vocabulary
    reservoirs = [initial_reservoir(model, rng, r, *each) for each in group(model)]
    return {"reservoirs": reservoirs, "E_r": table(model, rng, r)}


def initial_reservoir(model, rng, r, N, leak, radius):
    """W_in (N, r), W (N, N), b (N,), K = 1 - leak, g = leak."""
    W_in = rng.uniform(-1, 1, (N, r)) * model.input_scale
    A, mask = rng.standard_normal((N, N)), rng.random((N, N)) < model.density
    b, kernel = rng.uniform(-1, 1, N) * model.bias_scale, leaky(leak)
    return {"W_in": W_in, "W": rescale(A * mask, model.scaled_by, radius, **kernel), "b": b, **kernel}


def table(model, rng, r):
    """E_r (V, r): orthonormal rows, so that tokens do not mix, or independent normal numbers of variance 1 / r."""
    normal = rng.standard_normal((max(model.vocabulary, r) if model.table == "orthonormal" else model.vocabulary, r))
    if model.table == "normal":
        return normal / np.sqrt(r)
    return np.linalg.qr(normal)[0][:model.vocabulary]
