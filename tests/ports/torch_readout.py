"""Independent readouts in PyTorch: ridge regression by its normal equations, readouts that learn row by row."""

import torch

from .torch_reservoir_parts import answer, tree


def run(case, dtype="float64", wrong=(), **style):
    """The answer to a case. style: augmented=True solves the ridge by least squares with rows sqrt(lambda) I below."""
    method = {"ridge": by_ridge, "rls": by_rows, "lms": by_rows, "force": by_force, "plasticity": by_plasticity}
    return answer(case, dtype, lambda values: method[case.config["method"]](case.config, values, frozenset(wrong), style))


def squared(states, squares):
    """The even units (counted from 1) squared in place."""
    odd = torch.arange(states.shape[-1]) % 2 == 1
    return torch.where(odd, states * states, states) if squares == "even" else states


def rows(config, values, wrong):
    """Features [u; x] and targets without the washout of each series."""
    squares, w = config.get("squares"), config.get("washout", 0)
    F = torch.cat([values["inputs.u"], squared(values["inputs.states"], squares)], -1)
    Y = values["inputs.targets"]
    if "last-series-dropped" in wrong:
        F, Y = F[:-1], Y[:-1]
    if "washout-of-the-batch" in wrong:
        F, Y = F[w:], Y[w:]
    elif "washout-of-outputs-only" in wrong:
        F, Y = F[:, w:], Y[:, :Y.shape[1] - w]
    else:
        F, Y = F[:, w:], Y[:, w:]
    return F.flatten(0, 1), Y.flatten(0, 1)


def predicted(config, values, wrong, W_o, b_o):
    """The predictions of new features."""
    squares = None if "squares-missing" in wrong else config.get("squares")
    parts = [values["inputs.new_u"], squared(values["inputs.new_states"], squares)]
    F = torch.cat(parts[::-1] if "features-in-other-order" in wrong else parts, -1)
    return F @ W_o + (0 if b_o is None else b_o)


def by_ridge(config, values, wrong, style):
    """W = (X^T X + lambda I)^-1 X^T Z, centred unless the bias is penalised."""
    F, Y = rows(config, values, wrong)
    n, strength = F.shape[1], values["strength"]
    right = bool(config.get("penalise_bias"))
    penalised = right != ("bias-penalised-otherwise" in wrong)
    strength = strength ** 2 if "strength-squared" in wrong else strength
    strength = strength * len(F) if "strength-times-rows" in wrong else strength
    ones = torch.cat([F, torch.ones_like(F[:, :1])], 1)
    X, Z = (ones, Y) if penalised else (F - F.mean(0), Y - Y.mean(0))
    A = X.T @ X
    A = A.detach() if "ridge-gradient-through-one-factor" in wrong else A
    eye = torch.eye(X.shape[1], dtype=X.dtype)
    if style.get("augmented"):
        longer = torch.cat([X, strength.sqrt() * eye])
        Q, R = torch.linalg.qr(longer)
        W = torch.linalg.solve_triangular(R, Q.T @ torch.cat([Z, torch.zeros(len(eye), Z.shape[1], dtype=Z.dtype)]), upper=True)
    else:
        W = torch.linalg.solve(A + strength * eye, X.T @ Z)
    W_o, b_o = (W[:n], W[n]) if penalised else (W, Y.mean(0) - F.mean(0) @ W)
    Theta = torch.cat([W_o, b_o[None]])
    out = predicted(config, values, wrong, Theta[:n], Theta[n])
    if config.get("out_activation"):
        out = torch.tanh(torch.tanh(out)) if "output-activation-twice" in wrong else torch.tanh(out)
    if "teacher_shift" in values:
        s, c = values["teacher_scaling"], values["teacher_shift"]
        out = out / s - c if "unscaled-before-unshifted" in wrong else (out - c) / s
    centred = F - F.mean(0)
    return {"normal_matrix": ones.T @ ones if right else centred.T @ centred, "readout": Theta, "predictions": out,
            "loss": ((out - values["inputs.new_targets"]) ** 2).mean()}


def learnt(Theta, P, z, y, l, bias, wrong):
    """One step of recursive least squares: Theta, P and the error."""
    e = y - z @ Theta
    if "gain-without-denominator" in wrong:
        k = P @ z
        return Theta + torch.outer(k, e), (P - torch.outer(k, z @ P)) / l, e
    if "weights-forget" in wrong:
        k = P @ z / (1 + z @ P @ z)
        return l * Theta + torch.outer(k, e), P - torch.outer(k, z @ P), e
    if "bias-outside-P" in wrong and bias:
        f, inner = z[:-1], P[:-1, :-1]
        size = l + f @ inner @ f
        k = torch.cat([inner @ f, torch.ones_like(z[:1])]) / size
        new = P.clone()
        new[:-1, :-1] = (inner - torch.outer(inner @ f, inner @ f) / size) / l
        return Theta + torch.outer(k, e), new, e
    k = P @ z / (l + z @ P @ z)
    new = Theta + torch.outer(k, e)
    return new, (P - torch.outer(k, z @ P)) / l, y - z @ new if "error-after-the-update" in wrong else e


def first_P(n, strength, wrong, dtype):
    """P_0 = I / alpha."""
    eye = torch.eye(n, dtype=dtype)
    return eye * strength if "P-not-inverted" in wrong else eye / strength


def by_rows(config, values, wrong, style):
    """Recursive least squares, or least mean squares."""
    F, Y = rows(config, values, wrong)
    bias, method, named, errors = config.get("bias", True), config["method"], {}, []
    n = F.shape[1] + bias
    Theta = torch.zeros(n, Y.shape[1], dtype=F.dtype)
    P = first_P(n, values["strength"], wrong, F.dtype) if method == "rls" else None
    for t, (f, y) in enumerate(zip(F, Y)):
        z = torch.cat([f, torch.ones_like(f[:1])]) if bias else f
        if method == "rls":
            Theta, P, e = learnt(Theta, P, z, y, config.get("forgetting", 1.0), bias, wrong)
            Theta = Theta.clone() if bias else Theta
        else:
            e = y - z @ Theta
            rate = values["rate"] / (1e-8 + z @ z) if config.get("normalised") else values["rate"]
            Theta = Theta + rate * torch.outer(z, e)
        named.update({f"steps.{t}.readout": Theta, f"steps.{t}.error": e})
        errors.append(e)
    out = predicted(config, values, wrong, Theta[:F.shape[1]], Theta[-1] if bias else None)
    loss = ((out - values["inputs.new_targets"]) ** 2).mean() + sum((e ** 2).sum() for e in errors) / len(errors)
    return {**named, "predictions": out, "loss": loss}


def stepped(r, x, u, z, wrong):
    """x_t = K x + g tanh(W x + W_in u + b + W_fb z), and the pre-activation."""
    p = r["W"] @ x + r["W_in"] @ u + r["b"] + (0 if z is None else r["W_fb"] @ z)
    return r["K"] * x + r["g"] * torch.tanh(p), p


def by_force(config, values, wrong, style):
    """FORCE: the output after the update is fed back."""
    r, u, Y, x = tree(values, "reservoir"), values["inputs.u"][0], values["inputs.targets"][0], values["inputs.x_0"][0]
    Theta, z = torch.zeros(len(x), Y.shape[1], dtype=x.dtype), torch.zeros(Y.shape[1], dtype=x.dtype)
    P, named, errors = first_P(len(x), values["strength"], wrong, x.dtype), {}, []
    for t in range(len(u)):
        x, _ = stepped(r, x, u[t], z, wrong)
        before = x @ Theta
        Theta, P, e = learnt(Theta, P, x, Y[t], 1.0, False, wrong)
        z = before if "feedback-before-the-update" in wrong else x @ Theta
        named.update({f"steps.{t}.{name}": tensor for name, tensor in
                      {"state": x, "readout": Theta, "error": e, "feedback": z}.items()})
        errors.append(e)
    return {**named, "loss": sum((e ** 2).sum() for e in errors) / len(errors)}


def by_plasticity(config, values, wrong, style):
    """Intrinsic plasticity for tanh towards N(mean, deviation^2)."""
    r, u, x = tree(values, "reservoir"), values["inputs.u"][0], values["inputs.x_0"][0]
    gain, bias, named = torch.ones_like(x), torch.zeros_like(x), {}
    mu, var, rate = config["mean"], config["deviation"] ** 2, config["rate"]
    for t in range(len(u)):
        n = r["W"] @ x + r["W_in"] @ u[t] + r["b"]
        h = torch.tanh(gain * n + bias)
        x = r["K"] * x + r["g"] * h
        pre, post = (h, n) if "plasticity-activations-exchanged" in wrong else (n, h)
        d_bias = -rate * (-mu / var + post / var * (2 * var + 1 - post ** 2 + mu * post))
        inverse = 0 if "plasticity-without-inverse-gain" in wrong else rate / gain
        gain, bias = gain + inverse + d_bias * pre, bias + d_bias
        named.update({f"steps.{t}.{name}": tensor for name, tensor in
                      {"preactivation": n, "activation": h, "state": x, "gain": gain, "bias": bias}.items()})
    return {**named, "loss": ((x - values["inputs.targets"][0][-1]) ** 2).mean()}
