"""Arrays of any library as NumPy arrays, by protocol only: `__array__` or DLPack. No framework is imported.

A tensor of bfloat16, for which NumPy has no type, is read through DLPack and widened to float32, which holds it exactly.
DLPack: github.com/dmlc/dlpack, dlpack.h, DLManagedTensor of versions below 1.
"""

import ctypes
from numbers import Integral, Real

import numpy as np

from minires.errors import require

CPU, BFLOAT = 1, 4  # kDLCPU, kDLBfloat


class Header(ctypes.Structure):
    """DLTensor."""

    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("offset", ctypes.c_uint64)]


def plain(value):
    """A float16, float32 or float64 array with memory of its own; ValueError says what the value is instead.

    >>> plain(0.5)
    array(0.5)
    >>> plain([0.5])
    Traceback (most recent call last):
    ValueError: list, expected an array: anything with __array__ or DLPack
    """
    require(value is not None, "None, expected an array")
    require(not isinstance(value, (str, bytes)), f"text {str(value)[:20]!r}, expected an array")
    if isinstance(value, Real) and not hasattr(value, "__array__"):
        require(not isinstance(value, Integral), f"integer {value!r}, expected a floating-point number")
        return np.array(float(value))
    kind = type(value).__name__
    require(hasattr(value, "__array__") or hasattr(value, "__dlpack__"),
            f"{kind}, expected an array: anything with __array__ or DLPack")
    try:
        return floating(array_of(value))
    except ValueError:
        raise
    except Exception as error:  # the framework's own, of any kind
        line = " ".join(str(error).split())
        raise ValueError(f"{kind} cannot be read: {type(error).__name__}: {line}") from None


def array_of(value):
    """The value as NumPy sees it."""
    for method in ("detach", "cpu"):  # of torch, whose tensors refuse __array__ while they have a gradient or are elsewhere
        value = getattr(value, method)() if callable(getattr(value, method, None)) else value
    try:
        found = np.asarray(value) if hasattr(value, "__array__") else np.from_dlpack(value)
    except (TypeError, RuntimeError, BufferError):
        found = from_bfloat16(value)
        if found is None:
            raise
    return np.ma.getdata(found)


def floating(array):
    """A copy of an array of numbers that NumPy has, bfloat16 widened; ValueError for any other kind."""
    if array.dtype.name in ("bfloat16", "longdouble", "float128"):
        return array.astype(np.float32 if array.dtype.name == "bfloat16" else np.float64)
    kinds = {"O": "objects", "U": "text", "S": "text", "i": "integers", "u": "integers", "b": "truth values",
             "c": "complex numbers"}
    require(array.dtype.kind == "f", f"{kinds.get(array.dtype.kind, 'entries')} of type {array.dtype.name}, "
                                     "expected floating-point numbers")
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C", subok=False)


def from_bfloat16(value):
    """The float32 array of a bfloat16 tensor in the memory of the processor, or None where it is not one."""
    if not hasattr(value, "__dlpack__"):
        return None
    capsule = value.__dlpack__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    head = Header.from_address(pointer(capsule, b"dltensor"))
    if (head.device, head.code, head.bits, head.lanes) != (CPU, BFLOAT, 16, 1):
        return None
    shape = tuple(head.shape[:head.ndim])
    if 0 in shape:
        return np.zeros(shape, np.float32)
    strides = tuple(head.strides[:head.ndim]) if head.strides else contiguous(shape)
    span = 1 + sum((n - 1) * step for n, step in zip(shape, strides))
    words = np.ctypeslib.as_array((ctypes.c_uint16 * span).from_address(head.data + head.offset))
    words = np.lib.stride_tricks.as_strided(words, shape, [2 * step for step in strides])
    return (words.astype(np.uint32) << 16).view(np.float32)


def contiguous(shape):
    """Strides, in entries, of an array in C order.

    >>> contiguous((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(int(np.prod(shape[i + 1:])) for i in range(len(shape)))
