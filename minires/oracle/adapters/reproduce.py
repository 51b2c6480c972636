"""The first diverging step of a port on disk: what goes in, what is expected, what the port gave; nothing else is needed.

    DIR/<case id>/forward.npz    inputs/<name>, ..   the port's own where it gave them, otherwise the truth
                                 expected            the step applied to these inputs
                                 given               by the port
    DIR/<case id>/backward.npz   the same of a gradient: inputs are the tensors and gradients that it is computed from
    DIR/<case id>/README.md      a line for each
"""

from pathlib import Path

import numpy as np

from minires.errors import require
from minires.files import write_atomically, writable_folder
from minires.oracle.judgement.answer import canonical
from minires.oracle.judgement.local import local
from minires.oracle.tape import record


def reproduced(golden, answer, verdict, folder):
    """Write the first diverging step of each direction; returns the paths of the .npz files."""
    steps = {direction: scopes.get("local") or scopes.get("global") for direction, scopes in verdict.first.items()}
    steps = {direction: name for direction, name in steps.items() if name in (answer or {})}
    if not steps:
        return []
    require(".." not in Path(golden.case.id).parts, f"case id {golden.case.id!r}: expected no parent folder in it")
    place, tape, lines, paths = Path(folder) / golden.case.id, record(golden.case), [], []
    writable_folder(str(place))
    for direction, name in steps.items():
        inputs, expected = step_of(golden, tape, answer, name)
        arrays = {**{f"inputs/{one}": array for one, array in inputs.items()}, "expected": expected, "given": answer[name]}
        paths.append(place / f"{direction}.npz")
        write_atomically(paths[-1], lambda file: np.savez(file, **arrays))
        lines.append(f"{direction}.npz: {name} of case {golden.case.id}: `expected` is the step applied to "
                     f"{', '.join(inputs) or 'no input'}; `given` is what the port gave.")
    write_atomically(place / "README.md", lambda file: file.write("\n\n".join([*lines, ""]).encode()))
    return paths


def step_of(golden, tape, answer, name):
    """What the step that makes a tensor or a gradient has as inputs, and what it gives from them."""
    truth = {**golden.truth.values, **golden.case.values}
    shape = lambda one: np.shape(truth[canonical(tape, one)]) if canonical(tape, one) in truth else None
    fits = {one: np.asarray(array, float) for one, array in answer.items() if np.shape(array) == shape(one)}
    expected = local(tape, golden.case.values, fits).get(name, truth.get(canonical(tape, name)))
    own = {canonical(tape, one): array for one, array in fits.items()}
    known = {**truth, **own}
    return {one: known[one] for one in inputs_of(tape, canonical(tape, name)) if one in known}, expected


def inputs_of(tape, name):
    """The names that a tensor is computed from; of a gradient: of all that it enters, the inputs and the gradient."""
    parents = tape.parents
    if not name.startswith("grad/"):
        return parents.get(name, [])
    below = [child for child, above in parents.items() if name[5:] in above]
    tensors = [one for child in below for one in parents[child]]
    return list(dict.fromkeys([*tensors, *(f"grad/{child}" for child in below if child != "loss")]))
