"""Laws of packs: every array is in one, of its own kind, and the arithmetic on them is that on the arrays to the bit."""

import numpy as np
import pytest

from minires.training import packs as packing
from minires.training.optimisers import decays, optimiser
from minires.training.packs import joined, packs, separated

SHAPES = {"layers.0.W_q": (3, 5), "layers.0.b_q": (5,), "layers.0.lambda": (), "layers.1.W_q": (4, 2), "layers.1.gain": (1,),
          "head.W": (7, 11)}


def arrays(seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.uniform(0.5, 1.5, shape), dtype=dtype) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("largest", [0, 8, 23, 10 ** 6])
def test_packs_hold_every_name_once_are_of_one_kind_and_dtype_and_no_larger_than_allowed(largest, monkeypatch):
    monkeypatch.setattr(packing, "LARGEST", largest)
    tree = {**arrays(0), "layers.1.gain": np.ones(1, dtype=np.float32)}
    found = packs(tree, tree, decays)
    assert sorted(name for pack in found for name in pack) == sorted(SHAPES)
    for pack in found:
        assert len({(decays(name), tree[name].dtype) for name in pack}) == 1
        assert len(pack) == 1 or sum(tree[name].size for name in pack) <= largest
    assert largest < 10 ** 6 or len(found) == 3


def test_a_joined_pack_comes_apart_into_what_it_was():
    tree = arrays(1)
    for pack in ([*SHAPES], ["head.W"], ["layers.0.lambda"], ["layers.1.gain", "layers.0.W_q"]):
        vector = joined(tree, pack)
        parts = separated(vector, tree, pack)
        assert vector.ndim == 1 and list(parts) == pack
        for name in pack:
            assert parts[name].shape == SHAPES[name] and parts[name].tobytes() == tree[name].tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_no_bit_of_an_update_depends_on_the_packs_and_no_array_is_changed(name, dtype, monkeypatch):
    method, results, trees = optimiser(name, weight_decay=0.1), [], [arrays(seed, dtype) for seed in range(4)]
    params, gradient, *moments = trees
    del gradient["layers.1.W_q"]
    before = [array.tobytes() for tree in trees for array in tree.values()]
    for largest in (0, 8, 23, 10 ** 6):
        monkeypatch.setattr(packing, "LARGEST", largest)
        new, moved = method.update(params, gradient, dict(zip(method.start(params), moments)), 3, 0.07)
        results.append([(key, array.dtype, array.tobytes()) for tree in (new, *moved.values()) for key, array in tree.items()])
        assert new["layers.1.W_q"] is params["layers.1.W_q"]
    assert all(one == results[0] for one in results) and {str(kind) for _, kind, _ in results[0]} == {dtype}
    assert before == [array.tobytes() for tree in trees for array in tree.values()]
