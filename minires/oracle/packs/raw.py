"""Arrays as bytes, and the format safetensors:

    8 bytes            length N of the header, little-endian
    N bytes            JSON {name: {"dtype", "shape", "data_offsets": [from, to]}}, offsets from the end of the header
    the numbers        little-endian, C order

It is written here, not by its library: the bytes of a pack must not depend on a version.
bfloat16, which NumPy lacks, becomes float32 where it is read.
"""

import json

import numpy as np

from minires.errors import one_of, require

CODES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I64": np.int64, "I32": np.int32,
         "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_}
NAMES = {np.dtype(kind): code for code, kind in CODES.items() if code != "BF16"}
DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
LONGEST = 100_000_000  # bytes of a header: more is no header


def code_of(name, array):
    """The code of an array's dtype; ValueError for what no format holds."""
    return one_of(f"dtype of tensor {name!r}", str(array.dtype), {str(d): c for d, c in NAMES.items()})


def raw(array, code):
    """The bytes of an array in the dtype of a code, little-endian, C order."""
    if code == "BF16":
        return half_of(array).astype("<u2").tobytes()
    return np.ascontiguousarray(array, np.dtype(CODES[code]).newbyteorder("<")).tobytes()


def half_of(array):
    """bfloat16 as uint16: the upper half of float32, rounded to nearest, ties to even; NaN stays NaN.

    >>> half_of(np.array([1.0, -2.0])).tolist()
    [16256, 49152]
    """
    single = np.ascontiguousarray(array, np.float32)
    bits = single.view(np.uint32).reshape(single.shape if np.ndim(array) else ())
    upper = bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)
    return np.where(np.isnan(single.reshape(bits.shape)), 0x7FC0, upper >> 16).astype(np.uint16)


def from_raw(data, code, shape):
    """The array of these bytes."""
    array = np.frombuffer(data, np.dtype(CODES[code]).newbyteorder("<")).reshape(shape).astype(CODES[code])
    return np.asarray((array.astype(np.uint32) << 16).view(np.float32)).reshape(shape) if code == "BF16" else array


def in_dtype(array, dtype):
    """(array, code) as it is written when floats are asked for as `dtype`, a name of DTYPES, or None: as they are."""
    array = np.asarray(array)
    if dtype is None or array.dtype.kind != "f":
        return array, None
    code = one_of("dtype", dtype, DTYPES)
    return (array, code) if code == "BF16" else (array.astype(CODES[code]), code)


def to_bytes(arrays, dtype=None):
    """The bytes of a safetensors file of {name: array}."""
    header, parts, at = {}, [], 0
    for name, array in arrays.items():
        array, code = in_dtype(array, dtype)
        code = code or code_of(name, array)
        parts.append(raw(array, code))
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight, as the library has it
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def from_bytes(data, where="safetensors"):
    """{name: array} of a safetensors file's bytes; ValueError in one line where they are no whole such file."""
    length = int.from_bytes(data[:8], "little")
    require(len(data) >= 8 and length <= min(len(data) - 8, LONGEST),
            f"{where}: {len(data)} bytes end within a header of {length}: expected a whole safetensors file")
    try:
        header = json.loads(data[8:8 + length])
        rows = {name: (row["dtype"], tuple(row["shape"]), *row["data_offsets"])
                for name, row in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{where}: the header is not JSON of tensors: expected a safetensors file") from None
    body = memoryview(data)[8 + length:]
    return {name: entry(where, name, body, *row) for name, row in rows.items()}


def entry(where, name, body, code, shape, start, end):
    """One array out of the numbers; ValueError names the tensor that does not fit."""
    require(code in CODES, f"{where}: tensor {name!r} is {code}, expected one of {', '.join(CODES)}")
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(CODES[code]).itemsize
    require(0 <= start and end - start == size, f"{where}: tensor {name!r} has {end - start} bytes, expected {size} of {shape}")
    require(end <= len(body), f"{where}: tensor {name!r} ends at byte {end} of {len(body)}: the file is half-written")
    return from_raw(body[start:end], code, shape)
