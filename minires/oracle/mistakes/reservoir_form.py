"""Mistakes in how the parameters of a family or of a peer become those of the kernel."""

import autograd.numpy as np

from minires.oracle.mistakes.mistake import stopped
from minires.oracle.mistakes.reservoir_tools import formula, full, kept, kind, leaky, nonlinear, one, other
from minires.reservoir.operators import apply

NETWORK = "minires.oracle.systems.networks.network"


def altered(change):
    """The peer's parameters changed: change(params, settings) -> params."""
    return {NETWORK: lambda network: lambda config, params: network(config, {**params, **change(params)})}


def settled(change):
    """Each layer of the kernel changed: change(layer) -> what is other in it."""
    def wrong(network):
        def changed(config, params):
            net = network(config, params)
            return net._replace(layers=[{**layer, **change(layer)} for layer in net.layers])
        return changed
    return {NETWORK: wrong}


def of(*names):
    """Cases of these presets or families."""
    return lambda case: case.system == "echo_state" and kind(case) in names


def of_one_layer(case):
    """An echo-state network that is no stack."""
    return case.system == "echo_state" and kind(case) != "deepesn"


def reshapable(case):
    """An echo-state network with input weights of its own."""
    return full(case) and case.system == "echo_state" and not kind(case).startswith("pyrcn")


def rotated(case):
    """What is kept is rotated by a full matrix."""
    return kind(case) in ("edge_of_stability", "residual", "es2n", "resesn", "resrmn", "deepresesn") and full(
        case) and kept(case)


def turned(p):
    """K^T of a full K."""
    return np.transpose(p["K"]) if np.ndim(p["K"]) == 2 else p["K"]


def afterwards(stages, p, x, u, y, f):
    """x_t = K x_{t-1} + g O h: O turns the new activation as well."""
    now = stages({name: array for name, array in p.items() if name != "O"}, x, u, y, f)
    return {**now, "state": apply(p["K"], x) + p["g"] * apply(p["O"], now["activation"])}


def with_rotation(network):
    """The network whose layer knows O."""
    def wrong(config, params):
        net = network(config, params)
        return net._replace(layers=[{**net.layers[0], "O": params["O"]}])
    return wrong


def reshaped(p):
    """W_in (N, d) read as (d, N) and transposed."""
    N, d = np.shape(p["W_in"])
    return np.transpose(np.reshape(p["W_in"], (d, N)))


def feedback_first(layer):
    """[y; u] where Win reads [u; y]."""
    Win, q = np.concatenate([layer["W_in"], layer["W_fb"]], axis=1), layer["W_fb"].shape[1]
    return {"W_in": Win[:, q:], "W_fb": Win[:, :q]}


def outside(network):
    """x_t = f(r_t), and r leaks."""
    return lambda config, params: network(config, params)._replace(external=True)


def inside(network):
    """x leaks, f is inside."""
    return lambda config, params: network(config, params)._replace(external=False)


def radius_of_scaled(network):
    """d/d radius is taken as <dW, W>, not <dW, W / radius>: the value is right."""
    def wrong(config, params):
        rho, W = params["radius"], params["W"]
        slope = (rho - stopped(rho)) * stopped(rho * W)
        net = network(config, {name: array for name, array in params.items() if name != "radius"})
        return net._replace(layers=[{**net.layers[0], "W": stopped(rho) * W + slope}])
    return wrong


MISTAKES = {
    "activation-outside-leak": one("f is applied after the leak: r_t = (1 - a) r + a (W f(r) + ..), x = f(r)", lambda case:
                                   leaky(case) and nonlinear(case) and of_one_layer(case),
                                   {NETWORK: outside}, "echo_state 1", seen=("ReservoirPy 0.3.11, equation='external'",)),
    "activation-inside-leak": one("f is applied before the leak, where this peer has it outside", of("reservoirpy03_external"),
                                  {NETWORK: inside}, fix="x_t = f(r_t) and r_t leaks"),
    "input-weights-reshaped": one("W_in (d, N) is reshaped to (N, d), not transposed", reshapable, other(W_in=reshaped),
                                  "echo_state 21", fix="transpose W_in"),
    "input-weights-doubled": one("the input scale is applied twice as much", full, other(W_in=lambda p: 2 * p["W_in"]),
                                 "reservoir_resformer 15a", fix="use W_in as it is given"),
    "input-weights-divided-by-root-width": one("W_in is divided by sqrt(d)", full, other(
        W_in=lambda p: p["W_in"] / p["W_in"].shape[1] ** 0.5), "reservoir_resformer 15b", fix="use W_in as it is given"),
    "bias-scaled-with-input": one("the bias is multiplied by the input scale", of("echotorch"), altered(
        lambda p: {"w_bias": p["w_bias"] * p["input_scaling"]}), "echo_state 11", fix="the scale is that of W_in u alone"),
    "teacher-unscaled": one("the teacher is fed back without its scale and shift", of("pyesn"), altered(
        lambda p: {"teacher_scaling": 1.0, "teacher_shift": 0.0}), "echo_state 24", fix="feed back s y + c"),
    "teacher-shifted-before-scaled": one("the teacher is fed back as s (y + c)", of("pyesn"), altered(
        lambda p: {"teacher_shift": p["teacher_scaling"] * p["teacher_shift"]}), "echo_state 24", fix="feed back s y + c"),
    "feedback-columns-first": one("Win reads [y; u], the feedback first", of("reservoirpy04"), settled(feedback_first),
                                  "echo_state 25", fix="Win reads [u; y]", seen=("ReservoirPy 0.4.2, Model.partial_fit",)),
    "rotation-transposed": one("O is transposed", rotated, other(K=turned), "echo_state 26",
                               fix="O x for a column, x O^T for a row"),
    "rotation-after-the-update": one("O turns the new activation as well",
                                     lambda case: rotated(case) and "reservoir.O" in case.values,
                                     {NETWORK: with_rotation, **formula(afterwards)}, "echo_state 26",
                                     fix="alpha O x_{t-1} + beta f(p): O turns the old state alone"),
    "alpha-0-becomes-leaky": one("alpha = 0 switches to the leaky form, beta is not used", lambda case: kind(case) == "residual"
                                 and not case.values["reservoir.alpha"].any(), settled(lambda p: {"K": 0.0, "g": 1.0}),
                                 "echo_state 26", fix="x_t = beta f(p) at alpha = 0", seen=("andreaceni/ResESN@a4e8a3f",)),
    "friction-of-the-other-sign": one("gamma is added to the diagonal where it is subtracted, or the reverse",
                                      of("eusn", "pyrcn_euler"), altered(lambda p: {"gamma": -p["gamma"]}), "echo_state 28",
                                      fix="EuSN: W - W^T - gamma I; PyRCN's Euler: + gamma I"),
    "euler-retains-less": one("the Euler step keeps (1 - eps) x", of("euler", "eusn", "pyrcn_euler"), settled(
        lambda p: {"K": 1 - p["g"]}), "echo_state 28", fix="x_t = x_{t-1} + eps f(p): all is kept",
        seen=("SciML/ReservoirComputing.jl@23ef1eb5, EuSNCell",)),
    "radius-gradient-of-the-scaled-weights": one(
        "the derivative by the radius is <dW, W> with the scaled W", lambda case: "reservoir.radius" in case.values,
        {NETWORK: radius_of_scaled}, "echo_state 91", family="gradient", gradient=True, fix="<dW, W / radius>"),
}
