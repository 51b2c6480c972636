"""lucidrains/hyper-connections: its connections around our sublayers, with our weights."""

import warnings
from importlib import import_module

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import answered, around, call, sublayers
from minires.oracle.peers.sublayers import branch, normed, own
from minires.oracle.peers.trial import Trial

PACKAGE, PUBLISHED = "hyper-connections", "hyper_connections/hyper_connections.py, HyperConnections"
MHC = "hyper_connections/manifold_constrained_hyper_connections.py"


def module(name=""):
    """hyper_connections, or a module of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peer's own imports
        return import_module("hyper_connections" + name)


def run_streams(p, x, case, seen, R, connection, weights, left=()):
    """All connections after another, and the norm of the summed streams. weights(mine): theirs, of a sublayer's."""
    model = case.config["model"]
    x = x.repeat_interleave(R, dim=0)  # their streams stand side by side in the batch
    for n, m, name in sublayers(case):
        theirs = connection(branch(p, case, n, name, seen), m)
        x = call(theirs, weights(own(p, f"layers.{n}.{name}.")), x, left=left)
        if name == "feed_forward" and R > 1:
            seen(f"layers.{n}.output", x, streamed(R))
    return normed(x.unflatten(0, (-1, R)).sum(1), own(p, "final_norm."), model)


def streamed(R):
    """(B R, T, D) -> (R, B, T, D), for arrays."""
    return lambda array: array.reshape(-1, R, *array.shape[1:]).swapaxes(0, 1)


def hyper(p, x, case, seen):
    """Hyper-connections, static or dynamic."""
    torch = needs("torch", "peers")
    R, D = case.config["model"]["options"]["streams"], case.config["model"]["width"]

    def weights(mine):
        zeros = {"W_alpha": torch.zeros(D, 1 + R), "W_beta": torch.zeros(D, 1), "s_alpha": torch.zeros(()),
                 "s_beta": torch.zeros(())}
        mine = {**zeros, **mine}
        return {"static_alpha": torch.cat([mine["A_m"][:, None], mine["A_r"]], 1), "static_beta": mine["B"],
                "dynamic_alpha_fn": mine["W_alpha"], "dynamic_beta_fn": mine["W_beta"][:, 0],
                "dynamic_alpha_scale": mine["s_alpha"], "dynamic_beta_scale": mine["s_beta"]}
    connection = lambda function, m: module().HyperConnections(R, dim=D, branch=function, layer_index=m)
    return run_streams(p, x, case, seen, R, connection, weights, left=("norm.gamma",))


def fractional(p, x, case, seen):
    """Static frac-connections."""
    torch = needs("torch", "peers")
    F, D = case.config["model"]["options"]["fractions"], case.config["model"]["width"]
    none = torch.zeros(())

    def weights(mine):
        side_by_side = torch.stack([mine["Y"], mine["A_r"]], -1).flatten(1)  # for each target slice both weights
        return {"static_alpha": side_by_side, "static_beta": mine["B"],
                "dynamic_alpha_fn": torch.zeros(D // F, 2 * F), "dynamic_beta_fn": torch.zeros(D // F, F),
                "dynamic_alpha_scale": none, "dynamic_beta_scale": none}
    connection = lambda function, m: module().HyperConnections(1, num_fracs=F, dim=D, branch=function, layer_index=0)
    return run_streams(p, x, case, seen, 1, connection, weights, left=("norm.gamma",))


def manifold(p, x, case, seen):
    """mHC."""
    torch = needs("torch", "peers")
    R, D = case.config["model"]["options"]["streams"], case.config["model"]["width"]

    def weights(mine):
        W, b, s = mine["W_mix"], mine["b"], mine["s"]  # (D, 2 + R): pre, post, comb
        return {"static_alpha": torch.cat([b[:R, None], b[2 * R:].reshape(R, R)], 1), "static_beta": b[R: 2 * R],
                "dynamic_alpha_fn": torch.cat([W[:, :1], W[:, 2:]], 1)[None], "dynamic_beta_fn": W[:, 1],
                "pre_branch_scale": s[:1], "residual_scale": s[2:], "h_post_scale": s[1]}
    connection = lambda function, m: module().mHC(R, dim=D, branch=function, layer_index=m)
    return run_streams(p, x, case, seen, R, connection, weights, left=("norm.gamma",))


def orthogonal(p, x, case, seen):
    """The orthogonal update."""
    update = module(".residuals").OrthogonalResidualUpdate()
    for n, m, name in sublayers(case):
        x = update(branch(p, case, n, name, seen)(x), x).to(x.dtype)  # from float32 it makes float64
    return normed(x, own(p, "final_norm."), case.config["model"])


def tried(stack):
    """The answer by a stack."""
    return lambda case: answered(case, around(stack))


STREAMS = {"streams": 3}
TRIALS = {
    "hyper-connections/static": Trial(
        PACKAGE, "HyperConnections, dynamic scales 0", like("hyper_connections_static", options=STREAMS), tried(hyper)),
    "hyper-connections/dynamic": Trial(
        PACKAGE, "HyperConnections", like("hyper_connections", options=STREAMS), tried(hyper), "convention",
        "RMSNorm of the streams where the paper has LayerNorm", f"{PUBLISHED}; the paper (2409.19606), section 3"),
    "hyper-connections/frac": Trial(
        PACKAGE, "HyperConnections, num_fracs=2, dynamic scales 0",
        like("frac_connections", options={"fractions": 2, "dynamic": False}), tried(fractional), "defect",
        "every slice gets the weighted sum of all slices of the output; the paper writes slice j to slice j",
        f"{PUBLISHED}.depth_connection; the paper (2503.14125)"),
    "hyper-connections/mhc": Trial(
        PACKAGE, "mHC", like("mhc", epsilon=2.0 ** -40, options={**STREAMS, "logits": "stream", "epsilon": 0.0}),
        tried(manifold), "convention",
        "the head gets the sum of the streams, where DeepSeek-V4's inference code weighs them", f"{MHC}, mHC"),
    "hyper-connections/orthogonal": Trial(
        PACKAGE, "OrthogonalResidualUpdate", like("orthogonal", options={"epsilon": 0.0}), tried(orthogonal)),
}
