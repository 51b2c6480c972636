"""What of the past is still there: the delays themselves, or the parity of some of them.

    memory_capacity   z_k(t) = u(t - k), k = 1 .. k_max                      u(t) ~ U[lowest, highest]
    delayed_parity    z(t) = u(t - l) u(t - l - 1) ... u(t - l - n + 1)      u(t) = -1 or 1 by a fair coin, l = delay, n = order
    delayed_xor       z(t) = - u(t - l) u(t - l - 1): 1 where the two bits differ, -1 where they agree

The inputs before the first row that the first targets need are drawn too: every target is what it says, nothing wraps around.
A reservoir that starts at row 0 cannot know them: discard its first rows, as many as the longest delay at least.
"""

import numpy as np

from minires.checks import check_generator
from minires.errors import number, require, whole_number
from minires.tasks.series.series import Series


def delayed(u, delays, length):
    """u(t - k) for each k of `delays`, for the last `length` rows of u (rows,): (length, len(delays))."""
    first = len(u) - length
    return np.stack([u[first - k:len(u) - k] for k in delays], axis=1)  # (T, len(delays))


def memory_capacity(length, rng, k_max=20, lowest=-0.8, highest=0.8):
    """Say u(t-1), ..., u(t-k_max) from u up to t: inputs (length, 1), targets (length, k_max), column k-1 is the delay k.

    k starts at 1: the delay 0 would add at most 1 to the capacity. A sum over all delays needs k_max of N units or more.
    source: Jaeger 2002 (GMD report 152), u ~ U[-.5, .5]; the default range is that of reservoirpy 0.4.2's memory_capacity.

    >>> made = memory_capacity(6, np.random.default_rng(0), k_max=2)
    >>> bool(np.all(made.targets[2:, 1] == made.inputs[:-2, 0]))
    True
    """
    length, k_max = whole_number("length", length), whole_number("k_max", k_max)
    require(length > k_max, f"length={length}: expected more than k_max={k_max} rows")
    lowest, highest = number("lowest", lowest), number("highest", highest)
    require(lowest < highest, f"lowest={lowest}, highest={highest}: expected lowest < highest")
    u = check_generator(rng).uniform(lowest, highest, k_max + length)  # (k_max + T,)
    return Series("memory_capacity", u[k_max:, None], delayed(u, range(1, k_max + 1), length),
                  {"length": length, "k_max": k_max, "lowest": lowest, "highest": highest}, columns=("u",))


def delayed_parity(length, rng, order=3, delay=0):
    """Say the parity of `order` successive bits, the newest `delay` rows ago; all (length, 1), -1 or 1.

    1 where an even number of the bits are -1. Order 1 is plain memory; higher orders no linear readout of inputs knows.
    source: Bertschinger & Natschlaeger 2004 (Neural Computation 16:1413), the 3-bit parity task.

    >>> made = delayed_parity(3, np.random.default_rng(0), order=1)
    >>> bool(np.all(made.targets == made.inputs))
    True
    """
    length, order, delay = whole_number("length", length), whole_number("order", order), whole_number("delay", delay, 0)
    past = delay + order - 1
    require(length > past, f"length={length}: expected more than the {past} rows that order={order}, delay={delay} look back")
    u = check_generator(rng).choice([-1.0, 1.0], past + length)  # (past + T,)
    bits = delayed(u, range(delay, delay + order), length)  # (T, order)
    return Series("delayed_parity", u[past:, None], np.prod(bits, axis=1, keepdims=True),
                  {"length": length, "order": order, "delay": delay}, columns=("u",))


def delayed_xor(length, rng, delay=1):
    """Say whether u(t - delay) and u(t - delay - 1) differ: inputs and targets (length, 1), -1 or 1."""
    made = delayed_parity(length, rng, 2, delay)
    return made._replace(name="delayed_xor", targets=-made.targets, options={"length": made.options["length"], "delay": delay})
