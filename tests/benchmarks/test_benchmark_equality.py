"""Contestants compute the same as minires, and what does not is refused before anything is timed."""

import numpy as np
import pytest

from benchmarks import equality, torch_step
from benchmarks.job import SIZES, Job, model_of, products, start_of
from benchmarks.ours import ours, plain
from minires.cost import forward_operations
from minires.parameters import unflatten

JOB = Job(layers=2, width=8, heads=2, length=5, batch=3, vocabulary=7)


def answer(contestant, job):
    """As `worker.first_steps`."""
    own = contestant(job)
    value, gradient = own.gradient()
    return value, {name: np.array(g) for name, g in gradient.items()}, [own.step() for _ in range(3)], own.params()


@pytest.fixture(scope="module")
def mine():
    """The answer of minires."""
    return answer(ours, JOB)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("contestant", [plain, torch_step.torch_eager, torch_step.torch_sdpa])
def test_contestants_agree_with_minires(contestant, dtype):
    job = JOB._replace(dtype=dtype)
    found = equality.check("it", answer(ours, job), answer(contestant, job), start_of(job), dtype)
    assert found.keys() == equality.TOLERANCE[dtype].keys()


def test_a_step_of_pytorch_that_sees_the_future_is_refused(mine):
    blind = lambda q, k, v, hidden: torch_step.matmul_attention(q, k, v, hidden & False)
    slip = lambda job: torch_step.torch_step(job, blind)
    with pytest.raises(ValueError, match="^slip, float64: loss differs by .* nothing was timed$"):
        equality.check("slip", mine, answer(slip, JOB), start_of(JOB), "float64")


@pytest.mark.parametrize("name", start_of(JOB))
def test_a_slip_in_any_gradient_is_refused(name, mine):
    value, gradient, losses, params = mine
    largest = max(np.max(abs(g)) for g in gradient.values())
    off = {**gradient, name: gradient[name] + 1e-9 * largest}
    with pytest.raises(ValueError, match=f"gradient of {name} differs"):
        equality.check("it", mine, (value, off, losses, params), start_of(JOB), "float64")


def test_weight_decay_left_out_of_one_matrix_is_refused(mine):
    start = start_of(JOB)
    moved = {**mine[3], "head.W": mine[3]["head.W"] + 3e-4 * 0.01 * start["head.W"]}
    with pytest.raises(ValueError, match="movement differs"):
        equality.check("it", mine, (*mine[:3], moved), start, "float64")


def test_a_missing_gradient_or_another_dtype_is_refused(mine):
    value, gradient, losses, params = mine
    fewer = {name: g for name, g in gradient.items() if name != "head.b"}
    with pytest.raises(ValueError, match=r"it: gradients of \['head.b'\] on one side only"):
        equality.check("it", mine, (value, fewer, losses, params), start_of(JOB), "float64")
    moved = {name: w.astype("float32") for name, w in params.items()}
    with pytest.raises(ValueError, match="moved in float32"):
        equality.check("it", mine, (value, gradient, losses, moved), start_of(JOB), "float64")


@pytest.mark.parametrize("job", [JOB, SIZES["tiny"]])
def test_the_products_of_a_step_are_three_times_those_counted_in_a_forward_pass(job):
    tokens = np.zeros((job.batch, job.length), dtype=int)
    assert products(job) == 3 * forward_operations(model_of(job), unflatten(start_of(job)), tokens).products
