"""Scaling recurrent weights to a target: last, after they have been drawn and made sparse, and once.

    spectral_radius             W * target / rho(W)
    spectral_norm               W * target / sigma_max(W): the norm, not the radius, is the target
    effective_radius            (M * target / rho(M) - K) / g,    M = K + g W: DeepESN's. W's diagonal changes as well
    effective_radius_by_factor  s W with rho(K + g s W) = target: one factor for all weights, as Jaeger 2001 scales
    circular_law                W * target / sqrt(N / 3): ResESN's estimate for a full W, uniform on (-1, 1)
    none                        W

All are differentiable in W (sparse: its values), in the target, and in K and g. rho(W) is that of `spectra`.
Sources: Gallicchio, Micheli, Pedrelli 2017, Neurocomputing 268 (DeepESN; its Python code lucapedrelli/DeepESN);
Jaeger 2001, GMD report 148; Ceni & Gallicchio 2024, andreaceni/ResESN, whose (rho / sqrt(N)) 6 / sqrt(12) is the above.
"""

import autograd.numpy as np
import numpy
from autograd.tracer import getval

from minires.errors import number, one_of, positive, require
from minires.reservoir.operators import dense, values_of, with_values
from minires.reservoir.spectra import effective_radius, full, jacobian_at_origin, spectral_norm, spectral_radius

CHANGE, MOVES = 1e-12, 1e-5  # a radius that moves by 1e-5 of it when each weight does by 1e-12 is rounding


def times(W, factor):
    """factor W in the form of W."""
    return with_values(W, values_of(W) * factor)


def scalable_radius(W):
    """rho(W), or a ValueError where rounding hides it: W is zero or nilpotent, so that no factor gives it another radius.

    The eigenvalues of a feed-forward W (a delay line) come out as exact zeros. Those of another nilpotent one are about
    1e-16^(1/N), far from 0 for a large N; what tells them from a true radius is that a change of each weight by 1e-12 of
    it moves them much further. So are those of a long delay line with weak feedback, whose radius has a formula.
    """
    rho, plain = spectral_radius(W), getval(full(W))
    nearby = spectral_radius(plain * (1 + CHANGE * numpy.random.default_rng(0).uniform(-1, 1, plain.shape)))
    require(getval(rho) > 0 and abs(nearby - getval(rho)) <= MOVES * getval(rho),
            "the spectral radius of W is 0, or lost in rounding (W nilpotent, or nearly): expected another, or scaling 'none'")
    return rho


def to_spectral_radius(W, target, K=None, g=None):
    """W * target / rho(W)."""
    return times(W, target / scalable_radius(W))


def to_spectral_norm(W, target, K=None, g=None):
    """W * target / sigma_max(W); ValueError for W = 0."""
    sigma = spectral_norm(W)
    require(getval(sigma) > 0, "W is zero: expected weights that a factor can scale")
    return times(W, target / sigma)


def to_effective_radius(W, target, K, g):
    """(M * target / rho(M) - K) / g with M = K + g W: exact, for any K and a g without zeros. W must be full.

    For a leak a: M is scaled, then (1 - a) I is taken away again. Every unit gets a weight to itself by it.
    """
    require(not isinstance(W, dict), "by='effective_radius' changes W's diagonal, for which sparse weights have no place: "
            "expected a full W, or by='effective_radius_by_factor'")
    M = jacobian_at_origin(W, K, g)  # (N, N)
    require(numpy.all(getval(g) != 0), "g holds 0: expected a gain above 0, to recover W from K + g W")
    scaled = (M * (target / scalable_radius(M)) - dense(K, len(M))) / np.reshape(g, (-1, 1))  # (N, N)
    return scaled.astype(W.dtype) if getattr(W, "dtype", None) == numpy.float32 else scaled


def to_effective_radius_by_factor(W, target, K, g):
    """s W with rho(K + g s W) = target, for numbers K and g != 0 and a target above |K|; W may be sparse.

        s = the smallest root above 0 of |K + s g lambda|^2 = target^2, over the eigenvalues lambda != 0 of W
    Above |K| each |K + s g lambda| grows with s and meets the target once, so the smallest s is where the first does.
    """
    k, gain = (number(name, numpy.asarray(getval(x)).tolist(), expected="one number for by='effective_radius_by_factor'")
               for name, x in (("K", K), ("g", g)))
    t = float(numpy.real(getval(target)))
    require(gain != 0 and t > abs(k),
            f"target={t} with K={k} and g={gain}: expected g not 0 and a target above |K|, the radius at W = 0")
    rho = getval(scalable_radius(W))
    z = numpy.linalg.eigvals(getval(full(W))) / rho  # (N,)
    z = gain * z[numpy.abs(z) > 1e-12]
    size, pull = numpy.abs(z) ** 2, k * z.real
    s = (numpy.sqrt(pull ** 2 + size * (t ** 2 - k ** 2)) - pull) / size
    s, z = min(zip(s.tolist(), z.tolist()), key=lambda pair: pair[0])
    s, slope = s / rho, rho * ((k + s * z).conjugate() * z).real / t  # the slope of |K + s g lambda| in s
    # one step of Newton's method: it changes the value by rounding only, and gives s its derivative in W, target, K, g
    return times(W, s - (effective_radius(times(W, s), K, g) - target) / slope)


def to_circular_law(W, target, K=None, g=None):
    """W * (target / sqrt(N)) 6 / sqrt(12), without an eigenvalue: 5 % off at N = 100. Only for uniform weights on (-1, 1).

    The check that they are: max |W| <= 1, and the mean of W^2 within six standard errors sqrt(4/45) / N of 1/3.
    """
    require(not isinstance(W, dict), "by='circular_law' with sparse weights: expected a full W, uniform on (-1, 1)")
    plain = numpy.asarray(getval(full(W)))
    N, square = len(plain), float(numpy.mean(plain ** 2))
    require(numpy.max(numpy.abs(plain)) <= 1 and abs(square - 1 / 3) <= 6 * (4 / 45) ** 0.5 / N,
            f"by='circular_law' with weights of mean square {square:.3g}: expected a full W, uniform on (-1, 1), 1/3")
    return W * (target / N ** 0.5 * 6 / 12 ** 0.5)


MEASURES = {"spectral_radius": to_spectral_radius, "effective_radius": to_effective_radius,
            "effective_radius_by_factor": to_effective_radius_by_factor, "spectral_norm": to_spectral_norm,
            "circular_law": to_circular_law, "none": lambda W, target, K=None, g=None: W}


def rescale(W, by, target=None, K=None, g=None):
    """W scaled so that its size `by` is the target, a positive number; in the form and the dtype of W.

    K, g: the kernel, as `**kernels.leaky(a)`; the effective radii need both, the others take no notice of them.
    Errors: a measure of another name; a target that is not positive, or one given for none; W zero or nilpotent where a
    radius is asked for, W not square or not finite; an effective radius without K and g.

    >>> float(rescale(np.array([[0.0, 2.0], [0.5, 0.0]]), "spectral_radius", 0.5)[0, 1])
    1.0
    """
    scaled = one_of("scaling", by, MEASURES)
    if by == "none":
        require(target is None, f"by='none' with target={target!r}: expected no target, or another scaling")
        full(W)
        return W
    value = numpy.real(numpy.asarray(getval(target)))
    positive("target", value.item() if value.ndim == 0 else value)
    require("effective" not in by or (K is not None and g is not None),
            f"by={by!r} without the kernel: expected K and g, as rescale(..., **kernels.leaky(a))")
    return scaled(W if isinstance(W, dict) or hasattr(W, "dtype") else numpy.asarray(W), target, K, g)
