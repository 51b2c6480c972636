"""The recorded states of every preset: weights and settings in the peer's own names and orientation, inputs, states.

golden_presets.json has, per preset: how it was recorded ("run: ..." the peer's own code at a commit, "transcribed: ..." a
literal loop over its equation), arrays, u, states, and where they exist x_0, y and what else the peer returned.
"""

import json
from pathlib import Path

import numpy as np

RECORDS = json.loads((Path(__file__).parent / "golden_presets.json").read_text(encoding="utf-8"))


def arrays(value):
    """Lists of numbers as arrays, whatever they are nested in; a list of dicts, or of arrays of unequal shapes, stays one."""
    if isinstance(value, dict):
        return {name: arrays(inner) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError):
        return [arrays(inner) for inner in value]


GOLDEN = {name: arrays(record) for name, record in RECORDS.items()}


def call(preset, record, arrays=None, **more):
    """The preset's states, and its last state, for the inputs of a record."""
    given = {name: record[name] for name in ("x_0", "y") if name in record}
    return preset.run(preset.parameters(**(record["arrays"] if arrays is None else arrays)), record["u"], **given, **more)


def difference(states, recorded):
    """The largest difference of two states, or of two lists of them, one per layer."""
    pairs = zip(states, recorded) if isinstance(recorded, list) else [(states, recorded)]
    pairs = [(np.asarray(ours), np.asarray(theirs)) for ours, theirs in pairs]
    assert all(ours.shape == theirs.shape for ours, theirs in pairs)
    return max(float(np.max(np.abs(ours - theirs))) for ours, theirs in pairs)
