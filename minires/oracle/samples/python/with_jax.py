"""A JAX model as a port: `verify(port(forward), profile="float32")`."""


def port(forward, dtype="float32"):
    """run(case) of forward(config, params, inputs, tap) -> loss, with the gradient of every parameter and named tensor.

    What is added to a named tensor, zero, has the tensor's gradient. For float64: jax.config.update("jax_enable_x64", True).
    """
    import jax
    import jax.numpy as jnp

    def run(case):
        tensor = lambda x: jnp.asarray(x, dtype) if x.dtype.kind == "f" else jnp.asarray(x)
        each = lambda arrays: {name: tensor(x) for name, x in arrays.items()}
        params, inputs, cotangents = each(case.params), each(case.inputs), each(case.cotangents)

        def objective(params, zeros):
            named = {}

            def tap(name, x):
                named[name] = x + zeros[name] if name in zeros else x
                return named[name]

            loss = forward(case.config, params, inputs, tap)
            return loss + sum((c * named[name]).sum() for name, c in cotangents.items()), {**named, "loss": loss}

        zeros = {name: jnp.zeros_like(x) for name, x in objective(params, {})[1].items()}
        slopes, named = jax.grad(objective, (0, 1), has_aux=True)(params, zeros)
        return {**named, **{f"grad/{name}": x for part in slopes for name, x in part.items() if name != "loss"}}
    return run
