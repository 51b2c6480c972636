"""What a training is: its recipe, and its state after some steps. Both can be written to a file and read back."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """How to train. Everything that decides a bit of the result is here, in the model and in the task."""

    steps: int = 300
    batch: int = 32                     # sequences per step
    learning_rate: float = 3e-3         # at its highest
    warm_up: int = 20                   # steps of linear growth; then half a cosine
    final: float = 0.1                  # share of the learning rate at the end
    clip: float | None = 1.0            # largest norm of the whole gradient
    optimiser: str = "adamw"            # adamw, sgd
    weight_decay: float = 0.0           # on matrices and tables only
    evaluate_every: int = 50            # steps between two looks at the validation batch
    validation: int = 256               # its sequences, the same at each look
    seed: int = 0
    dtype: str = "float64"              # float64, float32


class State(NamedTuple):
    """A training after `step` steps: flat parameters, the optimiser's moments, the generator's state, the history."""

    step: int
    params: dict                        # name -> array
    moments: dict                       # moment -> name -> array
    rng: dict                           # of the generator that draws batches and dropout
    history: dict                       # quantity -> list of numbers


def new_history():
    """The quantities that a training records: at each step, and at each evaluation."""
    return {name: [] for name in ("step", "loss", "accuracy", "learning_rate", "gradient_norm", "validation_step",
                                  "validation_loss", "validation_accuracy")}
