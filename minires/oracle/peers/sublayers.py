"""Attention and feed-forward network in PyTorch, for packages that bring the wiring only: pre-norm, full or causal."""

from minires.errors import needs


def own(p, prefix):
    """The parameters whose names begin with the prefix, under what follows it."""
    return {name.removeprefix(prefix): tensor for name, tensor in p.items() if name.startswith(prefix)}


def normed(x, p, model):
    """The model's norm of x with p["gain"], p["bias"]."""
    F = needs("torch", "peers").nn.functional
    if model["norm"] == "rms":
        return F.rms_norm(x, x.shape[-1:], p["gain"], model["epsilon"])
    return F.layer_norm(x, x.shape[-1:], p["gain"], p.get("bias"), model["epsilon"])


def branch(p, case, n, name, seen, norm="norm"):
    """The sublayer as a function of the stream; it shows what it reads and what it makes."""
    model, prefix = case.config["model"], f"layers.{n}.{name}."
    mine = own(p, prefix)

    def output(x):
        x = x if norm is None else normed(x, own(mine, norm + "."), model)
        x = seen(prefix + "x", x)
        return seen(prefix + "output", attention(x, x, x, mine, model) if name == "attention" else network(x, mine))
    return output


def attention(x_q, x_k, x_v, p, model):
    """Softmax attention of one query head per key head."""
    torch = needs("torch", "peers")
    K = model["head_width"]
    q, k, v = (linear(x, p, part).unflatten(-1, (-1, K)).transpose(1, 2) for part, x in zip("qkv", (x_q, x_k, x_v)))
    causal = model["kind"] == "decoder"
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)  # (B, H, T, K)
    return linear(heads.transpose(1, 2).flatten(2), p, "o")


def network(x, p):
    """W_2 gelu(W_1 x)."""
    return linear(needs("torch", "peers").nn.functional.gelu(linear(x, p, "1")), p, "2")


def linear(x, p, name):
    """x W + b."""
    return x @ p["W_" + name] + p.get("b_" + name, 0)
