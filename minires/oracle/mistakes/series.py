"""Mistakes in the generators of benchmark series."""

from minires.oracle.mistakes.mistake import Mistake
from minires.tasks.series import mackey_glass

SUM, TAU = "S(t) = y(t) + .. + y(t-n+1), n terms", "the delay is tau / step steps"
RESERVOIRPY = "reservoirpy 0.4.2, datasets/_chaos.py"


def of(*series):
    """Cases of these series."""
    return lambda case: case.system == "series" and case.config["series"] in series


def by(method):
    """Cases of Mackey-Glass by this method."""
    return lambda case: of("mackey_glass")(case) and case.config["method"] == method


def instead(name, function):
    """A patch of a function of the system."""
    return {f"minires.oracle.systems.series.{name}": lambda original: function}


def summed(newest, oldest):
    """The sum from the newest to the oldest, counted from y(t) and y(t-n+1)."""
    return instead("window", lambda n: (newest, n - 1 + oldest))


def without_memory(following):
    """The recurrence without its quadratic term."""
    return lambda y, memory, older, u, c: following(y, 0 * memory, older, u, c)


def held(rk4):
    """A step as if the production stood still in it, with 2 k where k belongs in the later stages."""
    def wrong(x_0, steps, h, delay, constants):
        x, gamma = [x_0] * (delay + 1), constants[2]
        for _ in range(steps):
            k1 = h * mackey_glass.rate(x[-1], x[-1 - delay], *constants)
            k2 = 2 * k1 - gamma * h * k1
            k3 = 2 * k1 - gamma * h * k2
            k4 = k1 - gamma * h * k3
            x.append(x[-1] + (k1 + k2 + k3 + k4) / 6)
        return x[delay:]
    return wrong


def without_h(constants):
    """alpha / h: a production that the step does not multiply."""
    def wrong(config, params):
        alpha, beta, gamma = constants(config, params)
        return alpha / params["step"], beta, gamma
    return wrong


def whole(of_mackey_glass):
    """Euler's method with a step of one row."""
    def wrong(config, params, inputs):
        kept = config["kept"]
        coarse = {**config, "method": "euler", "steps": config["steps"] // kept, "delay": config["delay"] // kept, "kept": 1}
        named, rows, axis = of_mackey_glass(coarse, {**params, "step": kept * params["step"]}, inputs)
        return {f"steps.{kept * t}.x": x for t, x in enumerate(named.values(), start=1)}, rows, axis
    return wrong


def wrongly_spaced(factor):
    """The time between rows multiplied by factor(config, dt)."""
    return {"minires.oracle.systems.series.spacing": lambda spacing: (
        lambda config, dt: spacing(config, dt) * factor(config, dt))}


def made_whole(name):
    """A patch of the table of series."""
    return {"minires.oracle.systems.series.MADE": lambda made: {**made, name: whole(made[name])}}


MISTAKES = {
    "narma-sum-without-newest": Mistake(
        "series", "the sum has n - 1 terms, without y(t)", SUM, of("narma"), summed(1, 0),
        seen=("sum(y[t-9:t]) of many a script",), listed=("echo_state 73",)),
    "narma-sum-one-term-more": Mistake(
        "series", "the sum has n + 1 terms, y(t-n) too", SUM, of("narma"), summed(0, 1), listed=("echo_state 73",)),
    "narma-sum-one-late": Mistake(
        "series", "the sum is y(t-1) + .. + y(t-n)", SUM, of("narma"), summed(1, 1), seen=(f"{RESERVOIRPY}, narma",),
        listed=("echo_state 73",)),
    "narma-lag-of-order": Mistake(
        "series", "the older input is u(t-n)", "the older input is u(t-n+1)", of("narma"), instead("lag_of", lambda n: n),
        seen=(f"{RESERVOIRPY}, narma",), listed=("echo_state 73",)),
    "narma-input-to-one": Mistake(
        "series", "the input is uniform in [0, 1]", "u is uniform in [0, 0.5]: beyond it most series diverge", of("narma"),
        instead("heard", lambda u: 2 * u), listed=("echo_state 73",)),
    "narma-memory-missing": Mistake(
        "series", "there is no term y S", "the term is c2 y(t) S(t)", of("narma"),
        {"minires.tasks.series.narma.following": without_memory}, seen=("andreaceni/ResESN, narma10.csv",),
        listed=("echo_state 74",)),
    "mackey-glass-delay-in-steps": Mistake(
        "series", "the delay is tau steps", TAU, of("mackey_glass"), instead("delay_of", lambda config: int(config["tau"])),
        listed=("echo_state 75",)),
    "mackey-glass-whole-euler-step": Mistake(
        "series", "one step of Euler's method makes a whole row", "take steps of 0.1 at most, and keep every tenth",
        of("mackey_glass"), made_whole("mackey_glass"), listed=("echo_state 75",)),
    "mackey-glass-production-without-h": Mistake(
        "series", "the production term is not multiplied by the step", "x(t+h) = x(t) + h (production - gamma x)",
        of("mackey_glass"), {"minires.oracle.systems.series.constants": without_h},
        seen=(f"{RESERVOIRPY}, _mg_rk4; issue 94",), listed=("echo_state 75",)),
    "mackey-glass-stages-doubled": Mistake(
        "series", "the production stands still during a step, and the later stages use 2 k for k",
        "k2 = f(x + h k1 / 2), k3 = f(x + h k2 / 2), k4 = f(x + h k3), with x(t - tau) at each stage's time", by("rk4"),
        {"minires.tasks.series.mackey_glass.rk4": held}, seen=(f"{RESERVOIRPY}, _mg_rk4",), listed=("echo_state 75",)),
    "grid-of-linspace": Mistake(
        "series", "the time between n rows is dt n / (n - 1): a linspace from 0 to n dt", "row i is at i dt",
        of("lorenz63", "lorenz96"), wrongly_spaced(lambda config, dt: config["rows"] / (config["rows"] - 1)),
        seen=(f"{RESERVOIRPY}, lorenz",), listed=("echo_state 76",)),
    "grid-step-squared": Mistake(
        "series", "the time between rows is dt^2", "row i is at i dt", of("lorenz63", "lorenz96"),
        wrongly_spaced(lambda config, dt: dt), seen=(f"{RESERVOIRPY}, lorenz96",), listed=("echo_state 76",)),
}
