"""What is timed: one training step of a small causal decoder, described by numbers that can be sent to another process.

Letters: B batch, T time, D width, L layers, V vocabulary.
"""

from typing import NamedTuple

import numpy as np

from minires import BERT, LLAMA, Transformer
from minires.gradients import random_parameters
from minires.parameters import flatten
from minires.tasks.task import Batch
from minires.training.optimisers import adamw

HOUSES = {"bert": BERT, "llama": LLAMA}
RATE = 1e-4  # of AdamW: small, so that the weights of thousands of timed steps stay ordinary numbers
DECAY = 0.01
OPTIMISER = adamw(beta_1=0.9, beta_2=0.98, epsilon=1e-8, weight_decay=DECAY)


class Job(NamedTuple):
    """One training step: the model, the batch, the arithmetic, the threads."""

    layers: int
    width: int
    heads: int
    length: int               # T
    batch: int                # B
    dtype: str = "float64"
    threads: int = 1
    vocabulary: int = 64
    variant: str = "vanilla"
    placement: str | None = None
    house: str = "bert"


SIZES = {"tiny": Job(2, 32, 4, 32, 32), "small": Job(4, 64, 4, 64, 32), "medium": Job(6, 128, 8, 128, 16),
         "long": Job(4, 64, 4, 1024, 2)}


def model_of(job):
    """The description. House "bert": LayerNorm, tanh GELU, learned positions, biases; "llama": RMSNorm, SwiGLU, rotary."""
    return Transformer(job.variant, "decoder", job.vocabulary, job.layers, job.width, job.heads, placement=job.placement,
                       maximum_length=job.length, head="linear", **HOUSES[job.house])


def start_of(job):
    """Flat parameters, all different from each other, so that what is left out or mixed up shows in the check."""
    params = flatten(random_parameters(model_of(job), np.random.default_rng(0)))
    return {name: array.astype(job.dtype) for name, array in params.items()}


def batch_of(job):
    """Random tokens and targets, all of which count."""
    tokens, targets = np.random.default_rng(1).integers(0, job.vocabulary, (2, job.batch, job.length))
    return Batch({"tokens": tokens}, targets, np.ones(tokens.shape))


def products(job):
    """Floating-point operations of the step's matrix products, for the house "bert": three times those of a forward pass.

    forward: per token and layer 2 (4 D^2 + 8 D^2) of the linear maps and 4 T D of the attention; 2 D V of the head
    """
    D, T = job.width, job.length
    return 3 * job.batch * T * (job.layers * (24 * D * D + 4 * T * D) + 2 * D * job.vocabulary)
