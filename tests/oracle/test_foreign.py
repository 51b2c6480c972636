"""Arrays of other libraries are read by protocol, exactly, and what is no array of floats is said in one line."""

import importlib.util

import numpy as np
import pytest

from minires.oracle.adapters.foreign import plain

NUMBERS = np.array([[1.0, -2.5, 3.0], [0.5, 1.0 / 3, -65280.0]])
needs_torch = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
needs_jax = pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")


@needs_torch
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("dtype, held", [("float64", "float64"), ("float32", "float32"), ("float16", "float16"),
                                         ("bfloat16", "float32")])
def test_torch_tensors_of_every_precision_and_stride_are_read_exactly(dtype, held, gradient):
    import torch
    tensor = torch.tensor(NUMBERS / 4).to(getattr(torch, dtype)).requires_grad_(gradient)
    for view in (tensor, tensor.T, tensor[:, 1:], tensor[1, 2], tensor[:0]):
        found = plain(view)
        assert found.dtype == held and found.shape == tuple(view.shape)
        assert np.array_equal(found.astype(float), view.detach().double().numpy())


@pytest.mark.slow
@needs_jax
@pytest.mark.parametrize("dtype, held", [("float32", "float32"), ("bfloat16", "float32"), ("float16", "float16")])
def test_jax_arrays_are_read_exactly(dtype, held):
    import jax.numpy as jnp
    array = jnp.asarray(NUMBERS / 4, dtype)
    assert plain(array).dtype == held
    assert np.array_equal(plain(array), np.asarray(array.astype("float32")))


class OnlyDLPack:
    """What has no __array__."""

    def __dlpack__(self, **options):
        return NUMBERS.__dlpack__(**options)

    def __dlpack_device__(self):
        return NUMBERS.__dlpack_device__()


class OnlyArray:
    """What has no DLPack."""

    def __array__(self, dtype=None, copy=None):
        return NUMBERS


@pytest.mark.parametrize("value", [OnlyDLPack(), OnlyArray(), NUMBERS.astype(">f8"), np.asfortranarray(NUMBERS),
                                   np.ma.masked_array(NUMBERS, False), NUMBERS.astype(np.longdouble)])
def test_either_protocol_is_enough_and_the_copy_is_plain(value):
    found = plain(value)
    assert type(found) is np.ndarray and found.dtype == np.float64 and found.dtype.isnative
    assert np.array_equal(found, NUMBERS) and not np.shares_memory(found, NUMBERS)


class Broken:
    """What raises when it is read."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("the device\nis gone")


@pytest.mark.parametrize("value, message", [
    (None, "None, expected an array"),
    ("text", "text 'text', expected an array"),
    (b"text", "text \"b'text'\", expected an array"),
    ([1.0], "list, expected an array: anything with __array__ or DLPack"),
    ((x for x in ()), "generator, expected an array: anything with __array__ or DLPack"),
    (3, "integer 3, expected a floating-point number"),
    (np.arange(2), "integers of type int64, expected floating-point numbers"),
    (np.array([True]), "truth values of type bool, expected floating-point numbers"),
    (np.array([1j]), "complex numbers of type complex128, expected floating-point numbers"),
    (np.array([None, 1.0]), "objects of type object, expected floating-point numbers"),
    (np.array(["a"]), "text of type str32, expected floating-point numbers"),
    (Broken(), "Broken cannot be read: RuntimeError: the device is gone"),
])
def test_what_is_no_array_of_floats_is_said_in_one_line(value, message):
    with pytest.raises(ValueError) as caught:
        plain(value)
    assert str(caught.value) == message


def test_a_float_is_an_array_of_no_axes():
    assert plain(0.25).shape == () and plain(np.float32(0.25)).dtype == np.float32
