"""Laws of the tasks on real text."""

import hashlib
import math

import numpy as np
import pytest

from minires.tasks import decode, encode, make_task
from minires.tasks.text import bigram_entropy, read_text, unigram_entropy

NAMES = ["characters", "masked_characters"]
CJK = "".join(chr(0x4E00 + i) for i in range(1000))  # every character once, in order: its id is its position


@pytest.fixture
def write(tmp_path):
    def write(content, name="text.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)
    return write


def slow_entropies(ids):
    """Both entropies by loops over the definition, H(X) = -sum p(x) ln p(x), H(X2|X1) = -sum p(a,b) ln p(b|a)."""
    unigram = 0.0
    for a in set(ids):
        p = ids.count(a) / len(ids)
        unigram -= p * math.log(p)
    pairs = list(zip(ids, ids[1:]))
    bigram = 0.0
    for a, b in set(pairs):
        after_a = sum(1 for first, _ in pairs if first == a)
        bigram -= pairs.count((a, b)) / len(pairs) * math.log(pairs.count((a, b)) / after_a)
    return unigram, bigram


@pytest.mark.parametrize("name", NAMES)
def test_text_batches_have_the_promised_shapes_and_types(name):
    task = make_task(name, length=20)
    for source in (task.batch, task.validation):
        batch = source(np.random.default_rng(0), 7)
        assert set(batch.inputs) == {"tokens"}
        for array, dtype in [(batch.inputs["tokens"], np.int64), (batch.targets, np.int64),
                             (batch.weights, np.float64)]:
            assert array.shape == (7, 20) and array.dtype == dtype
    assert task.kind == {"characters": "decoder", "masked_characters": "encoder"}[name]
    assert task.vocabulary == len(set(task.symbols)) and task.length == 20
    assert task.bayes == {"loss": None, "accuracy": None}


def test_character_targets_are_the_next_tokens_and_all_count():
    batch = make_task("characters").batch(np.random.default_rng(0), 50)
    np.testing.assert_array_equal(batch.targets[:, :-1], batch.inputs["tokens"][:, 1:])
    np.testing.assert_array_equal(batch.weights, np.ones((50, 64)))


def test_every_sequence_is_a_stretch_of_the_text():
    text = read_text()
    task = make_task("characters")
    batch = task.batch(np.random.default_rng(0), 50)
    for tokens, target in zip(batch.inputs["tokens"], batch.targets):
        assert decode(task.symbols, np.append(tokens, target[-1])) in text
    masked = make_task("masked_characters")
    for target in masked.batch(np.random.default_rng(0), 50).targets:
        assert decode(masked.symbols, target) in text


@pytest.mark.parametrize("name", NAMES)
def test_validation_never_overlaps_training_and_both_reach_their_ends(name, write):
    task = make_task(name, text=write(CJK), length=9)
    assert "".join(task.symbols[:1000]) == CJK
    rng = np.random.default_rng(0)
    seen = {}
    for part, source in [("training", task.batch), ("validation", task.validation)]:
        batch = source(rng, 20000)
        visible = [batch.targets] if name == "masked_characters" else [batch.targets, batch.inputs["tokens"]]
        seen[part] = set(np.unique(np.concatenate(visible)))
    assert seen["training"] == set(range(900)) and seen["validation"] == set(range(900, 1000))


@pytest.mark.parametrize("length, needed", [(9, 100), (1, 20)])
def test_the_shortest_text_allowed_works_and_one_character_less_is_an_error(length, needed, write):
    task = make_task("characters", text=write(CJK[:needed]), length=length)
    batch = task.validation(np.random.default_rng(0), 5)
    np.testing.assert_array_equal(batch.targets, np.tile(np.arange(needed - length, needed), (5, 1)))
    message = rf"^text .* has {needed - 1} characters: expected {needed} or more for length {length}, .* held out$"
    with pytest.raises(ValueError, match=message):
        make_task("characters", text=write(CJK[:needed - 1]), length=length)


def test_masking_is_bert_s_15_percent_of_which_80_10_10():
    task = make_task("masked_characters")
    batch = task.batch(np.random.default_rng(0), 4000)
    tokens, chosen, mask = batch.inputs["tokens"], batch.weights == 1, task.vocabulary - 1
    assert task.symbols[mask] == "[MASK]" and set(np.unique(batch.weights)) == {0.0, 1.0}
    count = chosen.sum()
    characters = task.vocabulary - 1
    masked, same = (tokens == mask)[chosen].mean(), (tokens == batch.targets)[chosen].mean()
    for share, expected, of in [(chosen.mean(), 0.15, chosen.size), (masked, 0.8, count),
                                (same, 0.1 + 0.1 / characters, count),
                                (1 - masked - same, 0.1 - 0.1 / characters, count)]:
        assert abs(share - expected) < 4 * (expected * (1 - expected) / of) ** 0.5
    np.testing.assert_array_equal(tokens[~chosen], batch.targets[~chosen])


def test_positions_are_masked_alike_everywhere():
    batch = make_task("masked_characters", length=5).batch(np.random.default_rng(0), 20000)
    # with 5 positions the rule "at least one" adds the chance of none, 0.85 ** 5, shared evenly
    expected = 0.15 + 0.85 ** 5 / 5
    np.testing.assert_allclose(batch.weights.mean(axis=0), expected, atol=4 * (0.25 / 20000) ** 0.5)


@pytest.mark.parametrize("length", [1, 3, 64])
def test_every_sequence_has_something_to_predict(length):
    batch = make_task("masked_characters", length=length).batch(np.random.default_rng(0), 5000)
    assert batch.weights.sum(axis=1).min() >= 1


def test_random_replacements_are_uniform_over_the_characters(write):
    task = make_task("masked_characters", text=write("a" * 500 + "bcde"), length=9)
    batch = task.batch(np.random.default_rng(0), 20000)
    tokens, mask = batch.inputs["tokens"], 5
    counts = np.bincount(tokens[(batch.weights == 1) & (tokens != mask)], minlength=5)  # training text is all "a"
    assert counts.size == 5 and counts[1:].sum() > 1000
    expected = counts[1:].sum() / 4
    assert np.sum((counts[1:] - expected) ** 2 / expected) < 3 + 5 * 6 ** 0.5
    masked = (tokens == mask)[batch.weights == 1]
    assert abs(masked.mean() - 0.8) < 4 * 0.4 / masked.size ** 0.5  # so MASK is never a random replacement


@pytest.mark.parametrize("name", NAMES)
def test_the_uniform_predictor_over_characters_is_at_chance_level(name):
    task = make_task(name)
    characters = sum(len(symbol) == 1 for symbol in task.symbols)
    probability = np.append(np.full(characters, 1 / characters), np.zeros(task.vocabulary - characters))
    batch = task.batch(np.random.default_rng(0), 100)
    counted = batch.targets[batch.weights == 1]
    np.testing.assert_allclose(-np.log(probability[counted]).mean(), task.chance["loss"], rtol=1e-12)
    guesses = np.random.default_rng(1).integers(characters, size=200000)
    drawn = np.random.default_rng(2).choice(counted, size=200000)
    assert abs((guesses == drawn).mean() - task.chance["accuracy"]) < 4 * (0.01 / 200000) ** 0.5


def test_entropies_are_those_of_the_definition():
    ids = [0, 0, 1, 0, 2, 0, 0, 1, 1, 2, 0, 1, 0, 0, 3]  # the last is seen nowhere else, the counts are asymmetric
    unigram, bigram = slow_entropies(ids)
    np.testing.assert_allclose(unigram_entropy(np.array(ids)), unigram, rtol=1e-12)
    np.testing.assert_allclose(bigram_entropy(np.array(ids)), bigram, rtol=1e-12)
    assert abs(slow_entropies(ids[::-1])[1] - bigram) > 0.01  # so a transposed formula would be seen


def test_entropies_of_degenerate_texts_are_exactly_zero():
    assert unigram_entropy([5, 5, 5]) == bigram_entropy([5, 5, 5]) == bigram_entropy([0, 1] * 50) == 0
    assert math.copysign(1, unigram_entropy([5, 5])) == math.copysign(1, bigram_entropy([5, 5])) == 1


def test_entropies_of_too_few_tokens_are_errors():
    with pytest.raises(ValueError, match="^0 tokens: expected 1 or more$"):
        unigram_entropy([])
    with pytest.raises(ValueError, match="^1 tokens: expected 2 or more, to have a pair$"):
        bigram_entropy([3])


def test_independent_tokens_have_equal_entropies_and_a_chain_has_less():
    rng = np.random.default_rng(0)
    ids = rng.choice(3, p=[0.5, 0.3, 0.2], size=100000)
    assert abs(unigram_entropy(ids) - bigram_entropy(ids)) < 1e-3
    assert bigram_entropy(np.repeat(ids, 2)) < unigram_entropy(ids) - 0.1


def test_references_are_the_entropies_of_the_text(write):
    text = "the cat sat on the mat; that is that. " * 5
    task = make_task("characters", text=write(text), length=9)
    unigram, bigram = slow_entropies(encode(task.symbols, text).tolist())
    np.testing.assert_allclose(task.references["unigram entropy"], unigram, rtol=1e-12)
    np.testing.assert_allclose(task.references["bigram entropy"], bigram, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_default_text_has_its_known_entropies(name):
    task = make_task(name)
    assert abs(task.references["unigram entropy"] - 3.25) < 0.1  # the text varies a little with the Python version
    assert abs(task.references["bigram entropy"] - 2.46) < 0.1
    assert 80 < task.vocabulary < 200 and task.chance["loss"] > task.references["unigram entropy"]


@pytest.mark.parametrize("sample", ["Это проверка — ", "これは日本語です。", "שלום עולם ", "𝔘𝔫𝔦 😀🙂 "])
def test_any_script_is_read(sample, write):
    text = sample * 40
    task = make_task("characters", text=write(text), length=12)
    assert task.symbols == tuple(sorted(set(text))) and task.vocabulary == len(set(text))
    assert decode(task.symbols, task.batch(np.random.default_rng(0), 1).inputs["tokens"][0]) in text


def test_a_byte_order_mark_and_windows_newlines_change_nothing(write):
    lines = [f"line {i} of a small text" for i in range(20)]
    plain = make_task("characters", text=write("\n".join(lines), "plain.txt"), length=9)
    windows = make_task("characters", text=write("\ufeff" + "\r\n".join(lines), "windows.txt"), length=9)
    assert windows.symbols == plain.symbols and "\r" not in windows.symbols and "\ufeff" not in windows.symbols
    assert windows.options["sha256"] == plain.options["sha256"]
    np.testing.assert_array_equal(windows.batch(np.random.default_rng(0), 5).targets,
                                  plain.batch(np.random.default_rng(0), 5).targets)


def test_the_options_hold_the_sha256_of_the_text(write):
    path = write("abc" * 100)
    options = make_task("characters", text=path, length=9).options
    assert options == {"text": path, "length": 9, "sha256": hashlib.sha256(b"abc" * 100).hexdigest()}


def test_a_changed_text_is_an_error(write):
    path = write("abc" * 100)
    options = make_task("masked_characters", text=path, length=9).options
    assert make_task("masked_characters", **options).options == options
    write("abd" * 100)
    with pytest.raises(ValueError, match=rf"^the text has changed: text .*text.txt' has sha256 \w+, "
                                         rf"expected {options['sha256']}$"):
        make_task("masked_characters", **options)


def test_a_path_object_is_a_path(tmp_path, write):
    path = write("abc" * 100)
    assert make_task("characters", text=tmp_path / "text.txt", length=9).options["text"] == path


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_cannot_be_read_is_an_error_of_one_line(name, tmp_path, write):
    file = write("abc" * 100)
    for path in (tmp_path / "missing.txt", tmp_path, tmp_path / "two\nlines", file + "/below", tmp_path / ("x" * 5000)):
        with pytest.raises(ValueError) as error:
            make_task(name, text=path)
        message = str(error.value)
        assert message.startswith(f"text {str(path)!r} cannot be read (") and "\n" not in message
        assert message.endswith("): expected a UTF-8 text file")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_bytes_that_are_not_utf8_are_named(start, write):
    path = write(start + "é".encode() + b"abc\xff" + b"abc" * 300)
    with pytest.raises(ValueError, match=rf"' is not UTF-8 at byte {len(start) + 5}: expected a UTF-8 text file$"):
        make_task("characters", text=path)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_text_is_an_error(content, write):
    with pytest.raises(ValueError, match=r"^text .*text.txt' is empty: expected 650 characters or more$"):
        make_task("characters", text=write(content))


@pytest.mark.parametrize("text", [3, True, b"text.txt", ["text.txt"]])
def test_a_text_that_is_no_path_is_an_error(text):
    with pytest.raises(ValueError, match=r"^text is .*: expected the path of a UTF-8 text file, or None for .*topics$"):
        make_task("characters", text=text)
