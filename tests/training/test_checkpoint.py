"""Laws of checkpoints: whole or not there, exact, and only of the model they say."""

import os

import numpy as np
import pytest
from training_cases import case, same_bits

from minires.files import writable_folder, write_atomically
from minires.training import load, save, train


@pytest.fixture(scope="module")
def trained():
    model, task, recipe = case("resformer_learnable", dtype="float32")
    return train(model, task, recipe, progress=False), model, task, recipe


@pytest.fixture
def path(trained, tmp_path):
    save(tmp_path / "model.npz", *trained)
    return tmp_path / "model.npz"


def test_what_is_read_is_what_was_written_to_the_bit(trained, path):
    state, model, task, recipe = trained
    found = load(path, model)
    assert same_bits(found.state, state) and found.model == model and found.recipe == recipe
    assert found.task == {"name": "copy", "options": task.options, "symbols": list(task.symbols)}
    logits = [model.apply(params, np.array([[1, 2, 0, 4, 2, 3]]))[0] for params in (found.params, load(path).params)]
    assert logits[0].tobytes() == logits[1].tobytes() and logits[0].dtype == np.float32


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line_that_says_so(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[:int(len(whole) * share)])
    with pytest.raises(ValueError, match="is no whole minires checkpoint") as error:
        load(path)
    assert "\n" not in str(error.value) and "model.npz" in str(error.value)


def test_a_changed_byte_in_an_array_is_noticed(path):
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"params/layers.0.attention.W_q") + 300] ^= 255
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="is no whole minires checkpoint"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY"])
def test_any_other_file_is_one_line_that_says_so(tmp_path, content):
    (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(ValueError, match="is no whole minires checkpoint"):
        load(tmp_path / "other.npz")


def test_arrays_of_somebody_else_are_refused(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    with pytest.raises(ValueError, match="is no whole minires checkpoint"):
        load(tmp_path / "arrays.npz")
    np.savez(tmp_path / "pickle.npz", about=np.array({"a": 1}, dtype=object))
    with pytest.raises(ValueError, match="is no whole minires checkpoint"):
        load(tmp_path / "pickle.npz")


def test_a_missing_file_and_a_folder_are_one_line_each(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="is no whole minires checkpoint"):
        load(tmp_path)


def test_a_checkpoint_of_another_model_is_refused_with_the_field_that_differs(path):
    other, _, _ = case("resformer_learnable", dropout=0.2)
    with pytest.raises(ValueError, match=r"is of another model: its dropout is 0\.1, expected 0\.2"):
        load(path, other)
    with pytest.raises(ValueError, match="its variant is 'resformer_learnable', expected 'svformer'"):
        load(path, case("svformer")[0])


def test_parameters_that_do_not_fit_the_description_are_refused(trained, tmp_path):
    state, model, task, recipe = trained
    broken = np.full((8, 6), np.nan, dtype=np.float32)
    for params in ({**state.params, "extra": np.ones(2, dtype=np.float32)}, {**state.params, "head.W": broken},
                   {name: w for name, w in state.params.items() if name != "head.W"}):
        save(tmp_path / "bad.npz", state._replace(params=params), model, task, recipe)
        with pytest.raises(ValueError, match="is no whole minires checkpoint: parameter"):
            load(tmp_path / "bad.npz")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path):
    before = path.read_bytes()

    def fail(file):
        file.write(b"half")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        write_atomically(path, fail)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    write_atomically(tmp_path / "ours", lambda file: file.write(b"1"))
    (tmp_path / "theirs").write_bytes(b"1")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_an_output_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="output folder .*file/inside' cannot be written: Not a directory"):
        writable_folder(str(tmp_path / "file" / "inside"))
    assert writable_folder(str(tmp_path / "new" / "deep")) and os.listdir(tmp_path / "new" / "deep") == []
