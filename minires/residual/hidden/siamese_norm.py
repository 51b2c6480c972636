"""SiameseNorm: a Post-LN stream and a Pre-LN stream with the same updates; every sublayer reads their sum.

    u = X + norm(Y)         y = f(u)         X' = norm_x(X + y / c)         Y' = Y + y
    X_0 = norm_start(x_0)   Y_0 = x_0        out = X_M + norm_final(Y_M)

symbols: the stream is the pair (X, Y), (2, B, T, D); f a sublayer; norm <-> norm, norm_x <-> norm_x of the sublayer,
    norm_start <-> start_norm, norm_final <-> final_norm of the stack, gains 1. c = 1.
Y is the Pre-LN sum x_0 + y_1 + ... + y_m exactly.
options of the official code: depth_scale=True, c = sqrt(2n), n the layer, the same for its sublayers;
    input_norm=True, a further norm on what is read, u = norm_u(X + norm(Y)), and on out (norm_u <-> norm_u, start 1).
mistakes: the depth scale on Y too; Y fed with the normed X'; X read before its norm.
source: Li et al. 2026 (2602.08064, ICML 2026); Qwen-Applications/SiameseNorm, deit-model-siamesenorm.py and
    OLMo_model_hybrid_pre.py (both with depth scale and input norm; they norm X when it is read, which is the same). The plain
    form is known to us from a secondary description; the paper itself was not read.
"""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.errors import truth
from minires.residual.hidden.norm_placement import norms, unit_norm
from minires.residual.variant import Variant


def siamese_norm(depth_scale=False, input_norm=False):
    """The plain form; both options True: the official code."""
    depth_scale, input_norm = truth("depth_scale", depth_scale), truth("input_norm", input_norm)

    def coupled(stream, here, norm):
        u = stream[0] + here.norm(stream[1], norm)  # (B, T, D)
        return here.norm(u, "norm_u") if input_norm else u

    def write(stream, y, here):
        c = sqrt(2 * here.n, y) if depth_scale else 1.0
        return np.stack([here.norm(stream[0] + y / c, "norm_x"), stream[1] + y])

    own = norms("norm_x", *(["norm_u"] if input_norm else []), start=True)
    last = ((lambda rng, model, stack: {**stack, "norm_u": unit_norm(model)}),) if input_norm else ()
    return {"expand": lambda x_0, here: np.stack([here.norm(x_0, "start_norm"), x_0]),
            "read": lambda stream, here: coupled(stream, here, "norm"), "write": write,
            "finish": lambda stream, here: coupled(stream, here, "final_norm"), "parameters": own + last}


VARIANTS = {"siamese_norm": Variant(siamese_norm, "pre", "u = X + norm(Y); X' = norm(X + y); Y' = Y + y",
                                    "Li et al. 2026, 2602.08064")}
