"""Toy tasks and readers of real text: each is a function of plain options that returns a Task."""

import inspect

from minires.errors import one_of
from minires.tasks import copying, recall, sequences, text
from minires.tasks.task import Batch, Task, decode, encode

__all__ = ["Batch", "TASKS", "Task", "decode", "encode", "make_task"]

TASKS = {
    "copy": copying.copy,
    "recall": recall.recall,
    "sort": sequences.sort,
    "reverse": sequences.reverse,
    "characters": text.characters,
    "masked_characters": text.masked_characters,
}


def make_task(name, /, **options):
    """The task of that name; ValueError where the name, an option or an option's value does not exist.

    >>> make_task("sort", length=5).options
    {'alphabet': 16, 'length': 5}
    """
    task = one_of("task", name, TASKS)
    known = inspect.signature(task).parameters
    for option in options:
        one_of(f"option of task {name}", option, known)
    return task(**options)
