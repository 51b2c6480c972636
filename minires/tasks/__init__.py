"""Toy tasks and readers of real text: each is a function of plain options that returns a Task."""

from minires.errors import check_options, one_of
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
    check_options(f"task {name}", task, options)
    return task(**options)
