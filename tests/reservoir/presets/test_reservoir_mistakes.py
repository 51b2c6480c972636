"""The mistakes that ports of a reservoir make: each, planted in a plain loop, is far from the recorded states of some preset.

Scores do not show them (most change the error of NARMA-10 by a few percent, some to the better); states at 1e-12 do. The loop
here is a correct port of the leaky network; a fault replaces one line of it, or its inputs.
"""

import numpy as np
import pytest
from golden_presets import GOLDEN, call, difference

from minires.reservoir.echo_state import run
from minires.reservoir.presets import PRESETS

EXACT, FAR = 1e-12, 1e-3
LEAKY = ("minimal", "reservoirpy04", "reservoirpy03", "easyesn", "rescompy", "echotorch", "rcjl", "torchesn", "orc")


def leaky_step(p, x, u, y, f=np.tanh):
    """(1 - a) x + a f(W x + W_in u + b + W_fb y)."""
    return (1 - p["a"]) * x + p["a"] * f(p["W"] @ x + p["W_in"] @ u + p["b"] + p["W_fb"] @ y)


def bare_step(p, x, u, y):
    """The sum inside f."""
    return p["W"] @ x + p["W_in"] @ u + p["b"] + p["W_fb"] @ y


def gauss_seidel(p, x, u, y):
    """Unit by unit, in place: later units hear the new values of earlier ones."""
    x = x.copy()
    for i in range(len(x)):
        x[i] = ((1 - p["a"]) * x + p["a"] * np.tanh(bare_step(p, x, u, y)))[i]
    return x


def row(series, t):
    """The row of this step."""
    return series[t]


def row_before(series, t):
    """The row of the step before; zero before the first."""
    return series[t - 1] if t else 0 * series[0]


def port(p, u, y, x, step=leaky_step, heard=row, back=row_before):
    """A loop over the steps, its states (T, N)."""
    states = []
    for t in range(len(u)):
        x = step(p, x, heard(u, t), back(y, t))
        states.append(x)
    return np.array(states)


def ingredients(name):
    """A leaky preset's record in plain column form (p, u, y, x_0), for one series; without feedback W_fb is (N, 1) zeros."""
    record = GOLDEN[name]
    params = PRESETS[name].parameters(**record["arrays"])
    u, x_0 = (record["u"], record["x_0"]) if record["u"].ndim == 2 else (record["u"][0], record["x_0"][0])
    p = {key: params[key] for key in ("W", "W_in", "b")} | {"a": params["g"], "W_fb": params.get("W_fb", np.zeros((7, 1)))}
    return p, u, record.get("y", np.zeros((len(u), 1))), x_0


def recorded(name):
    """The peer's states of the first series."""
    states = GOLDEN[name]["states"]
    return states if states.ndim == 2 else states[0]


def changed(**changes):
    """A fault in the weights: each entry of p by a function of p."""
    return lambda p, u, y, x: port({**p, **{key: change(p) for key, change in changes.items()}}, u, y, x)


def stepping(step):
    """A fault in the step."""
    return lambda p, u, y, x: port(p, u, y, x, step)


FAULTS = {  # number in the survey of mistakes -> (what, how)
    1: ("leak outside the nonlinearity", stepping(
        lambda p, x, u, y: np.tanh((1 - p["a"]) * x + p["a"] * bare_step(p, x, u, y)))),
    2: ("a and 1 - a swapped", changed(a=lambda p: 1 - p["a"])),
    3: ("gain a missing", stepping(lambda p, x, u, y: (1 - p["a"]) * x + np.tanh(bare_step(p, x, u, y)))),
    4: ("leak ignored", changed(a=lambda p: 1.0)),
    5: ("input one step late", lambda p, u, y, x: port(p, u, y, x, heard=row_before)),
    6: ("bias outside f", stepping(
        lambda p, x, u, y: (1 - p["a"]) * x + p["a"] * (np.tanh(bare_step(p, x, u, y) - p["b"]) + p["b"]))),
    7: ("f on input and recurrent part apart", stepping(lambda p, x, u, y: (1 - p["a"]) * x + p["a"] * (
        np.tanh(p["W_in"] @ u) + np.tanh(bare_step(p, x, u, y) - p["W_in"] @ u)))),
    8: ("units updated in place", stepping(gauss_seidel)),
    9: ("W transposed", changed(W=lambda p: p["W"].T)),
    10: ("bias dropped", changed(b=lambda p: 0 * p["b"])),
    11: ("bias times the input scale", changed(b=lambda p: 0.5 * p["b"])),
    16: ("logistic for tanh", stepping(lambda p, x, u, y: leaky_step(p, x, u, y, lambda p: 1 / (1 + np.exp(-p))))),
    17: ("linear", stepping(lambda p, x, u, y: leaky_step(p, x, u, y, lambda p: p))),
    20: ("u_0 skipped", lambda p, u, y, x: np.concatenate([0 * x[None], port(p, u[1:], y[1:], x)])),
    21: ("W_in reshaped for transposed", changed(W_in=lambda p: p["W_in"].T.reshape(p["W_in"].shape))),
}


@pytest.mark.parametrize("name", LEAKY)
def test_the_correct_port_agrees(name):
    assert difference(port(*ingredients(name)), recorded(name)) <= EXACT


@pytest.mark.parametrize("number", FAULTS, ids=lambda number: f"{number} {FAULTS[number][0]}")
@pytest.mark.parametrize("name", LEAKY)
def test_a_fault_is_far_from_the_record(name, number):
    assert difference(FAULTS[number][1](*ingredients(name)), recorded(name)) > FAR


def test_some_faults_leave_the_first_step_exact():
    """9 and 19 to 21 must be seen later: with x_0 = 0, W is not heard at the first step."""
    p, u, y, x = ingredients("minimal")
    transposed, right = FAULTS[9][1](p, u, y, 0 * x), port(p, u, y, 0 * x)
    assert difference(transposed[0], right[0]) == 0.0 and difference(transposed[1], right[1]) > FAR


@pytest.mark.parametrize("name", LEAKY)
def test_18_float32_inside(name):
    p, u, y, x = ({key: np.asarray(each, np.float32) for key, each in part.items()} if isinstance(part, dict) else
                  np.asarray(part, np.float32) for part in ingredients(name))
    assert 1e-9 < difference(port(p, u, y, x).astype(float), recorded(name)) < 1e-4


def test_19_a_random_first_state_is_seen_at_first_and_decays():
    """At the rate of the largest conditional Lyapunov exponent: the difference at the end tells nothing."""
    p, _, _, _ = ingredients("minimal")
    rng = np.random.default_rng(0)
    u, x_0 = rng.uniform(-1, 1, (200, 2)), rng.standard_normal(7)
    params = {key: p[key] for key in ("W", "W_in", "b")} | {"K": 1 - p["a"], "g": p["a"]}
    gap = np.max(np.abs(run(params, u, x_0)[0] - run(params, u)[0]), axis=1)
    assert gap[0] > 0.1 and gap[-1] < 1e-8
    assert np.polyfit(np.arange(100), np.log(gap[:100]), 1)[0] < -0.05


# ---- noise: 12 to 15, on the library ---------------------------------------------------------------------------------

def noise_of(level, rng=None):
    """What noise adds inside f: the states of a network whose f is the identity and whose weights are zero."""
    params = {"W": np.zeros((5, 5)), "W_in": np.zeros((5, 1)), "K": 0.0, "g": 1.0}
    return run(params, np.zeros((4000, 1)), f="identity", noise=level, rng=rng)[0]


def test_12_to_15_noise_has_zero_mean_is_drawn_per_unit_and_is_off_unless_asked_for():
    added = noise_of(0.1, np.random.default_rng(1))
    assert abs(np.std(added) - 0.1) < 0.003                              # 12: its level is its standard deviation
    assert np.max(np.abs(np.mean(added, axis=0))) < 0.008                # 13: not one-sided, whose mean is level / 2
    assert np.linalg.matrix_rank(added) == 5                             # 14: not one number for all units
    assert not np.any(noise_of(0.0))                                     # 15: none without being asked for


# ---- faults that other presets show ----------------------------------------------------------------------------------

def test_22_a_leak_per_unit_broadcast_over_the_batch():
    """(1 - a) (N,) against states (N, B) passes without a word where B = N; the record of rcjl has a leak per unit."""
    p, u, _, x = ingredients("rcjl")
    batch = np.stack([u * (1 + i / 9) for i in range(7)])  # B = N = 7
    ours = run({key: p[key] for key in ("W", "W_in", "b")} | {"K": 1 - p["a"], "g": p["a"]}, batch, x)[0]
    X, wrong, right = np.repeat(x[:, None], 7, axis=1), [], []
    Y = X.copy()
    for t in range(len(u)):
        z = p["W_in"] @ batch[:, t].T + p["b"][:, None]  # (N, B)
        X = (1 - p["a"]) * X + p["a"] * np.tanh(p["W"] @ X + z)
        Y = (1 - p["a"])[:, None] * Y + p["a"][:, None] * np.tanh(p["W"] @ Y + z)
        wrong.append(X.T)
        right.append(Y.T)
    assert difference(np.stack(right, axis=1), ours) <= EXACT
    assert difference(np.stack(wrong, axis=1), ours) > FAR


@pytest.mark.parametrize("name", ["reservoirpy04", "reservoirpy03", "easyesn"])
def test_23_feedback_of_the_same_step(name):
    late = port(*ingredients(name), back=row)
    assert difference(late, recorded(name)) > FAR


@pytest.mark.parametrize("wrong", [
    {"teacher_scaling": 1.0}, {"teacher_shift": 0.0}, {"input_scaling": 1.0}, {"input_shift": 0.0},
    {"teacher_scaling": 1 / 0.8}, {"teacher_shift": -0.15}], ids=str)
def test_24_a_teacher_or_input_unscaled_or_shifted_wrongly(wrong):
    record = GOLDEN["pyesn"]
    assert difference(call(PRESETS["pyesn"], record, {**record["arrays"], **wrong})[0], record["states"]) > FAR


def test_24_shift_before_scale():
    """s (u + c) is not s u + c."""
    record = GOLDEN["pyesn"]
    s, c = record["arrays"]["input_scaling"], record["arrays"]["input_shift"]
    wrong = {**record["arrays"], "input_shift": s * c}
    assert difference(call(PRESETS["pyesn"], record, wrong)[0], record["states"]) > FAR


def test_25_feedback_columns_swapped():
    record = GOLDEN["reservoirpy04"]
    wrong = {**record["arrays"], "Win": np.roll(record["arrays"]["Win"], 3, axis=1)}  # [y; u] for [u; y]
    assert difference(call(PRESETS["reservoirpy04"], record, wrong)[0], record["states"]) > FAR


def residual_states(alpha, beta, O, p, u, x, step):
    """A loop with a residual step (x, h) -> x."""
    states = []
    for u_t in u:
        x = step(alpha, beta, O, x, lambda x: np.tanh(p["W"] @ x + p["W_in"] @ u_t + p["b"]))
        states.append(x)
    return np.array(states)


RESIDUAL = {
    "right": lambda alpha, beta, O, x, h: alpha * O @ x + beta * h(x),
    "O applied to what f hears": lambda alpha, beta, O, x, h: alpha * O @ x + beta * h(O @ x),
    "O applied to the whole": lambda alpha, beta, O, x, h: O @ (alpha * x + beta * h(x)),
    "O transposed": lambda alpha, beta, O, x, h: alpha * O.T @ x + beta * h(x),
    "O left out": lambda alpha, beta, O, x, h: alpha * x + beta * h(x),
    "1 - beta for alpha": lambda alpha, beta, O, x, h: (1 - beta) * O @ x + beta * h(x),
    "leaky": lambda alpha, beta, O, x, h: (1 - beta) * x + beta * h(x),
}


@pytest.mark.parametrize("fault", RESIDUAL)
def test_26_residual_branch(fault):
    record = GOLDEN["resesn"]
    arrays = record["arrays"]
    p = {"W": arrays["recurrent_kernel"].T, "W_in": arrays["kernel"].T, "b": arrays["bias"]}
    states = residual_states(0.8, 0.3, arrays["ortho"].T, p, record["u"][0], record["x_0"][0], RESIDUAL[fault])
    off = difference(states, record["states"][0])
    assert off <= EXACT if fault == "right" else off > FAR


def test_26_alpha_0_switches_the_branch_in_resesn():
    arrays = {**GOLDEN["resesn"]["arrays"], "alpha": 0.0}
    one = call(PRESETS["resesn"], GOLDEN["resesn"], arrays)[0]
    plain = call(PRESETS["resesn"], GOLDEN["resesn"], {**arrays, "alpha": 1e-300})[0]
    assert difference(one, plain) > FAR  # leaky tanh(...), not beta tanh(...)


def test_27_the_memory_of_the_step_before():
    record = GOLDEN["resrmn"]
    params, u = PRESETS["resrmn"].parameters(**record["arrays"]), record["u"]
    m = run(params["memory"], u, f="identity")[0]
    before = np.concatenate([0 * m[:, :1], m[:, :-1]], axis=1)
    states = [run(params["reservoir"], np.concatenate([u, each], axis=-1))[0] for each in (m, before)]
    assert difference(states[0], record["states"]) <= EXACT and difference(states[1], record["states"]) > FAR


@pytest.mark.parametrize("name, K, sign, agrees", [("eusn", 1.0, -1, True), ("eusn", 1.0, 1, False), ("eusn", 0.8, -1, False),
                                                   ("pyrcn_euler", 1.0, 1, True), ("pyrcn_euler", 1.0, -1, False)])
def test_28_the_sign_of_gamma_and_the_retention(name, K, sign, agrees):
    record = GOLDEN[name]
    params = PRESETS[name].parameters(**record["arrays"])
    kernel, gamma = params.get("reservoir", params), record["arrays"]["gamma"]
    W = kernel["W"] - np.diag(np.diag(kernel["W"]))
    wrong = {**kernel, "W": W + sign * gamma * np.eye(len(W)), "K": K}
    wrong = {**params, "reservoir": wrong} if "reservoir" in params else wrong
    given = {"x_0": record["x_0"]} if "x_0" in record else {}
    off = difference(PRESETS[name].run(wrong, record["u"], **given)[0], record["states"])
    assert off <= EXACT if agrees else off > FAR


def test_28_energy():
    """At f = identity, without input: + gamma makes |x| grow, - gamma lets it shrink, (1 - eps) retention kills it."""
    rng = np.random.default_rng(3)
    W, x_0, u = rng.standard_normal((6, 6)), rng.standard_normal(6), np.zeros((400, 1))
    size = lambda params: np.linalg.norm(run(params, u, x_0, f="identity")[1]) / np.linalg.norm(x_0)
    params = PRESETS["eusn"].parameters(W, np.zeros((6, 1)), epsilon=0.005, gamma=0.3)
    other = {**params, "W": params["W"] + 0.6 * np.eye(6)}
    assert size(params) < 0.8 and size(other) > 1.3
    assert size({**params, "K": 1 - 0.005}) < 0.5 * size(params)


@pytest.mark.parametrize("name", ["deepesn", "deepresesn"])
def test_29_a_layer_that_hears_the_step_before(name):
    record = GOLDEN[name]
    below, above = PRESETS[name].parameters(**record["arrays"])
    x = record["states"][0]
    before = np.concatenate([0 * x[:, :1], x[:, :-1]], axis=1)
    assert difference(run(above, x)[0], record["states"][1]) <= EXACT
    assert difference(run(above, before)[0], record["states"][1]) > FAR


def test_the_activation_outside_the_leak_is_not_the_kernel():
    """Fault 1 is another convention's equation: ReservoirPy 0.3's two are far apart with one set of weights."""
    record = GOLDEN["reservoirpy03_external"]
    inside = PRESETS["reservoirpy03"]
    assert difference(call(inside, record)[0], record["states"]) > FAR
