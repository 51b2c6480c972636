"""What a contestant is: three functions on a training that moves."""

from collections.abc import Callable
from typing import NamedTuple


class Step(NamedTuple):
    """A training from `job.start_of(job)` on `job.batch_of(job)`; names and shapes of arrays are those of minires."""

    step: Callable       # () -> the loss before the step; moves the parameters
    gradient: Callable   # () -> loss, {name: array}; moves nothing
    params: Callable     # () -> {name: array}
