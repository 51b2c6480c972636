"""An independent port of the benchmark series in PyTorch, from their equations."""

import torch

from .torch_reservoir_parts import answer


def run(case, dtype="float64", wrong=(), **style):
    """The answer to a case. style: fused=True writes the Runge-Kutta step as one weighted sum of stages."""
    kind = {"narma": narma, "mackey_glass": mackey_glass, "lorenz63": lorenz, "lorenz96": lorenz}[case.config["series"]]

    def program(values):
        named, series = kind(case.config, values, frozenset(wrong), style)
        return {**named, "series": series, "loss": ((series - values["inputs.targets"]) ** 2).mean()}
    return answer(case, dtype, program)


def narma(config, values, wrong, style):
    """y[t + 1] = c1 y[t] + c2 y[t] sum(y[t - n + 1 .. t]) + c3 u[t - n + 1] u[t] + c4."""
    n, c = config["order"], [values[f"c{i}"] for i in (1, 2, 3, 4)]
    u = torch.cat([values["inputs.before"], values["inputs.u"]], 1) * (2 if "narma-input-to-one" in wrong else 1)
    first = 1 if wrong & {"narma-sum-without-newest", "narma-sum-one-late"} else 0
    last = n if wrong & {"narma-sum-one-term-more", "narma-sum-one-late"} else n - 1
    lag = n if "narma-lag-of-order" in wrong else n - 1
    history, named = [torch.zeros_like(u[:, 0]) for _ in range(n + 2)], {}
    for t in range(u.shape[1] - n):
        total = 0 * u[:, 0]
        for back in range(first, last + 1):
            total = total + history[len(history) - 1 - back]
        y = history[-1]
        memory = 0 if "narma-memory-missing" in wrong else c[1] * y * total
        now = c[0] * y + memory + c[2] * u[:, n + t - lag] * u[:, n + t] + c[3]
        named[f"steps.{t}.memory"], named[f"steps.{t}.y"] = total, now
        history.append(now)
    return named, torch.stack(history[n + 2:], 1)


def mackey_glass(config, values, wrong, style):
    """dx/dt = alpha d / (1 + d^beta) - gamma x, d the value tau ago; by Euler's or the classic Runge-Kutta method."""
    kept, h, steps, delay = config["kept"], values["step"], config["steps"], config["delay"]
    alpha = values["alpha"] / h if "mackey-glass-production-without-h" in wrong else values["alpha"]
    grid = 1
    if "mackey-glass-delay-in-steps" in wrong:
        delay = int(config["tau"])
    if "mackey-glass-whole-euler-step" in wrong:
        h, steps, delay, grid = h * kept, steps // kept, delay // kept, kept
    slope = lambda x, d: alpha * d / (1 + d ** config["beta"]) - values["gamma"] * x
    euler = config["method"] == "euler" or "mackey-glass-whole-euler-step" in wrong
    x, half = [values["inputs.x_0"]] * (delay + 1), [values["inputs.x_0"]] * delay
    for i in range(steps):
        now, old = x[-1], x[i]
        if euler:
            x.append(now + h * slope(now, old))
            continue
        if "mackey-glass-stages-doubled" in wrong:
            a = h * slope(now, old)
            b = 2 * a - h * values["gamma"] * a
            c = 2 * a - h * values["gamma"] * b
            x.append(now + (a + b + c + a - h * values["gamma"] * c) / 6)
            continue
        k = [slope(now, old)]
        for part, past in ((h / 2, half[i]), (h / 2, half[i]), (h, x[i + 1])):
            k.append(slope(now + part * k[-1], past))
        x.append(now + weighted(h, k, style))
        half.append((now + x[-1]) / 2 + h / 8 * (k[0] - slope(x[-1], x[i + 1])))
    x = x[delay:]
    return {f"steps.{grid * i}.x": x[i] for i in range(1, steps + 1)}, torch.stack(x[::kept // grid])


def lorenz(config, values, wrong, style):
    """Rows of Lorenz 1963 or 1996, dt apart."""
    rows, dt = config["rows"], values["dt"]
    dt = dt * dt if "grid-step-squared" in wrong else dt
    h = dt * (rows / (rows - 1) if "grid-of-linspace" in wrong else 1) / config["substeps"]

    def slope(x):
        if config["series"] == "lorenz96":
            return (x.roll(-1) - x.roll(2)) * x.roll(1) - x + values["F"]
        return torch.stack([values["sigma"] * (x[1] - x[0]), x[0] * (values["rho"] - x[2]) - x[1],
                            x[0] * x[1] - values["beta"] * x[2]])
    found, named = [values["inputs.x_0"]], {}
    for row in range(1, rows):
        x = found[-1]
        for _ in range(config["substeps"]):
            k = [slope(x)]
            for part in (h / 2, h / 2, h):
                k.append(slope(x + part * k[-1]))
            x = x + weighted(h, k, style)
        named[f"steps.{row}.x"] = x
        found.append(x)
    return named, torch.stack(found)


def weighted(h, k, style):
    """h (k1 + 2 k2 + 2 k3 + k4) / 6."""
    if style.get("fused"):
        return (h / 6) * k[0] + (h / 3) * k[1] + (h / 3) * k[2] + (h / 6) * k[3]
    return h * (k[0] + 2 * (k[1] + k[2]) + k[3]) / 6
