"""A PyTorch model as a port: `verify(port(forward), profile="float32")`."""


def port(forward, dtype="float32"):
    """run(case) of forward(config, params, inputs, tap) -> loss, with the gradient of every parameter and named tensor."""
    import torch

    def tensor(x):
        return torch.tensor(x, dtype=getattr(torch, dtype)) if x.dtype.kind == "f" else torch.tensor(x)

    def run(case):
        params = {name: tensor(x).requires_grad_() for name, x in case.params.items()}
        named = {}

        def tap(name, x):
            named[name] = x
            return x

        loss = forward(case.config, params, {name: tensor(x) for name, x in case.inputs.items()}, tap)
        objective = loss + sum((tensor(c) * named[name]).sum() for name, c in case.cotangents.items())
        wanted = {**params, **named}
        slopes = torch.autograd.grad(objective, list(wanted.values()), allow_unused=True)
        return {**named, "loss": loss, **{f"grad/{name}": slope for name, slope in zip(wanted, slopes)}}
    return run
