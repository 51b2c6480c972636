"""Named arrays survive every format of files; what is not whole is said in one line."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, load_file, save

from minires.oracle.packs import tensors
from minires.oracle.packs.raw import from_bytes, half_of, to_bytes

ARRAYS = {"layers.0.W": np.arange(6.0).reshape(2, 3) / 7, "grad/layers.0.W": np.float32([[1.5], [-0.0]]),
          "loss": np.array(2.25), "inputs.tokens": np.array([[3, 1], [4, 1]]), "inputs.padding": np.array([True, False]),
          "none": np.zeros((0, 3)),
          "mask": np.array([0, -np.inf, 5e-324])}


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", tensors.FORMATS.values())
def test_what_is_written_is_read_again_bit_for_bit(name, tmp_path):
    tensors.write(tmp_path / name, ARRAYS)
    read = tensors.read(tmp_path / name)
    assert set(read) == set(ARRAYS) and all(same(read[name], ARRAYS[name]) for name in ARRAYS)


@pytest.mark.parametrize("name", tensors.FORMATS.values())
def test_floats_are_written_in_the_dtype_that_is_asked_for_and_nothing_else_changes(name, tmp_path):
    tensors.write(tmp_path / name, ARRAYS, "float16")
    read = tensors.read(tmp_path / name)
    for name, array in ARRAYS.items():
        assert same(read[name], array.astype(np.float16) if array.dtype.kind == "f" else array)


def test_the_library_safetensors_reads_our_bytes_and_we_read_its(tmp_path):
    theirs = load(to_bytes(ARRAYS))
    assert all(same(theirs[name], ARRAYS[name]) for name in ARRAYS)
    ours = from_bytes(save(ARRAYS))
    assert all(same(ours[name], ARRAYS[name]) for name in ARRAYS)
    tensors.write(tmp_path / "a.safetensors", ARRAYS)
    assert set(load_file(tmp_path / "a.safetensors")) == set(ARRAYS)


def test_the_numbers_begin_at_a_multiple_of_eight_bytes():
    for n in range(1, 9):
        data = to_bytes({"x" * n: np.ones(1)})
        assert int.from_bytes(data[:8], "little") % 8 == 0 and np.frombuffer(data[-8:])[0] == 1.0


def test_bfloat16_is_the_upper_half_of_float32_rounded_to_nearest_ties_to_even():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    edges = [0, -0.0, np.inf, -np.inf, 1e-40, 3e38, 3.4e38, 1 + 2.0 ** -8, 1 + 3 * 2.0 ** -8]
    x = np.concatenate([rng.standard_normal(1000), edges])
    theirs = torch.tensor(x.astype(np.float32)).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert np.array_equal(half_of(x.astype(np.float32)), theirs)
    assert np.isnan(from_bytes(to_bytes({"x": np.array([np.nan])}, "bfloat16"))["x"][0])


@pytest.mark.parametrize("name", ["tensors.safetensors", "tensors.bin"])
def test_bfloat16_is_read_as_float32_without_loss(name, tmp_path):
    x = np.array([[1.5, -2.0, 3.0]])
    tensors.write(tmp_path / name, {"x": x, "loss": np.array(0.5)}, "bfloat16")
    read = tensors.read(tmp_path / name)
    assert read["x"].dtype == np.float32 and np.array_equal(read["x"], x) and read["loss"].shape == ()
    assert (tmp_path / name).stat().st_size < 200


@pytest.mark.parametrize("name", ["tensors.npz", "tensors"])
def test_numpys_own_files_refuse_bfloat16(name, tmp_path):
    with pytest.raises(ValueError, match="^bfloat16 has no NumPy type: expected the format safetensors or bin$"):
        tensors.write(tmp_path / name, ARRAYS, "bfloat16")


def test_an_unknown_dtype_names_the_nearest():
    with pytest.raises(ValueError, match="unknown dtype 'bfloat': did you mean 'bfloat16'"):
        to_bytes(ARRAYS, "bfloat")


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.array([1j])])
def test_what_no_format_holds_is_named(array):
    with pytest.raises(ValueError, match="unknown dtype of tensor 'x'"):
        to_bytes({"x": array})


def header(**rows):
    text = json.dumps(rows).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize("data, says", [
    (b"", "0 bytes end within a header"),
    (b"\xff" * 20, "20 bytes end within a header"),
    ((9).to_bytes(8, "little") + b"{}", "10 bytes end within a header of 9"),
    ((5).to_bytes(8, "little") + b"hello", "the header is not JSON of tensors"),
    ((2).to_bytes(8, "little") + b"[]", "the header is not JSON of tensors"),
    (header(x={"dtype": "F64"}), "the header is not JSON of tensors"),
    (header(x={"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}) + b"1" * 8, "'x' ends at byte 16 of 8: the file is"),
    (header(x={"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}) + b"1" * 8, r"'x' has 8 bytes, expected 16 of \(2,\)"),
    (header(x={"dtype": "F64", "shape": [1], "data_offsets": [-8, 0]}) + b"1" * 8, "tensor 'x' has 8 bytes"),
    (header(x={"dtype": "F4", "shape": [1], "data_offsets": [0, 8]}) + b"1" * 8, "tensor 'x' is F4, expected one of"),
])
def test_a_safetensors_file_that_is_not_whole_is_said_in_one_line(data, says, tmp_path):
    (tmp_path / "t.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=says) as error:
        tensors.read(tmp_path / "t.safetensors")
    assert "t.safetensors" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["tensors.npz", "tensors/x.npy"])
def test_a_numpy_file_that_is_half_written_or_holds_objects_is_said_in_one_line(name, tmp_path):
    (tmp_path / "tensors").mkdir()
    place = tmp_path / name.split("/")[0]
    np.savez(tmp_path / "o.npz", x=np.array([{}], dtype=object))
    whole = tmp_path / "w.npy"
    np.save(whole, np.arange(9.0))
    for data in (b"PK\x03\x04", b"", b"no numbers", whole.read_bytes()[:-4], (tmp_path / "o.npz").read_bytes()):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="expected a file of numbers as NumPy writes it"):
            tensors.read(place)


def test_numpys_file_of_the_other_kind_is_refused(tmp_path):
    (tmp_path / "tensors").mkdir()
    np.savez(tmp_path / "one.npz", x=np.ones(2))
    (tmp_path / "one.npz").rename(tmp_path / "tensors" / "x.npy")
    np.save(tmp_path / "x.npy", np.ones(2))
    (tmp_path / "x.npy").rename(tmp_path / "tensors.npz")
    for name in ("tensors", "tensors.npz"):
        with pytest.raises(ValueError, match="expected a file of numbers as NumPy writes it"):
            tensors.read(tmp_path / name)


def test_a_flat_file_says_which_line_of_its_index_is_wrong(tmp_path):
    tensors.write(tmp_path / "tensors.bin", ARRAYS)
    lines = (tmp_path / "index.csv").read_text().splitlines()
    for line, says in (("x,F64,2x3,0", "line 2"), ("x,F64,2xthree,0,48", "line 2"), ("x,F64,2x3,9000,48", "half-written"),
                       ("x,F64,2x3,0,40", "has 40 bytes, expected 48")):
        (tmp_path / "index.csv").write_text("\n".join([lines[0], line]))
        with pytest.raises(ValueError, match=says):
            tensors.read(tmp_path / "tensors.bin")
    (tmp_path / "index.csv").write_text("x,y\n")
    with pytest.raises(ValueError, match="expected a first line name,dtype,shape,offset,bytes"):
        tensors.read(tmp_path / "tensors.bin")
    (tmp_path / "index.csv").unlink()
    with pytest.raises(ValueError, match="index.csv: not there"):
        tensors.read(tmp_path / "tensors.bin")


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="not there, expected tensors as one of tensors.safetensors, tensors.npz"):
        tensors.read(tmp_path / "tensors.safetensors")
