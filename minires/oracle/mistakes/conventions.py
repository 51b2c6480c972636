"""What public packages do otherwise and no list of mistakes has: conventions, which they chose, and some defects."""

import autograd.numpy as np

from minires.arithmetic import sqrt
from minires.oracle.mistakes.hidden_tools import of, where
from minires.oracle.mistakes.mistake import Mistake, transformer
from minires.oracle.mistakes.reservoir_learning import rls
from minires.residual.hidden.ngpt import length


def zeroed(residual):
    """Attention's output is 0 at padded tokens."""
    def branch_output(y, here):
        y, padding = residual.branch_output(y, here), here.context.padding
        if padding is None or "attention" not in here.sublayer:
            return y
        return y * padding[:, -y.shape[1]:, None]  # (B, T, D)
    return residual._replace(branch_output=branch_output)


def by_root_mean_square(standardize):
    """RMSNorm without gain and epsilon in the place of LayerNorm without gain."""
    return lambda x, epsilon: x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True))


def sum_of_streams(residual):
    """The head gets norm(sum of the streams)."""
    return residual._replace(finish=lambda X, here: here.norm(np.sum(X, axis=0), "final_norm"))


def signed(residual):
    """nGPT's step with alpha as it is stored, negative or not."""
    def weights(x, y, here):
        own, width = here.context.model.options, here.context.model.width
        alpha = here.params["alpha"] * (own.get("ngpt", own).get("alpha", 0.05) * sqrt(width, x))  # (D)
        kept, moved = (1 - alpha) / length(x), alpha / length(y)
        return np.stack([kept, moved]) / length(kept * x + moved * y)

    def write(x, y, here):
        mix = here.coefficient("mix", lambda: weights(x, y, here), channels=True)
        return mix[0] * x + mix[1] * y
    return residual._replace(write=write)


def counted_bias(Theta, P, z, y, l):
    """P knows the features only; the bias is moved by e / S, S the forgetting count of rows, kept in the corner of P."""
    f, S, e = z[:-1], l * P[-1, -1] + 1, y - np.dot(z, Theta)
    Pf = np.dot(P[:-1, :-1], f)
    size = l + np.dot(f, Pf)
    inner = np.concatenate([(P[:-1, :-1] - np.outer(Pf, Pf) / size) / l, np.zeros_like(f)[:, None]], axis=1)
    corner = np.concatenate([np.zeros_like(f), np.reshape(S, (1,))])[None]
    k = np.concatenate([Pf / size, np.reshape(1 / S, (1,))])
    return Theta + np.outer(k, e), np.concatenate([inner, corner], axis=0), e


def from_no_row(scaled):
    """P_0 with 0 in its corner: no row has been counted."""
    def wrong(P, strength):
        last = np.arange(len(P)) == len(P) - 1
        return scaled(P, strength) * (1.0 - np.outer(last, last))
    return wrong


MISTAKES = {
    "padded-outputs-zeroed": Mistake(
        "convention", "attention's output is 0 at padded tokens; no real token sees them",
        "leave padded tokens as they are, or compare real tokens only",
        lambda case: transformer(case) and "inputs.padding" in case.values and not case.values["inputs.padding"].all()
        and case.config["model"]["kind"] != "encoder_decoder",
        record=zeroed, seen=("lucidrains/x-transformers 2.31.10, x_transformers.py, Attention.forward",)),
    "hyper-connections-rms-norm": Mistake(
        "convention", "the streams are normed by RMSNorm where the weights are made of them",
        "LayerNorm without gain and bias", of("hyper_connections", "frac_connections"),
        {"minires.residual.hidden.streams.standardize": by_root_mean_square},
        seen=("lucidrains/hyper-connections 0.4.11, hyper_connections.py",)),
    "mhc-streams-summed": Mistake(
        "convention", "the head gets the sum of the streams", "weigh the streams by their own sigmoids: alpha^T X",
        where("mhc", lambda own, model: model["kind"] != "encoder_decoder"), record=sum_of_streams,
        seen=("lucidrains/hyper-connections 0.4.11, mHC",)),
    "mhc-mixing-of-ones": Mistake(
        "stream", "the mixing matrix is all ones: Sinkhorn runs over an axis of length 1", "scale rows and columns of C[i, j]",
        of("mhc"), {"minires.residual.hidden.mhc.sinkhorn": lambda sinkhorn: lambda Z, *arguments: np.ones_like(Z)},
        seen=("lucidrains/x-transformers 2.31.10, sinkhorn",)),
    "ngpt-alpha-signed": Mistake(
        "convention", "a negative alpha moves away from the output", "alpha = |alpha_p| alpha_0 sqrt(D)",
        lambda case: of("ngpt")(case) and any(name.endswith(".alpha") and value.min() < 0
                                              for name, value in case.params.items()),
        record=signed,
        seen=("lucidrains/nGPT-pytorch 0.2.16, Residual",)),
    "bias-as-running-mean": Mistake(
        "learning", "the bias is no column of P: each row moves it by e / S, S = l S + 1 the rows so far",
        "z = [f; 1], P (F + 1, F + 1)", lambda case: case.system == "readout" and case.config["method"] == "rls"
        and case.config.get("bias", True),
        {**rls(counted_bias), "minires.oracle.systems.learning.scaled": from_no_row},
        seen=("reservoirpy 0.4.2, nodes/rls.py",)),
}
