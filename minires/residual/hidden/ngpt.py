"""nGPT: stream, matrices, queries and keys all lie on the unit sphere; a sublayer moves the stream towards its output.

    x_0 = unit(embedding)
    x'  = unit(x + alpha (unit(y) - x)),    y = f(x),    alpha = |alpha_p| alpha_0 sqrt(D)
    S   = sqrt(K) (s_qk unit(q)) . (s_qk unit(k)),    q, k rotated,    s_qk = s_p sqrt(D)
    u   = sqrt(D) s_u (x W_1),    v = sqrt(D) s_v (x W_gate),    y = (silu(v) u) W_2
    logits = s_z (x W),    s_z = z_p sqrt(D)

symbols: x the stream (B, T, D), unit over the last axis; alpha (D) per sublayer, alpha_p <-> `alpha` initially 1/sqrt(D), so
    alpha = alpha_0 = 0.05; s_p <-> `s_qk` (H K) and z_p <-> the head's `s_z` (V) initially 1/sqrt(D), so that s_qk = s_z = 1;
    `s_u`, `s_v` (F) initially 1. `mix` (2, B, T, D) are the weights of x' = mix[0] x + mix[1] y, all lengths divided out.
All matrices are unit along their axis of length D, at the start and after each training step: the columns of W_q, W_k, W_v,
W_1, W_gate and of the head's W, the rows of W_o, W_2 and of the tables of the embedding. There is no norm. A key head that
serves several query heads is scaled by the s_qk of each. Without a gate s_u acts before the activation. Biases stay as they
are. Where y = 0, unit(y) = 0. The authors use neither weight decay nor warm-up.
mistakes: sqrt(K) divides; matrices not normalised again, or along the other axis; alpha not multiplied back by alpha_0 sqrt(D);
    s_qk before the rotation; the outer unit forgotten; alpha on unit(y) only.
source: Loshchilov, Hsieh, Sun, Ginsburg 2024, "nGPT: Normalized Transformer with Representation Learning on the Hypersphere"
    (2410.01131); official NVIDIA/ngpt, model.py and train.py (normalize_matrices). The paper has sqrt(D) on v only: y is unit.
"""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.heads import group_product
from minires.errors import positive
from minires.parameters import flatten, unflatten
from minires.residual.variant import Variant
from minires.transformer import each_sublayer

# the axis of length D of each matrix
ALONG = {"W_token": 1, "W_position": 1, "W_segment": 1, "W_q": 0, "W_k": 0, "W_v": 0, "W_o": 1, "W_1": 0, "W_gate": 0, "W_2": 1,
         "W": 0}


def length(x, axis=-1):
    """||x|| along an axis, which is kept; 1 where it is 0."""
    squared = np.sum(x * x, axis=axis, keepdims=True)
    return np.sqrt(squared + (squared == 0))


def unit(x, axis=-1):
    """x / ||x||."""
    return x / length(x, axis)


def on_the_sphere(params, model):
    """Every matrix unit along its axis of length D."""
    named = ((name, name.split(".")[-1], array) for name, array in flatten(params).items())
    return unflatten({name: unit(array, ALONG[last]) if last in ALONG else array for name, last, array in named})


def scores(fresh, past, here):
    """sqrt(K) times the cosines, each channel weighed by s_qk squared."""
    H, K = here.context.model.heads, here.context.model.head_width_
    q, k = unit(here.now["query_heads"]), unit(here.now["key_heads"])  # (B, H, T, K), (B, G, S, K)
    s = np.reshape(here.params["s_qk"] * sqrt(here.context.model.width, q), (H, 1, K))  # (H, 1, K)
    return group_product(s * s * q, np.swapaxes(k, -1, -2)) * sqrt(K, q)  # (B, H, T, S)


def scaled(u, name, here):
    """sqrt(D) s_u u, and of the gate sqrt(D) s_v v."""
    return here.params["s_v" if name == "gate" else "s_u"] * sqrt(here.context.model.width, u) * u  # (B, T, F)


def added(rng, model, stack):
    """alpha in each sublayer, s_qk in attention, s_u and s_v in the feed-forward."""
    small = model.width ** -0.5

    def own(n, sublayer, p):
        if "W_q" in p:
            return {"s_qk": np.full(p["W_q"].shape[1], small)}
        return {name: np.ones(p[W].shape[1]) for name, W in (("s_u", "W_1"), ("s_v", "W_gate")) if W in p}

    return each_sublayer(stack, lambda n, sublayer, p: {**p, "alpha": np.full(model.width, small), **own(n, sublayer, p)})


def with_s_z(rng, model, params):
    """s_z of the head."""
    return {**params, "head": {**params["head"], "s_z": np.full(model.vocabulary, model.width ** -0.5)}}


def ngpt(alpha=0.05):
    """alpha: alpha_0, the initial step towards the output (about 1 / L in the paper)."""
    alpha_0 = positive("alpha", alpha)

    def weights(x, y, here):
        alpha = abs(here.params["alpha"] * (alpha_0 * sqrt(here.context.model.width, x)))  # (D)
        kept, moved = (1 - alpha) / length(x), alpha / length(y)  # (B, T, D), (B, T, D)
        return np.stack([kept, moved]) / length(kept * x + moved * y)

    def write(x, y, here):
        mix = here.coefficient("mix", lambda: weights(x, y, here), channels=True)
        return mix[0] * x + mix[1] * y

    return {"start": lambda embedding, here: unit(embedding), "write": write, "scores": scores, "inner": scaled,
            "predictions": lambda logits, head, model: logits * (head["s_z"] * sqrt(model.width, logits)),
            "parameters": (added,), "initial": (with_s_z,), "constrain": on_the_sphere}


VARIANTS = {"ngpt": Variant(ngpt, "none", "x' = unit(x + alpha (unit(f(x)) - x))", "Loshchilov et al. 2024, 2410.01131")}
