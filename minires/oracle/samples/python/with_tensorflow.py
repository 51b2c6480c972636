"""A TensorFlow or Keras model as a port: `verify(port(forward), profile="float32")`.

With Keras layers, `forward` assigns the case's parameters to the layers' weights: see the tables "keras" and "flax".
"""


def port(forward, dtype="float32"):
    """run(case) of forward(config, params, inputs, tap) -> loss, with the gradient of every parameter and named tensor."""
    import tensorflow as tf

    def tensor(x):
        return tf.constant(x, dtype if x.dtype.kind == "f" else None)

    def run(case):
        params = {name: tf.Variable(tensor(x)) for name, x in case.params.items()}
        named = {}

        def tap(name, x):
            named[name] = x
            return x

        with tf.GradientTape() as tape:
            loss = forward(case.config, params, {name: tensor(x) for name, x in case.inputs.items()}, tap)
            objective = loss + sum(tf.reduce_sum(tensor(c) * named[name]) for name, c in case.cotangents.items())
        wanted = {**params, **named}
        slopes = tape.gradient(objective, list(wanted.values()))
        dense = [tf.convert_to_tensor(slope) if slope is not None else None for slope in slopes]  # embeddings give slices
        return {**named, "loss": loss, **{f"grad/{name}": slope for name, slope in zip(wanted, dense)}}
    return run
