"""From the words of the command line to conversations in numbers: a toy task, or files with their splits."""

from typing import NamedTuple

import numpy as np

from minires.errors import one_of, require, whole_number
from minires.tasks.conversations import (CONVERSATION_TASKS, FORMATS, encode, encode_corpus, hold_out, make_conversations,
                                         make_vocabulary, read)
from minires.tasks.conversations.vocabulary import UNKNOWN

SHARES = {"dev": 0.1, "test": 0.2}  # of the conversations, where a collection has no such split


class Source(NamedTuple):
    """Where conversations come from: `task`, a toy, or `path` and `format`, files."""

    task: str | None = None
    options: dict = {}              # of the toy task
    conversations: int = 4000       # of the toy task, to learn from; a quarter as many for dev, half as many for test
    path: str | None = None
    format: str | None = None
    minimum_count: int = 2          # a word that the training split says less often is unknown
    split_seed: int = 0             # of the splits that a collection lacks


class Data(NamedTuple):
    """Conversations in numbers, {"train", "dev", "test"}, under the name that files and titles have."""

    name: str
    splits: dict

    @property
    def label_names(self):
        """The classes."""
        return self.splits["train"].label_names

    @property
    def symbols(self):
        """How each token prints."""
        return self.splits["train"].symbols


def source_of(arguments):
    """The Source that the arguments name; ValueError where they name none, or two."""
    given = {name: getattr(arguments, name, None) for name in Source._fields if name not in ("options", "path")}
    given = {name: value for name, value in given.items() if value is not None}
    require((arguments.task is None) != (arguments.data is None),
            f"give conversations: --data PATH --format FORMAT, or --task {'|'.join(CONVERSATION_TASKS)}, one of the two")
    source = Source(path=arguments.data, options=dict(arguments.task_option), **given)
    for name in ("conversations", "minimum_count"):
        whole_number(f"--{name.replace('_', '-')}", getattr(source, name))
    whole_number("--split-seed", source.split_seed, 0)
    if source.task is None:
        require(source.format is not None, f"--data without --format: expected one of {', '.join(FORMATS)}")
        require(not source.options, "--task-option without --task: expected a toy task as well")
    else:
        require(source.format is None, "--format without --data: expected a file or a folder as well")
        for name in ("rng", "count"):
            require(name not in source.options, f"--task-option {name}: expected --seed and --conversations instead")
    return source


def read_source(source, seed):
    """The Data. A toy task is drawn from the seed, each split from a generator of its own; files do not depend on it."""
    if source.task is not None:
        one_of("task", source.task, CONVERSATION_TASKS)
        return Data(source.task, toy_splits(source, seed))
    corpus = with_splits(read(source.path, source.format), source.split_seed)
    return Data(file_name(corpus.name), encode_corpus(corpus, make_vocabulary(corpus, source.minimum_count)))


def toy_splits(source, seed):
    """{"train", "dev", "test"} of a toy task."""
    most = source.conversations
    sizes = {"train": most, "dev": max(1, most // 4), "test": max(1, most // 2)}
    generators = np.random.default_rng(seed).spawn(len(sizes))
    return {split: make_conversations(source.task, rng, count, **source.options)
            for rng, (split, count) in zip(generators, sizes.items())}


def with_splits(corpus, split_seed):
    """The corpus with the splits that it lacks taken out of training, by conversation; published splits stay."""
    missing = {name: share for name, share in SHARES.items() if name not in corpus.splits}
    return hold_out(corpus, np.random.default_rng(split_seed), missing) if missing else corpus


def file_name(name):
    """A name that can stand in the name of a file.

    >>> file_name("my talk.jsonl")
    'my-talk.jsonl'
    """
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name) or "conversations"


def read_split(source, split, seed, kept):
    """The name and the Conversations to test a kept model on, in its vocabulary and with its labels.

    split "all": every conversation of the files. Splits that the files lack are taken out as they were for the training.
    """
    if source.task is not None:
        data = read_source(source, seed)
        same = data.symbols == kept.symbols and data.label_names == kept.label_names
        require(same, f"the model was trained on other words or labels than {data.name} has: expected --task and --task-option "
                      f"of its training, {kept.name}")
        return data.name, one_of(f"split of {data.name}", split, data.splits)
    corpus = read(source.path, source.format)
    one_of(f"split of {corpus.name}", split, dict.fromkeys([*corpus.splits, *SHARES, "all"]))
    published = split in SHARES and split in corpus.splits or "train" not in corpus.splits
    splits = corpus.splits if published or split == "all" else with_splits(corpus, kept.split_seed).splits
    splits = {**splits, "all": sum(splits.values(), ())}
    return file_name(corpus.name), encode(one_of(f"split of {corpus.name}", split, splits), kept.vocabulary, kept.label_names)


def unknown_share(conversations):
    """The share of the tokens that the training did not know."""
    return float(np.mean(conversations.tokens[conversations.real] == UNKNOWN))
