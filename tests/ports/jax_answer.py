"""What a port in JAX does with a case: its tensors, the objective, and the gradient by every parameter and every named tensor.

The gradient by a tensor is that by a zero added to it where it is named; a tensor that is named twice has one zero.
Styles: jit=False, operation after operation.
"""

import jax
import jax.numpy as jnp
import numpy as np


def replaced(port, method, change):
    """The class with a function replaced by change(up, port, *arguments), up being the function as it is."""
    original = getattr(port, method)

    def changed(self, *arguments):
        return change(lambda *given: original(self, *given), self, *arguments)
    return type("Changed", (port,), {method: changed})


class Names:
    """The tensors of one run by name."""

    def __init__(self, zeros):
        self.zeros, self.named, self.same, self.first, self.on = zeros, {}, {}, {}, True

    def keep(self, name, x):
        """Name a tensor; returns it, plus its zero."""
        if not self.on:
            return x
        if id(x) in self.first:
            self.same[name] = self.first[id(x)]
            return x
        x = x + self.zeros[name] if name in self.zeros else x
        self.named[name], self.first[id(x)] = x, name
        return x


def wide(x):
    """At least float32."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


def answer(case, dtype, port, jit=True, **style):
    """{name: array}: tensors, loss, grad/<name>. port(case, values, names, style).run() names tensors and gives the loss."""
    with jax.enable_x64(True):
        values = {name: jnp.asarray(value, dtype) if value.dtype == float else value for name, value in
                  ((name, np.asarray(value)) for name, value in case.values.items())}
        leaves = {name: values[name] for name in case.differentiated}
        shapes, same = {}, {}

        def objective(leaves, zeros):
            names = Names(zeros)
            loss = port(case, {**values, **leaves}, names, style).run()
            total = loss + sum(jnp.sum(jnp.asarray(c, loss.dtype) * wide(names.named[names.same.get(name, name)]))
                               for name, c in case.cotangents.items())
            shapes.update({name: (x.shape, x.dtype) for name, x in names.named.items()})
            same.update(names.same)
            return total, {**names.named, "loss": loss}
        jax.eval_shape(objective, leaves, {})
        slope = jax.grad(objective, argnums=(0, 1), has_aux=True)
        slope = jax.jit(slope) if jit else slope
        (own, others), named = slope(leaves, {name: jnp.zeros(*each) for name, each in shapes.items()})
        found = {**named, **{f"grad/{name}": x for name, x in {**own, **others}.items()}}
        for alias, name in same.items():
            found.update({alias: found[name], f"grad/{alias}": found[f"grad/{name}"]})
        return {name: np.array(wide(x)) for name, x in found.items()}
