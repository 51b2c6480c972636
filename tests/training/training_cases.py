"""A small training that every test of this folder uses."""

from minires.recipes import describe, recipe_for
from minires.tasks import make_task

TASK = make_task("copy", alphabet=5, copied=3)


def case(variant="realformer", dropout=0.1, **recipe):
    """A model with dropout (so that its random numbers count too), the task and a recipe of a few steps."""
    model = describe(variant, TASK, layers=2, width=8, heads=2, dropout=dropout)
    recipe = {"steps": 6, "batch": 4, "evaluate_every": 2, "weight_decay": 0.1, "seed": 3, **recipe}
    return model, TASK, recipe_for(TASK, **recipe)


def same_bits(one, other):
    """Two states are equal to the last bit."""
    trees = lambda state: (state.params, *(state.moments[name] for name in sorted(state.moments)))
    return one.step == other.step and one.rng == other.rng and one.history == other.history and all(
        a.keys() == b.keys() and all(a[name].dtype == b[name].dtype and a[name].tobytes() == b[name].tobytes() for name in a)
        for a, b in zip(trees(one), trees(other), strict=True))


def poisoned(task, after):
    """The task, whose batches raise KeyboardInterrupt from the batch number `after` on, as Ctrl-C does."""
    drawn = []

    def batch(rng, size):
        drawn.append(size)
        rng.random(7)  # the interrupted step has used random numbers already
        if len(drawn) > after:
            raise KeyboardInterrupt
        return task.batch(rng, size)

    return task._replace(batch=batch)


def shifted(task):
    """The task, whose batches use as many random numbers as those of `poisoned`."""
    def batch(rng, size):
        rng.random(7)
        return task.batch(rng, size)
    return task._replace(batch=batch)
