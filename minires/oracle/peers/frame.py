"""A Transformer of a case in PyTorch around somebody else's layers: embedding, head, loss, and all gradients.

The peer's parameters are made from ours by `call`, so that its own backward pass gives the gradients under our names.
"""

import numpy as np

from minires.errors import needs, require


class Seen:
    """Tensors by our names, as they are met on the way; each keeps its gradient."""

    def __init__(self):
        self.tensors = {}

    def __call__(self, name, tensor, view=lambda array: array):
        """Remember a tensor, and how its numbers and those of its gradient are brought into our shape; returns it."""
        if tensor.requires_grad and not tensor.is_leaf:
            tensor.retain_grad()
        self.tensors[name] = tensor, view
        return tensor


def answered(case, model, single=True):
    """{name: array} of a case: model(p, case, seen) -> logits, where p are our parameters by flat name.

    single: float32, else float64.
    """
    torch = needs("torch", "peers")
    dtype = torch.float32 if single else torch.float64
    p = {name: torch.tensor(value, dtype=dtype, requires_grad=name in case.differentiated)
         for name, value in case.params.items()}
    seen = Seen()
    seen("logits", model(p, case, seen))
    seen("loss", loss(case, seen.tensors["logits"][0]))
    objective = seen.tensors["loss"][0]
    for name, cotangent in case.cotangents.items():
        objective = objective + (torch.tensor(cotangent, dtype=dtype) * seen.tensors[name][0]).sum()
    objective.backward()
    return {**plain(seen), **{f"grad/{name}": None if p[name].grad is None else p[name].grad.numpy()
                              for name in case.differentiated}}


def plain(seen):
    """The tensors and their gradients as arrays in our shape."""
    named = {}
    for name, (tensor, view) in seen.tensors.items():
        named[name] = np.array(view(tensor.detach().numpy()))
        if tensor.grad is not None and name != "loss":
            named[f"grad/{name}"] = np.array(view(tensor.grad.numpy()))
    return named


def loss(case, logits):
    """- sum_i w_i ln softmax(z_i)[target_i] / sum_i w_i."""
    torch = needs("torch", "peers")
    targets, weights = (torch.tensor(case.inputs[name]) for name in ("targets", "weights"))
    chosen = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]  # (B, T)
    weights = weights.to(logits.dtype)
    return -(weights * chosen).sum() / weights.sum()


def around(stack):
    """The model of a stack: stack(p, x, case, seen) -> the stream as the head reads it; x the embedded tokens."""
    def model(p, case, seen):
        torch = needs("torch", "peers")
        x = p["embedding.W_token"][torch.tensor(case.inputs["tokens"])]  # (B, T, D)
        if "start_norm.gain" in p:
            x = torch.nn.functional.layer_norm(x, x.shape[-1:], p["start_norm.gain"], eps=case.config["model"]["epsilon"])
        final = seen(f"layers.{layers_of(case) - 1}.final", stack(p, x, case, seen))
        return final @ p["head.W"] + p.get("head.b", 0)
    return model


def layers_of(case):
    """The number of layers."""
    return case.config["model"]["layers"]


def sublayers(case):
    """[(n, m, name)] of a decoder or an encoder: layer and sublayer counted from 0, "attention" or "feed_forward"."""
    return [(n, 2 * n + i, name) for n in range(layers_of(case)) for i, name in enumerate(("attention", "feed_forward"))]


def call(module, weights, *arguments, left=(), **options):
    """The module's own forward with these tensors for its parameters: all of them, but those named in `left`."""
    torch = needs("torch", "peers")
    names = {name for name, _ in module.named_parameters()}
    require(names - set(left) == set(weights), f"{type(module).__name__}: parameters {sorted(names ^ set(weights))[:4]} differ")
    return torch.func.functional_call(module, weights, arguments, options)


def heads(case):
    """(B, T, H K) -> (B, H, T, K), for arrays."""
    K = case.config["model"]["head_width"]
    return lambda array: np.moveaxis(np.reshape(array, (*array.shape[:2], -1, K)), 2, 1)
