"""What a frozen memory hears of a corpus, worked out once: its states before every utterance, kept in a file if wanted.

The file's name is a digest of all that decides the states: the frozen arrays, the tokens, the settings of the memory. So a
file is never stale, and two trainings with the same memory share it.
"""

import hashlib
import json
import os

import numpy as np

from minires.files import writable_folder, write_atomically
from minires.parameters import flatten
from minires.tasks.conversations import batches, longest_first, put_back

BATCH = 64  # conversations that are heard side by side


def states_of(model, params, data, vectors=None):
    """s_i for every utterance: a list of (C, U, N), one for each reservoir; utterances that are not there have the last state.

    data     Conversations; vectors (C, U, r) with step="cls"
    With reset="never" the conversations are heard one after the other, in their order.
    """
    if model.reset == "never":
        return model.remember(params, data.tokens, data.real, vectors)[0]
    order, heard = longest_first(data), []
    for indices, batch in batches(data, BATCH, order):
        own = None if vectors is None else vectors[indices, :batch.tokens.shape[1]]
        states, last = model.remember(params, batch.tokens, batch.real, own)
        missing = data.tokens.shape[1] - batch.tokens.shape[1]
        heard.append([np.concatenate([s] + [end[:, None]] * missing, axis=1) for s, end in zip(states, last)])
    return [put_back(order, np.concatenate(states)) for states in zip(*heard)]


def kept_states(model, params, data, folder=None, vectors=None):
    """`states_of`, read from `folder` where they are there and written to it where they are not; None keeps nothing."""
    if folder is None:
        return states_of(model, params, data, vectors)
    path = os.path.join(writable_folder(folder), f"states-{digest(model, params, data, vectors)}.npz")
    if not os.path.exists(path):
        states = states_of(model, params, data, vectors)
        write_atomically(path, lambda file: np.savez(file, **{str(g): s for g, s in enumerate(states)}))
        return states
    with open(path, "rb") as file, np.load(file) as kept:
        return [kept[str(g)] for g in range(len(params["memory"]["reservoirs"]))]


def digest(model, params, data, vectors=None):
    """A name for the states: 32 digits of SHA-256 over everything that decides them."""
    settings = {name: getattr(model, name) for name in ("step", "reset", "memory")}
    arrays = {**flatten({"memory": params["memory"]}), "tokens": data.tokens, "real": data.real,
              **({} if vectors is None else {"vectors": vectors})}
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        array = np.ascontiguousarray(array)
        total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:32]
