"""Named arrays in files that every language reads: safetensors, .npz, one .npy per tensor, or one flat .bin with an index.

    name.safetensors   see `raw`
    name.npz           NumPy's own; no bfloat16
    name.bin           the numbers alone; index.csv beside it: name, dtype, shape (2x3), offset, bytes
    a folder           name.npy per tensor, in folders where the name has a stroke; no bfloat16
"""

import csv
import io
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from minires.errors import require
from minires.files import write_atomically
from minires.oracle.packs.raw import code_of, entry, from_bytes, in_dtype, raw, to_bytes

FORMATS = {"safetensors": "tensors.safetensors", "npz": "tensors.npz", "npy": "tensors", "bin": "tensors.bin"}  # -> file
COLUMNS = ["name", "dtype", "shape", "offset", "bytes"]


def write(path, arrays, dtype=None):
    """Write {name: array} to path, whose ending says how (see the head of this file); floats in `dtype`."""
    path = Path(path)
    if path.suffix == ".safetensors":
        return write_atomically(path, lambda file: file.write(to_bytes(arrays, dtype)))
    if path.suffix == ".bin":
        return write_flat(path, arrays, dtype)
    require(dtype != "bfloat16", "bfloat16 has no NumPy type: expected the format safetensors or bin")
    plain = {name: in_dtype(array, dtype)[0] for name, array in arrays.items()}
    if path.suffix == ".npz":
        return write_atomically(path, lambda file: np.savez(file, **plain))
    for name, array in plain.items():
        one = path / f"{name}.npy"
        os.makedirs(one.parent, exist_ok=True)
        write_atomically(one, lambda file: np.save(file, array))


def write_flat(path, arrays, dtype):
    """The numbers into path, index.csv beside it."""
    rows, parts, at = [COLUMNS], [], 0
    for name, array in arrays.items():
        array, code = in_dtype(array, dtype)
        code = code or code_of(name, array)
        parts.append(raw(array, code))
        rows.append((name, code, "x".join(map(str, array.shape)), at, len(parts[-1])))
        at += len(parts[-1])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(path, lambda file: file.write(b"".join(parts)))
    write_atomically(path.parent / "index.csv", lambda file: file.write(text.getvalue().encode()))


def read(path):
    """{name: array} of a file or folder that `write` makes; ValueError in one line where it is not whole."""
    path = Path(path)
    require(path.exists(), f"{path}: not there, expected tensors as one of {', '.join(FORMATS.values())}")
    if path.is_dir():
        return {str(one.relative_to(path).with_suffix("")): numbers(one) for one in sorted(path.rglob("*.npy"))}
    if path.suffix == ".npz":
        return numbers(path)
    data = path.read_bytes()
    return read_flat(path, data) if path.suffix == ".bin" else from_bytes(data, str(path))


def numbers(path):
    """What NumPy's own files hold: an array, or {name: array}; never objects, whose pickle could run anything."""
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        found = dict(found) if isinstance(found, np.lib.npyio.NpzFile) else found
    except (ValueError, OSError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        found = None
    require(isinstance(found, dict if path.suffix == ".npz" else np.ndarray),
            f"{path}: not whole, or with objects: expected a file of numbers as NumPy writes it")
    return found


def read_flat(path, data):
    """The arrays of a flat file, found by index.csv."""
    index = path.parent / "index.csv"
    require(index.exists(), f"{index}: not there, expected the columns {', '.join(COLUMNS)}")
    rows = list(csv.reader(io.StringIO(index.read_text(encoding="utf-8"))))
    require(rows and rows[0] == COLUMNS, f"{index}: expected a first line {','.join(COLUMNS)}")
    found = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            name, code, shape, offset, size = row
            shape, start = tuple(int(n) for n in shape.split("x") if n), int(offset)
            end = start + int(size)
        except ValueError:
            raise ValueError(f"{index}, line {number}: {','.join(row)!r}, expected {','.join(COLUMNS)}") from None
        found[name] = entry(str(path), name, memoryview(data), code, shape, start, end)
    return found
