"""ReViT: each layer uses a moving average over depth of the scores.

    Z'_n = alpha Z_n + (1 - alpha) Z'_{n-1}        Z'_1 = Z_1

symbols: Z_n own scores q k^T / sqrt(K) (`fresh_scores`), Z'_n used scores (`scores`), both (B, H, T, S); alpha the weight
    of the own scores: 1/2 and fixed, or with learned=True one free scalar for all layers of a chain, from 1/2.
What is carried is the mixed Z'_n, before bias and mask. Self- and cross-attention have a chain (and an alpha) each. alpha =
1 is vanilla; scores that are equal in all layers stay as they are, where RealFormer's sum would grow with depth.
mistakes: carrying Z_n, not Z'_n; alpha on the carried scores; mixing after the relative position (or bias) is added.
source: Diko et al. 2024 (2402.11301); official ADiko1997/ReViT, model/attention.py (a vision model, whose scores it also
    pools where the resolution changes and averages over heads where their number does: neither occurs here).
"""

import math

import autograd.numpy as np

from minires.arithmetic import written
from minires.errors import number, truth
from minires.residual.variant import Variant
from minires.transformer import after_first, all_layers_share


def revit(alpha=0.5, learned=False):
    """The moving average; alpha is fixed, or with learned=True where it starts."""
    alpha, learned = number("alpha", alpha, 0.0, math.nextafter(1.0, 2.0), "a number from 0 to 1"), truth("learned", learned)

    def change(fresh, past, here):
        own = here.shared()["alpha"] if learned else written(alpha, fresh)
        return own * fresh + (1 - own) * past[-1]["scores"]  # (B, H, T, S)

    def one_scalar(rng, model, params):
        chains = [sublayer for sublayer in ("attention", "cross_attention") if sublayer in params["layers"][0]]
        return all_layers_share(params, {chain: {"alpha": np.array(alpha)} for chain in chains})

    return {"scores": after_first(change), "parameters": (one_scalar,) if learned else ()}


VARIANTS = {"revit": Variant(revit, "pre", "Z'_n = (Z_n + Z'_{n-1}) / 2", "Diko et al. 2024, 2402.11301")}
