"""Does the state forget how it began? What guarantees it, what excludes it, and what one input shows.

    guaranteed, for every input   ||K||_2 + l ||diag(g) W||_2 < 1     l = max f': 1 for tanh, identity, relu; 1/4 for logistic
                                  rho(|K| + l diag(g) |W|) < 1        since |e_t| <= (|K| + l diag(g) |W|) |e_{t-1}|, e a
                                                                      difference of two states, unit by unit
    excluded, for inputs that     rho(K + diag(g) f'(0) W) > 1        the origin, a state under zero input, repels
    contain 0, b = 0, f(0) = 0                                        its neighbourhood
    shown, for the input given    distances between runs from several starts shrink

rho(W) < 1 is neither necessary nor sufficient. Not necessary: N = 1, W = 2 with inputs in [3, 4] has echo states (Jaeger 2001);
and rho(W) = 1.3 contracts when it is driven. Not sufficient: where ||W|| > 1 differences may grow, under some input for good.
For leaky K = 1 - delta C a, g = delta C the first bound is Jaeger's |1 - delta C (a - sigma_max)| < 1; for K = alpha O,
g = beta it is alpha + beta ||W||_2 < 1. Teacher-forced feedback counts as input.
Sources: Jaeger 2001, GMD report 148, propositions 3, 4 (and its erratum of 2010: "state contracting" was flawed);
Buehner & Young 2006, IEEE Trans. Neural Networks 17:820 (bounds in other norms); Yildiz, Jaeger, Kiebel 2012, Neural
Networks 35:1.
T time, N units.
"""

from typing import NamedTuple

import numpy as np

from minires.checks import check_generator
from minires.errors import one_of, positive, require, whole_number
from minires.reservoir.checks import check_parameters
from minires.reservoir.echo_state import run
from minires.reservoir.operators import dense
from minires.reservoir.spectra import jacobian_at_origin, spectral_norm, spectral_radius

STEEPEST = {"tanh": 1.0, "identity": 1.0, "relu": 1.0, "logistic": 0.25}  # l = max f'
FLOOR = 1e-11  # of the first distance: below it rounding is measured


class EchoStateBounds(NamedTuple):
    """The sufficient and the necessary conditions, and what follows from them."""

    norm_bound: float  # ||K|| + l ||diag(g) W||; below 1: guaranteed
    absolute_radius: float  # rho(|K| + l diag(g) |W|); below 1: guaranteed
    radius_at_origin: float  # rho(K + diag(g) W)
    origin_applies: bool  # b = 0 and f = tanh or identity: above 1 excludes echo states for inputs that contain 0
    spectral_radius: float  # rho(W), which decides nothing

    @property
    def verdict(self):
        """guaranteed, excluded (for inputs that contain 0) or open."""
        if min(self.norm_bound, self.absolute_radius) < 1:
            return "guaranteed"
        return "excluded" if self.origin_applies and self.radius_at_origin > 1 else "open"

    def __str__(self):
        """What is known, in words."""
        means = {"guaranteed": "echo states under every input",
                 "excluded": "no echo states for input sets that contain zero; a driven reservoir may have them",
                 "open": "neither guaranteed nor excluded: drive it with your input and look at `convergence`"}[self.verdict]
        origin = "" if self.origin_applies else " (which says nothing here)"
        return (f"{self.verdict}: {means} (norm bound {self.norm_bound:.4g}, absolute radius {self.absolute_radius:.4g}, "
                f"radius at the origin {self.radius_at_origin:.4g}{origin}; rho(W) {self.spectral_radius:.4g} decides nothing)")


def echo_state_bounds(params, f="tanh"):
    """The EchoStateBounds of a reservoir. Errors: an unknown f; parameters that do not fit each other.

    >>> from minires.reservoir.kernels import leaky
    >>> echo_state_bounds({"W": np.array([[2.0]]), "W_in": np.ones((1, 1)), **leaky(1.0)}).verdict
    'excluded'
    """
    N, _, _ = check_parameters(params)
    steepest = one_of("activation", f, STEEPEST)
    K = np.asarray(dense(params["K"], N))  # (N, N)
    gained = jacobian_at_origin(params["W"], 0.0, params["g"])  # (N, N), g W
    fixed = f in ("tanh", "identity") and not np.any(params.get("b", 0))
    return EchoStateBounds(spectral_norm(K) + steepest * spectral_norm(gained),
                           spectral_radius(np.abs(K) + steepest * np.abs(gained)),
                           spectral_radius(K + gained), bool(fixed), spectral_radius(params["W"]))


class Convergence(NamedTuple):
    """How runs from several starts come together under one input."""

    distances: np.ndarray  # (T + 1,): the largest distance of a run from the first one, before the first step and after each
    rate: float  # ln of its shrinking, per step; near the largest Lyapunov exponent; -inf where it is 0 at once
    rows: int  # steps the rate was fitted to, before rounding is reached
    starts: int
    spread: float

    @property
    def ratio(self):
        """The last distance divided by the first."""
        return float(self.distances[-1] / self.distances[0])

    def __str__(self):
        """The ratio, the rate, and what they do not show."""
        return (f"distance after {len(self.distances) - 1} steps {self.ratio:.2g} of the first, rate {self.rate:+.4g} per step "
                f"over {self.rows} steps ({self.starts} starts in [-{self.spread:g}, {self.spread:g}]^N; "
                "shows nothing about other inputs and starts)")


def convergence(params, u, rng, starts=8, spread=1.0, y=None, y_0=None, f="tanh"):
    """The Convergence of runs from random states U(-spread, spread)^N under the input u (T, d), and y with W_fb.

        distance_t = max_b ||x_t^b - x_t^1||
    The rate is the slope of ln distance over the later half of the steps until the distance reaches rounding.
    Errors: as `run`; fewer than two starts; a batch.
    """
    N, _, q = check_parameters(params)
    starts, spread = whole_number("starts", starts, 2), positive("spread", spread)
    require(np.ndim(u) == 2 and len(u), f"u has shape {np.shape(u)}: expected one series (T, d), T >= 1")
    x_0 = check_generator(rng).uniform(-spread, spread, (starts, N))  # (starts, N)
    each = lambda series: None if series is None else np.repeat(np.asarray(series)[None], starts, axis=0)
    states, _ = run(params, each(u), x_0, each(y), y_0, f)  # (starts, T, N)
    X = np.concatenate([x_0[:, None], states], axis=1)  # (starts, T + 1, N)
    distances = np.max(np.linalg.norm(X - X[:1], axis=2), axis=0)  # (T + 1,)
    above = distances > FLOOR * distances[0]
    end = len(above) if above.all() else int(np.argmin(above))  # steps 0 .. end - 1 are above rounding
    t = np.arange(end // 2, end)
    rate = float(np.polyfit(t, np.log(distances[t]), 1)[0]) if len(t) > 1 else -np.inf
    return Convergence(distances, rate, len(t), starts, spread)
