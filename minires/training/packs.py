"""Elementwise arithmetic on flat dicts of many small arrays: an operation costs about a microsecond however small its array.

Arrays of one kind are laid end to end in one vector, as many as stay in the processor's cache together, and the
arithmetic is done on the vectors. Results are the same to the bit; those of a pack are views of one vector.
"""

import numpy as np

LARGEST = 2 ** 13  # numbers in a pack of several arrays; a larger array is a pack of its own, and is not copied


def packs(tree, names, kind):
    """Lists of names whose arrays belong in one vector: of the same kind(name) and dtype, at most `LARGEST` numbers."""
    full, filling = [], {}
    for name in names:
        key, size = (kind(name), tree[name].dtype), tree[name].size
        pack, filled = filling.get(key, ([], 0))
        if pack and filled + size > LARGEST:
            full.append(pack)
            pack, filled = [], 0
        pack.append(name)
        filling[key] = (pack, filled + size)
    return full + [pack for pack, _ in filling.values()]


def joined(tree, pack):
    """The arrays of a pack as one vector."""
    return tree[pack[0]].ravel() if len(pack) == 1 else np.concatenate([tree[name].ravel() for name in pack])


def separated(vector, tree, pack):
    """The parts of a vector in the shapes that the arrays of a pack have: the inverse of `joined`."""
    parts, start = {}, 0
    for name in pack:
        stop = start + tree[name].size
        parts[name] = vector[start:stop].reshape(tree[name].shape)
        start = stop
    return parts
