"""lucidrains/x-transformers: the options of its stacks that change the residual path."""

from minires.errors import needs
from minires.oracle.peers.cases import like
from minires.oracle.peers.frame import layers_of
from minires.oracle.peers.trial import Trial
from minires.oracle.peers.x_transformers import PACKAGE, POST, stacked

FILE = "x_transformers/x_transformers.py"
SCALE = {"scale_residual": True, "pre_norm": False}


def layer_scale(p, ours):
    """gamma, kept as what is added to 1."""
    return {"1.gamma": p[ours + "gamma"] - 1}


def skips(p, case):
    """Matrices [w I, I] of [skip, x] for the weights w of the upper layers."""
    torch = needs("torch", "peers")
    unit, layers = torch.eye(case.config["model"]["width"]), layers_of(case)
    return {f"skip_combines.{2 * n}.combine.weight": torch.cat([p[f"layers.{n}.attention.w"] * unit, unit], dim=1)
            for n in range(layers // 2, layers)}


def constant_mhc():
    """mHC whose weights do not depend on the token, as their stack has no place for ours."""
    case = like("mhc", "constant", options={"streams": 3, "epsilon": 0.0, "iterations": 5})()
    silent = [name for name in case.params if name.endswith(("W_mix", ".s")) or name.startswith("collapse")]
    values = {name: 0 * value if name.endswith("W_mix") else value for name, value in case.values.items()}
    return case._replace(values=values, differentiated=tuple(name for name in case.params if name not in silent))


def of_biases(p, ours):
    """Their static parameters from b; nothing depends on the token."""
    torch = needs("torch", "peers")
    b, R, D = p[ours + "b"], 3, len(p[ours + "norm.gain"])
    return {"2.static_alpha": torch.cat([b[:R, None], b[2 * R:].reshape(R, R)], 1), "2.static_beta": b[R: 2 * R],
            "2.dynamic_alpha_fn": torch.zeros(D, 1 + R), "2.dynamic_beta_fn": torch.zeros(D),
            "2.dynamic_alpha_scale": torch.zeros(()), "2.dynamic_beta_scale": torch.zeros(())}


def gru(p, ours):
    """Our six matrices in the order r, z, n of torch.nn.GRUCell, whose z is the weight of the old state: 1 - ours."""
    torch = needs("torch", "peers")
    rows = lambda i: torch.cat([p[f"{ours}W_r_{i}"].T, -p[f"{ours}W_z_{i}"].T, p[f"{ours}W_g_{i}"].T])
    b, zeros = p[ours + "b_g"], torch.zeros_like(p[ours + "b_g"])
    return {"2.gru.weight_ih": rows("y"), "2.gru.weight_hh": rows("x"), "2.gru.bias_hh": torch.cat([zeros, zeros, zeros]),
            "2.gru.bias_ih": torch.cat([zeros, b, zeros])}


TRIALS = {
    "x-transformers/sandwich_norm": Trial(
        PACKAGE, "Decoder, sandwich_norm=True", like("sandwich_norm"),
        stacked({0: "norm_1", 1: "norm_2"}, sandwich_norm=True)),
    "x-transformers/layer_scale": Trial(
        PACKAGE, "Decoder, use_layerscale=True", like("layer_scale"),
        stacked(own=layer_scale, wrapped="fn.", blind=True, use_layerscale=True)),
    "x-transformers/deepnorm": Trial(
        PACKAGE, "Decoder, pre_norm=False, scale_residual_constant=1.75", like("deepnorm", options={"alpha": 1.75}),
        stacked(POST, pre_norm=False, scale_residual_constant=1.75)),
    "x-transformers/admin": Trial(
        PACKAGE, "Decoder, pre_norm=False, scale_residual=True", like("admin"),
        stacked(POST, lambda p, ours: {"2.residual_scale": p[ours + "omega"]}, **SCALE)),
    "x-transformers/orthogonal": Trial(
        PACKAGE, "Decoder, orthog_residual=True", like("orthogonal", options={"epsilon": 0.0}), stacked(orthog_residual=True),
        "defect", "one projection for all tokens together, the paper's form for images: a decoder's first tokens see the last",
        f"{FILE}, orthog_project; BootsofLagrangian/ortho-residual, connect.py (2505.11881)"),
    "x-transformers/gtrxl": Trial(
        PACKAGE, "Decoder, gate_residual=True", like("gtrxl"), stacked(own=gru, gate_residual=True), "convention",
        "a GRUCell of PyTorch: the reset gate after the product, no ReLU of the output", f"{FILE}, GRUGating"),
    "x-transformers/unet_skips": Trial(
        PACKAGE, "Decoder, unet_skips=True", like("unet_skips", layers=4), stacked(whole=skips, unet_skips=True), "convention",
        "the inputs of the lower layers are joined, where modded-nanogpt adds their outputs",
        f"{FILE}, AttentionLayers.forward"),
    "x-transformers/mhc": Trial(
        PACKAGE, "Decoder, num_residual_streams=3", constant_mhc,
        stacked(own=of_biases, whole=lambda p, case: {"stream_emb": 0 * p["embedding.W_token"][:3]}, left=("2.norm.weight",),
                num_residual_streams=3),
        "defect", "Sinkhorn runs over an axis of length 1 and gives ones: each stream becomes the sum of all; and the head "
        "gets the sum of the streams", f"{FILE}, sinkhorn and HyperConnection; mHC (2512.24880): C is doubly stochastic"),
}
