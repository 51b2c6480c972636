"""Series with a formula of one line: the Henon map and sums of sines."""

import numpy as np

from minires.errors import number, one_of, positive, require, whole_number
from minires.tasks.series.series import forecasting, starting_point

# alpha_i of sum_i sin(alpha_i t): two lists are in print, which differ in the second
FREQUENCIES = {
    "roeschies_igel": (0.2, 0.311, 0.42, 0.51, 0.63, 0.74, 0.85, 0.97, 1.08, 1.19, 1.27, 1.32),
    "gallicchio_micheli": (0.2, 0.331, 0.42, 0.51, 0.63, 0.74, 0.85, 0.97, 1.08, 1.19, 1.27, 1.32),
}
HENON_LYAPUNOV_TIME = 1 / 0.419  # steps, at a = 1.4, b = 0.3


def henon(length, rng=None, a=1.4, b=0.3, spread=0.1, washout=100, horizon=1):
    """x(t+1) = 1 - a x(t)^2 + y(t), y(t+1) = b x(t): forecast (x, y), inputs and targets (length, 2).

    Starts at (0, 0), plus spread * U(-1, 1) when a generator is given; `washout` rows are discarded. Not each a, b and start
    stays bounded: ValueError that names the step. The Lyapunov time is 2.4 steps at a=1.4, b=.3, None elsewhere.
    source: Henon 1976 (Commun. Math. Phys. 50:69).

    >>> henon(2, washout=0).inputs.tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    length, horizon = whole_number("length", length), whole_number("horizon", horizon)
    washout = whole_number("washout", washout, 0)
    a, b, spread = number("a", a), number("b", b), number("spread", spread, 0.0, expected="a number from 0 on")
    x, y = starting_point(np.zeros(2), spread, rng).tolist()
    values = np.empty((washout + length + horizon, 2))  # (rows, 2)
    for step in range(len(values)):
        require(abs(x) < 1e6, f"henon diverges at step {step} (a={a}, b={b}): expected a=1.4, b=0.3, a spread of 0.1 or less")
        values[step] = x, y
        x, y = 1 - a * x * x + y, b * x
    options = {"length": length, "a": a, "b": b, "spread": spread, "washout": washout, "horizon": horizon}
    return forecasting(values[washout:], horizon, name="henon", options=options, columns=("x", "y"), dt=1.0,
                       lyapunov_time=HENON_LYAPUNOV_TIME if (a, b) == (1.4, 0.3) else None)


def multiple_superimposed_oscillators(length, rng=None, oscillators=8, frequencies="roeschies_igel", horizon=1):
    """MSO: forecast sum_i sin(alpha_i t), t = 0, 1, ...: inputs and targets (length, 1), not scaled.

    The first `oscillators` of the frequencies alpha_i of a published list (2 to 12 are in use), or of your own.
    The generator is not used: there is one such series.
    source: .2 and .311 Jaeger 2004 (seminar slides); to .97 Roeschies & Igel 2010 (Logic J. IGPL 18:635); the MSO12 of
        Gallicchio & Micheli has .331 in the second place (so quoted after Moon et al., "Hierarchical architectures in
        reservoir computing systems"). Scores on one list are not comparable with scores on the other.

    >>> multiple_superimposed_oscillators(2, oscillators=1).targets[:, 0].round(4).tolist()
    [0.1987, 0.3894]
    """
    length, horizon = whole_number("length", length), whole_number("horizon", horizon)
    alpha = chosen_frequencies(oscillators, frequencies)  # (oscillators,)
    values = np.sum(np.sin(np.arange(length + horizon)[:, None] * alpha), axis=1, keepdims=True)  # (T + horizon, 1)
    options = {"length": length, "oscillators": len(alpha), "horizon": horizon,
               "frequencies": frequencies if isinstance(frequencies, str) else alpha.tolist()}
    return forecasting(values, horizon, name="multiple_superimposed_oscillators", options=options, columns=("sum",), dt=1.0)


def chosen_frequencies(oscillators, frequencies):
    """The first `oscillators` of a published list or of one given, as an array; ValueError where there are not so many."""
    oscillators = whole_number("oscillators", oscillators)
    if not isinstance(frequencies, (tuple, list, np.ndarray)):
        frequencies = one_of("list of frequencies", frequencies, FREQUENCIES)
    require(oscillators <= len(frequencies),
            f"oscillators={oscillators}: the list of frequencies has {len(frequencies)}; expected that or fewer")
    return np.array([positive(f"frequencies[{i}]", alpha) for i, alpha in enumerate(frequencies)][:oscillators])
