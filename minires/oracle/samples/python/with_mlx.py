"""An MLX model as a port: `verify(port(forward), profile="float32")`."""


def port(forward, dtype="float32"):
    """run(case) of forward(config, params, inputs, tap) -> loss, with the gradient of every parameter and named tensor.

    What is added to a named tensor, zero, has the tensor's gradient. NumPy has no bfloat16: answers are widened to float32.
    """
    import mlx.core as mx

    def run(case):
        tensor = lambda x: mx.array(x).astype(getattr(mx, dtype)) if x.dtype.kind == "f" else mx.array(x)
        each = lambda arrays: {name: tensor(x) for name, x in arrays.items()}
        params, inputs, cotangents = each(case.params), each(case.inputs), each(case.cotangents)

        def objective(params, zeros):
            named = {}

            def tap(name, x):
                named[name] = x + zeros[name] if name in zeros else x
                return named[name]

            loss = forward(case.config, params, inputs, tap)
            return loss + sum((c * named[name]).sum() for name, c in cotangents.items()), {**named, "loss": loss}

        zeros = {name: mx.zeros_like(x) for name, x in objective(params, {})[1].items()}
        (_, named), slopes = mx.value_and_grad(objective, (0, 1))(params, zeros)
        slopes = {f"grad/{name}": slope for part in slopes for name, slope in part.items() if name != "loss"}
        return {name: x.astype(mx.float32) for name, x in {**named, **slopes}.items()}
    return run
