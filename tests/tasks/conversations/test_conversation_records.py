"""Conversations from words to numbers: the records, the vocabulary, padding, batches that keep the order, splits."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

from minires.tasks import conversations as package
from minires.tasks.conversations import (Conversation, Conversations, Utterance, batches, cut, encode, encode_corpus, hold_out,
                                         joined, longest_first, make_conversations, make_corpus, make_vocabulary, put_back,
                                         select, split_conversations, trim, word_ids, words)

TRAIN = (Conversation("a", (Utterance("Go, go, GO!", "order", "Ann"), Utterance("Why?", None, "Bob"),
                            Utterance("Just go \u2014 don\u2019t ask", "order", "Ann"))),
         Conversation("b", (Utterance("why go", "question"),)))
TEST = (Conversation("c", (Utterance("Stop! Why?", "question"), Utterance("go", "order"))),)
CORPUS = make_corpus("orders", {"train": TRAIN, "test": TEST})


def chain(lengths, label="x"):
    """Conversations of so many utterances, the words telling which is which."""
    return tuple(Conversation(f"c{c}", tuple(Utterance(f"c{c} u{u} " * (1 + (c + u) % 3), label) for u in range(length)))
                 for c, length in enumerate(lengths))


def encoded(lengths):
    corpus = make_corpus("chain", {"train": chain(lengths)})
    return encode_corpus(corpus, make_vocabulary(corpus))["train"]


MODULES = [package.__name__] + [f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


# ---- corpus ----------------------------------------------------------------------------------------------------------

def test_classes_are_those_of_training_in_alphabetical_order_or_as_published():
    assert CORPUS.labels == ("order", "question")
    assert make_corpus("o", {"train": TRAIN}, ("question", "other", "order")).labels == ("question", "other", "order")


def test_without_a_training_split_the_classes_are_those_of_all_splits():
    assert make_corpus("o", {"dev": TRAIN[:1], "test": TRAIN[1:]}).labels == ("order", "question")


def test_splits_stand_in_the_usual_order_and_others_after_them():
    parts = [(Conversation(name, TRAIN[1].utterances),) for name in "abcd"]
    corpus = make_corpus("o", dict(zip(("late", "test", "dev", "train"), parts)))
    assert list(corpus.splits) == ["train", "dev", "test", "late"] and corpus.splits["late"] == parts[0]


@pytest.mark.parametrize("splits, labels, message", [
    ({}, None, r"^o has no splits: expected one at least, such as 'train'$"),
    ({"train": ()}, None, r"^split 'train' of o is empty: expected one conversation at least$"),
    ({"train": (Conversation("e", ()),)}, None, r"^conversation 'e' is empty: expected one utterance at least$"),
    ({"train": (Conversation("e", (Utterance("a", "b"), Utterance(" \t", "b"))),)}, None,
     r"^utterance 2 of conversation 'e' is ' \\t': expected words$"),
    ({"train": (Conversation("e", (Utterance("a", 3),)),)}, None, r"^the label of utterance 1 of conversation 'e' is 3: exp"),
    ({"train": (Conversation("e", (Utterance("a", None),)),), "test": TRAIN}, None,
     r"^o has no label in its training split: expected some utterances to be labelled$"),
    ({"test": (Conversation("e", (Utterance("a", None),)),)}, None, r"^o has no label in any split: expected"),
    ({"train": TRAIN, "dev": TRAIN[:1]}, None, r"^2 conversations are called 'a': expected a name of its own for each, over"),
    ({"train": TRAIN, "test": (Conversation("d", (Utterance("a", "orders"),)),)}, None,
     r"^unknown label in split 'test' of o 'orders': did you mean 'order'\? choose from order, question$"),
    ({"train": TRAIN[1:], "test": TRAIN[:1]}, ("order", "question"),
     r"^label 'order' in split 'test' of o never occurs in the training split: expected one of question$"),
], ids=str)
def test_a_corpus_whose_parts_do_not_fit_is_refused_in_one_line(splits, labels, message):
    with pytest.raises(ValueError, match=message):
        make_corpus("o", splits, labels)


def test_cutting_loses_no_utterance_and_no_order():
    whole = chain((7, 3, 4, 1))
    pieces = cut(whole, 3)
    assert [len(piece.utterances) for piece in pieces] == [3, 3, 1, 3, 3, 1, 1]
    assert [u for piece in pieces for u in piece.utterances] == [u for one in whole for u in one.utterances]
    assert pieces[3] == whole[1] and pieces[1].name == "c0, part 2" and len({piece.name for piece in pieces}) == 7
    assert cut(whole, 7) == whole
    with pytest.raises(ValueError, match=r"^longest=0: expected a whole number of at least 1$"):
        cut(whole, 0)


# ---- words -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, expected", [
    ("Y'know WHAT?!", ["y'know", "what", "?", "!"]), ("It\u2019s 3.5 %", ["it's", "3", ".", "5", "%"]),
    ("'tis\u2026 caf\u00e9-bar", ["'", "tis", "\u2026", "caf\u00e9", "-", "bar"]), (" \u00a0\n", []), ("a_b", ["a_b"])])
def test_words_are_runs_of_letters_with_inner_apostrophes_and_single_marks(text, expected):
    assert words(text) == expected


def test_the_vocabulary_is_that_of_training_most_frequent_first_then_by_alphabet():
    vocabulary = make_vocabulary(CORPUS)
    assert vocabulary.symbols == ("[PAD]", "[UNK]", "go", ",", "why", "!", "?", "ask", "don't", "just", "\u2014")
    assert all(vocabulary.symbols[i] == word for word, i in vocabulary.ids.items()) and len(vocabulary.ids) == 9
    assert word_ids(vocabulary, "Stop! WHY go?") == [1, 5, 4, 2, 6]


def test_rare_words_are_left_out_and_special_symbols_are_no_words():
    vocabulary = make_vocabulary(CORPUS, minimum_count=2)
    assert vocabulary.symbols == ("[PAD]", "[UNK]", "go", ",", "why")
    assert word_ids(vocabulary, "[PAD] ask") == [1, 1, 1, 1]


@pytest.mark.parametrize("arguments, message", [
    ((TRAIN,), r"^corpus is a tuple: expected a Corpus$"), ((CORPUS, 0), r"^minimum_count=0: expected a whole number"),
    ((CORPUS, 6), r"^minimum_count=6: no word of orders is said so often, expected 5 or fewer$"),
    ((make_corpus("o", {"test": TRAIN}),), r"^unknown split of o 'train': .*choose from test$")])
def test_a_vocabulary_that_cannot_be_made_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_vocabulary(*arguments)


# ---- arrays ----------------------------------------------------------------------------------------------------------

def test_arrays_hold_what_a_loop_over_the_words_finds_and_padding_is_zero_on_the_right():
    vocabulary = make_vocabulary(CORPUS)
    made = encode(TRAIN, vocabulary, CORPUS.labels)
    assert made.tokens.shape == made.real.shape == (2, 3, 6) and made.labels.shape == (2, 3)
    assert made.tokens.dtype == made.labels.dtype == np.int64 and made.real.dtype == bool
    assert made.vocabulary == len(made.symbols) == 11 and made.label_names == ("order", "question")
    for c, conversation in enumerate(TRAIN):
        for u in range(3):
            said = conversation.utterances[u] if u < len(conversation.utterances) else Utterance("", None)
            found = words(said.text)
            for t in range(6):
                assert made.real[c, u, t] == (t < len(found))
                assert made.tokens[c, u, t] == (vocabulary.symbols.index(found[t]) if t < len(found) else 0)
            assert made.labels[c, u] == (-1 if said.label is None else CORPUS.labels.index(said.label))
    assert made.real.any(-1).tolist() == [[True, True, True], [True, False, False]]


def test_every_split_of_a_corpus_is_encoded_with_the_same_ids_and_words_of_the_test_alone_are_unknown():
    made = encode_corpus(CORPUS, make_vocabulary(CORPUS))
    assert list(made) == ["train", "test"] and made["test"].tokens.tolist() == [[[1, 5, 4, 6], [2, 0, 0, 0]]]
    assert made["test"].labels.tolist() == [[1, 0]] and 1 not in made["train"].tokens


def test_neither_a_long_utterance_nor_a_long_conversation_is_shortened():
    long = (Conversation("l", (Utterance("go " * 900, "order"),)), Conversation("m", 700 * (Utterance("go ask", "order"),)))
    assert encode(long[:1], make_vocabulary(CORPUS), CORPUS.labels).real.sum() == 900
    assert encode(long[1:], make_vocabulary(CORPUS), CORPUS.labels).real.sum() == 1400


def test_a_conversation_longer_than_the_limit_is_refused_by_name_and_allowed_at_the_limit():
    vocabulary = make_vocabulary(CORPUS)
    assert encode(TRAIN, vocabulary, CORPUS.labels, longest_conversation=3).tokens.shape[1] == 3
    message = r"^conversation 'a' has 3 utterances: expected 2 or fewer; cut\(conversations, 2\) makes pieces of it$"
    with pytest.raises(ValueError, match=message):
        encode_corpus(CORPUS, vocabulary, longest_conversation=2)
    assert encode(cut(TRAIN, 2), vocabulary, CORPUS.labels, longest_conversation=2).tokens.shape[:2] == (3, 2)


@pytest.mark.parametrize("conversations, names, message", [
    ((), CORPUS.labels, r"^no conversations: expected one at least$"),
    ((Conversation("e", ()),), CORPUS.labels, r"^conversation 'e' is empty: expected one utterance"),
    ((Conversation("e", (Utterance("\n", None),)),), CORPUS.labels, r"^utterance 1 of conversation 'e' is '\\n': expected"),
    (TRAIN, ("orders", "question"), r"^unknown label in conversation 'a' 'order': did you mean 'orders'\? choose from orders")])
def test_what_cannot_be_encoded_is_refused(conversations, names, message):
    with pytest.raises(ValueError, match=message):
        encode(conversations, make_vocabulary(CORPUS), names)


# ---- batches ---------------------------------------------------------------------------------------------------------

def test_selecting_takes_the_rows_in_the_order_asked_for():
    made = encoded((2, 5, 3))
    chosen = select(made, [2, 0])
    for name in ("tokens", "real", "labels"):
        assert np.array_equal(getattr(chosen, name), np.stack([getattr(made, name)[2], getattr(made, name)[0]]))
    assert chosen[3:] == made[3:]


@pytest.mark.parametrize("indices", [[], [3], [-1], [0.0], [[0]], [True, False, True], None])
def test_indices_that_select_no_conversation_are_refused(indices):
    with pytest.raises(ValueError, match=r"^indices (of shape|from).*: expected"):
        select(encoded((2, 5, 3)), indices)


def test_trimming_removes_shared_padding_only():
    made = encoded((2, 5, 3))
    short = trim(select(made, [0]))
    assert short.tokens.shape == short.real.shape == (1, 2, 4) and short.labels.shape == (1, 2) and short.real[0, 1, 3]
    assert np.array_equal(short.tokens, made.tokens[:1, :2, :4]) and made.tokens.shape == (3, 5, 6)


def test_the_longest_come_first_and_equal_ones_keep_their_order():
    assert longest_first(encoded((2, 5, 3, 5, 2, 3))).tolist() == [1, 3, 2, 5, 0, 4]


@pytest.mark.parametrize("order", [None, "longest first", "random"])
@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_what_a_batch_answers_goes_back_to_its_own_conversation(order, size):
    made = encoded((2, 5, 3, 1, 5, 4, 2))
    order = {"longest first": longest_first(made), "random": np.random.default_rng(1).permutation(7), None: None}[order]
    parts = batches(made, size, order)
    assert [len(indices) for indices, _ in parts] == [size] * (7 // size) + [7 % size] * (7 % size > 0)
    answers = []
    for indices, part in parts:
        assert part.tokens.shape[1:] == (part.real.any((0, 2)).sum(), part.real.any((0, 1)).sum())
        for row, c in zip(part.tokens, indices):
            assert [t for t in row.ravel() if t] == [t for t in made.tokens[c].ravel() if t]  # utterances keep their order
        answers += [row[row > 0].sum() for row in part.tokens]
    visited = np.concatenate([indices for indices, _ in parts])
    assert put_back(visited, answers).tolist() == [row[row > 0].sum() for row in made.tokens]
    assert len({row[row > 0].sum() for row in made.tokens}) == 7  # each conversation is told from all others


def test_putting_back_undoes_any_order_of_any_rows():
    rng = np.random.default_rng(2)
    rows, order = rng.normal(size=(9, 4, 2)), rng.permutation(9)
    assert np.array_equal(put_back(order, rows[order]), rows) and not np.array_equal(rows[order][order], rows)


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1], [1, 2, 3], 0, [0.0, 1.0, 2.0], [[0, 1, 2]], [2, 1, -3], None])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ValueError, match=r"^order of shape .*: expected each of 0 to 2 once$"):
        put_back(order, np.ones((3, 2)))
    if order is not None:
        with pytest.raises(ValueError, match=r"^order of shape .*: expected each of 0 to 2 once$"):
            batches(encoded((2, 5, 3)), 2, order)


def test_a_number_is_no_rows():
    with pytest.raises(ValueError, match=r"^rows is a number: expected a row for each conversation$"):
        put_back([0], 3.0)


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_batches_of_no_size_are_refused(size):
    with pytest.raises(ValueError, match=rf"^size={size}: expected a whole number of at least 1$"):
        batches(encoded((2, 5, 3)), size)


# ---- splits ----------------------------------------------------------------------------------------------------------

def test_a_split_is_by_conversation_disjoint_complete_in_order_and_seeded():
    whole = chain(range(1, 24))
    parts = split_conversations(whole, np.random.default_rng(3), {"dev": 0.1, "test": 0.26})
    assert {name: len(part) for name, part in parts.items()} == {"train": 15, "dev": 2, "test": 6}
    assert sorted(c.name for part in parts.values() for c in part) == sorted(c.name for c in whole)
    assert all(list(part) == sorted(part, key=lambda c: int(c.name[1:])) for part in parts.values())
    assert all(c in whole for part in parts.values() for c in part)  # no utterance left its conversation
    assert parts == split_conversations(whole, np.random.default_rng(3), {"dev": 0.1, "test": 0.26})
    assert parts != split_conversations(whole, np.random.default_rng(4), {"dev": 0.1, "test": 0.26})
    assert parts["test"] != whole[-6:] and parts["train"] != whole[:15]


def test_a_small_share_is_one_conversation_at_least():
    parts = split_conversations(chain((1, 2, 3)), np.random.default_rng(0), {"dev": 0.01})
    assert {name: len(part) for name, part in parts.items()} == {"train": 2, "dev": 1}


def test_holding_out_takes_from_training_and_leaves_the_other_splits():
    corpus = make_corpus("o", {"train": chain(range(1, 11)), "test": (Conversation("t", (Utterance("w", "x"),)),)}, ("y", "x"))
    held = hold_out(corpus, np.random.default_rng(0), {"dev": 0.3})
    assert {name: len(part) for name, part in held.splits.items()} == {"train": 7, "test": 1, "dev": 3}
    assert held.splits["test"] == corpus.splits["test"] and held.labels == ("y", "x") and len(corpus.splits["train"]) == 10
    assert set(held.splits["train"]) | set(held.splits["dev"]) == set(corpus.splits["train"])


@pytest.mark.parametrize("rng, shares, message", [
    (0, {"dev": 0.1}, r"^rng=0: expected a numpy.random.Generator"), (None, {"dev": 0.1}, r"^rng=None: expected a numpy"),
    ("ok", {}, r"^shares=\{\}: expected the share of each split but 'train'"),
    ("ok", None, r"^shares=None: expected the share"),
    ("ok", {"train": 0.5}, r"^shares=\{'train': 0.5\}: expected the share of each split but 'train'"),
    ("ok", {"dev": 0}, r"^shares\['dev'\]=0.0: expected a share between 0 and 1"),
    ("ok", {"dev": 1.0}, r"^shares\['dev'\]=1.0: expected a share between 0 and 1"),
    ("ok", {"dev": float("nan")}, r"^shares\['dev'\]=nan: expected a share"),
    ("ok", {"dev": "x"}, r"^shares\['dev'\]='x': expected"),
    ("ok", {"dev": 0.5, "late": 0.5}, r"^4 conversations and shares=.*: expected one or more to be left for training$"),
    ("ok", {"test": 0.5}, r"^o has a split 'test': expected a name that it lacks$")])
def test_shares_that_make_no_split_are_refused(rng, shares, message):
    corpus = make_corpus("o", {"train": chain((1, 2, 3, 4)), "test": (Conversation("t", (Utterance("w", "x"),)),)})
    with pytest.raises(ValueError, match=message):
        hold_out(corpus, np.random.default_rng(0) if rng == "ok" else rng, shares)


def test_holding_out_needs_a_training_split():
    with pytest.raises(ValueError, match=r"^o has no training split: expected one to take from$"):
        hold_out(make_corpus("o", {"test": TRAIN}), np.random.default_rng(0), {"dev": 0.5})


# ---- the whole history as one utterance ------------------------------------------------------------------------------

def test_the_joined_history_of_a_label_is_all_that_was_said_up_to_it():
    rng = np.random.default_rng(0)
    lengths = np.array([[2, 1, 3], [1, 3, 0]])
    real = np.arange(4) < lengths[..., None]
    tokens = np.where(real, rng.integers(2, 9, real.shape), 0)
    labels = np.array([[-1, 4, 0], [3, 1, -1]])
    made = joined(Conversations(tokens, real, labels, 9, ("a",) * 5, ("x",) * 9))
    expected = [(0, 2, 4), (0, 3, 0), (1, 1, 3), (1, 2, 1)]
    assert made.tokens.shape == (4, 1, 6) and made.labels[:, 0].tolist() == [label for *_, label in expected]
    for row, (c, utterances, _) in enumerate(expected):
        said = [token for u in range(utterances) for token in tokens[c, u, :lengths[c, u]]]
        assert made.tokens[row, 0].tolist() == said + [0] * (6 - len(said))
        assert made.real[row, 0].tolist() == [True] * len(said) + [False] * (6 - len(said))


def test_a_history_without_a_label_is_refused():
    data = make_conversations("cue_recall", np.random.default_rng(0), 4)
    with pytest.raises(ValueError, match="no labelled utterance: expected at least one"):
        joined(data._replace(labels=np.full_like(data.labels, -1)))
