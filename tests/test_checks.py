"""Bad input: each error is one line that says what was given, what was expected, and the nearest valid choice."""

import copy
import traceback

import numpy as np
import pytest

from minires import VARIANTS, Residual, Transformer, decode, flatten, generate, unflatten
from minires.checks import HEADS, KINDS, POSITIONS, check_inputs, check_parameters, divisors, nearest_multiple
from minires.errors import one_of, require

SIZES = {"kind": "decoder", "vocabulary": 7, "layers": 2, "width": 8, "heads": 4, "kv_heads": 2, "feed_forward": 5,
         "maximum_length": 6}
TOKENS = np.array([[3, 1, 4], [2, 6, 5]])
SOURCE = np.array([[1, 6, 2, 0], [5, 5, 4, 3]])


def describe(**changes):
    return Transformer(**{**SIZES, **changes})


def rng():
    return np.random.default_rng(0)


def run(tokens=TOKENS, changes=(), **inputs):
    """apply with initial parameters."""
    model = describe(**dict(changes))
    return model.apply(model.init(rng()), tokens, **inputs)


def run_pair(tokens=TOKENS, changes=(), **inputs):
    """apply of an encoder_decoder."""
    return run(tokens, {"kind": "encoder_decoder", **dict(changes)}, **inputs)


def run_with(name, value):
    """apply with one parameter replaced (or, for None, removed)."""
    model = describe()
    flat = flatten(model.init(rng()))
    flat[name] = value
    return model.apply(unflatten({name: array for name, array in flat.items() if array is not None}), TOKENS)


def run_cached(tokens=TOKENS, changes=(), **inputs):
    """decode three tokens, then `tokens`."""
    model = describe(**dict(changes))
    params = model.init(rng())
    _, cache = decode(model, params, TOKENS)
    return decode(model, params, tokens, cache, **inputs)


def continue_(tokens=TOKENS, steps=2, generator=None, **inputs):
    """generate with initial parameters."""
    model = describe()
    return generate(model, model.init(rng()), tokens, steps, generator, **inputs)


def refusal(call):
    """The message of the ValueError that minires itself raises, or the failure of the test."""
    with pytest.raises(ValueError) as caught:
        call()
    message, raised_in = str(caught.value), traceback.extract_tb(caught.tb)[-1].filename
    assert raised_in.endswith("errors.py"), f"not refused by a check but in {raised_in}: {message}"
    assert message and "\n" not in message and len(message) < 400
    return message


# ---- the wording -----------------------------------------------------------------------------------------------------

NAMES = ", ".join(VARIANTS)
WORDING = [
    # description
    (lambda: describe(kind="decodr"), "unknown kind 'decodr': did you mean 'decoder'? choose from " + ", ".join(KINDS)),
    (lambda: describe(variant="realformr"),
     f"unknown variant 'realformr': did you mean 'realformer'? choose from {NAMES}"),
    (lambda: describe(variant="qqq"), f"unknown variant 'qqq': choose from {NAMES}"),
    (lambda: describe(positions="rotory"),
     "unknown positions 'rotory': did you mean 'rotary'? choose from " + ", ".join(POSITIONS)),
    (lambda: describe(norm="layernorm"), "unknown norm 'layernorm': did you mean 'layer'? choose from layer, rms"),
    (lambda: describe(placement="pro"),
     "unknown norm placement 'pro': did you mean 'pre'? choose from post, pre, sandwich, output"),
    (lambda: describe(activation="gelu_ref"),
     "unknown activation 'gelu_ref': did you mean 'gelu_erf'? choose from gelu_tanh, gelu_erf, relu, swiglu"),
    (lambda: describe(head="masked"),
     "unknown head 'masked': did you mean 'masked_lm'? choose from " + ", ".join(HEADS)),
    (lambda: describe(width=10), "width=10 is not divisible by heads=4: the nearest width that is is 8"),
    (lambda: describe(width=3), "width=3 is not divisible by heads=4: the nearest width that is is 4"),
    (lambda: describe(kv_heads=3), "heads=4 is not divisible by kv_heads=3: expected one of 1, 2, 4"),
    (lambda: describe(positions="rotary", width=12),
     "rotary positions turn pairs of channels: head width 3 is odd, expected an even one"),
    (lambda: describe(positions="rotary", head_width=5),
     "rotary positions turn pairs of channels: head width 5 is odd, expected an even one"),
    (lambda: describe(positions="sinusoidal", width=9, heads=3, kv_heads=1),
     "sinusoidal positions: width=9 is odd, expected even"),
    (lambda: describe(dropout=1.0), "dropout=1.0: expected a rate in [0, 1)"),
    (lambda: describe(dropout=-0.1), "dropout=-0.1: expected a rate in [0, 1)"),
    (lambda: describe(dropout=float("nan")), "dropout=nan: expected a rate in [0, 1)"),
    (lambda: describe(window=0), "window=0: expected None or whole numbers of at least 1"),
    (lambda: describe(window=(3, 2.5)), "window=(3, 2.5): expected None or whole numbers of at least 1"),
    (lambda: describe(window=(3, 2, 1)), "window has 3 entries, expected one per layer (2)"),
    (lambda: describe(variant="resformer", options={"lambda": 2.0}),
     "unknown option of resformer 'lambda': did you mean 'lambda_2'? choose from lambda_1, lambda_2"),
    (lambda: describe(variant="resformer_plus", options={"span": "2.L"}),
     "unknown span '2.L': did you mean '2..L'? choose from 2..L, 1..L"),
    (lambda: describe(variant="svformer", options={"anchors": (2,)}),
     "anchors (2,): layer 1 must own its values, expected 1 among the anchors"),
    (lambda: describe(variant="resformer_sparse", options={"layers": [1]}),
     "layers [1]: expected layer numbers from 2 on (layer 1 has nothing to reuse)"),
    (lambda: describe(variant=Residual(), placement="pre"),
     "a Residual record of your own takes no placement and no options"),
    *((lambda name=name, size=size: describe(**{name: size}), f"{name}={size!r}: expected a whole number of at least 1")
      for name in ("vocabulary", "layers", "width", "heads", "kv_heads", "head_width", "feed_forward", "maximum_length")
      for size in (0, -3, 2.0, "8", [8])),
    (lambda: describe().init(rng(), "float16"),
     "unknown dtype 'float16': did you mean 'float64'? choose from float32, float64"),
    (lambda: describe().init(rng(), int),
     "unknown dtype 'int64': did you mean 'float64'? choose from float32, float64"),
    # ids
    (lambda: run([[7, 1]]), "tokens: id 7 is out of range, expected 0 to 6"),
    (lambda: run([[-1, 1]]), "tokens: id -1 is out of range, expected 0 to 6"),
    (lambda: run([[1.0, 2.0]]), "tokens are float64, expected whole numbers"),
    (lambda: run([[True, False]]), "tokens are bool, expected whole numbers"),
    (lambda: run([["a", "b"]]), "tokens are <U1, expected whole numbers"),
    (lambda: run([1, 2, 3]), "tokens have shape (3,), expected (batch, time), both at least 1"),
    (lambda: run("abc"), "tokens have shape (), expected (batch, time), both at least 1"),
    (lambda: run(None), "tokens have shape (), expected (batch, time), both at least 1"),
    (lambda: run(np.zeros((2, 0), int)), "tokens have shape (2, 0), expected (batch, time), both at least 1"),
    (lambda: run(np.zeros((0, 3), int)), "tokens have shape (0, 3), expected (batch, time), both at least 1"),
    (lambda: run(np.zeros((1, 7), int)), "tokens: 7 are longer than the 6 learned positions (maximum_length)"),
    (lambda: run_cached(np.zeros((2, 4), int)), "tokens: 7 are longer than the 6 learned positions (maximum_length)"),
    (lambda: run_pair(), "an encoder_decoder needs source=, the ids that its encoder reads"),
    (lambda: run_pair(source=SOURCE[:1]), "source has 1 sequences, tokens have 2"),
    (lambda: run_pair(source=SOURCE + 1), "source: id 7 is out of range, expected 0 to 6"),
    (lambda: run_pair(source=np.zeros((2, 7), int)),
     "source: 7 are longer than the 6 learned positions (maximum_length)"),
    (lambda: run(segments=TOKENS), "this model has no segments: describe it with segments=2 (or more)"),
    (lambda: run(changes={"segments": 2}, segments=TOKENS), "segments: id 3 is out of range, expected 0 to 1"),
    (lambda: run(changes={"segments": 9}, segments=TOKENS[:, :2]), "segments have shape (2, 2), expected (2, 3)"),
    # masks
    (lambda: run(padding=np.ones((2, 3))), "padding is float64, expected booleans, True at real tokens"),
    (lambda: run(padding=np.ones((3, 2), bool)), "padding has shape (3, 2), expected (2, 3)"),
    (lambda: run(padding=True), "padding has shape (), expected (2, 3)"),
    (lambda: run_cached(TOKENS[:, :1], padding=np.ones((2, 1), bool)), "padding has shape (2, 1), expected (2, 4)"),
    (lambda: run_pair(source=SOURCE, source_padding=np.ones((2, 3), bool)),
     "source_padding has shape (2, 3), expected (2, 4)"),
    (lambda: run(mask=np.zeros((3, 4))),
     "mask has shape (3, 4), expected one that broadcasts to (2, 4, 3, 3) (batch, heads, queries, keys)"),
    (lambda: run(mask=np.zeros((2, 3, 3))),
     "mask has shape (2, 3, 3), expected one that broadcasts to (2, 4, 3, 3) (batch, heads, queries, keys)"),
    (lambda: run(mask=np.zeros((3, 3), bool)),
     "mask is bool, expected floats to add to the scores (minires.additive(visible) makes them)"),
    (lambda: run(mask=np.full((3, 3), np.nan)), "mask has NaN or +inf entries"),
    (lambda: run(mask=np.full((3, 3), np.inf)), "mask has NaN or +inf entries"),
    (lambda: run(mask=[None, None, None]), "mask is a list of 3, expected one per layer (2)"),
    (lambda: run(bias=[None, None]), "bias is a list of 2, expected one per layer (2)"),
    (lambda: run(bias=np.zeros((2, 3, 3))),
     "bias has shape (2, 3, 3), expected one that broadcasts to (2, 4, 3, 3) (batch, heads, queries, keys)"),
    # names
    (lambda: run(source=SOURCE),
     "source has no use in a model of kind decoder: it takes bias, mask, padding, rng, segments"),
    (lambda: run(paddign=None),
     "paddign has no use in a model of kind decoder: it takes bias, mask, padding, rng, segments"),
    (lambda: run_pair(memory=SOURCE), "memory has no use in a model of kind encoder_decoder: "
                                      "it takes bias, mask, padding, rng, segments, source, source_padding"),
    # parameters
    (lambda: run_with("layers.1.attention.W_q", None),
     "parameter layers.1.attention.W_q is missing: these parameters are of another model"),
    (lambda: run_with("layers.1.attention.W_z", np.zeros((8, 8))),
     "parameter layers.1.attention.W_z is unknown: these parameters are of another model"),
    (lambda: run_with("layers.0.attention.W_k", np.zeros((8, 8))),
     "parameter layers.0.attention.W_k has shape (8, 8), expected (8, 4)"),
    (lambda: run_with("layers.0.attention.W_q", np.zeros((8, 8), "float32")),
     "mixed dtypes: parameter layers.0.attention.W_q is float32, embedding.W_token is float64; expected one dtype"),
    (lambda: run_with("head.b", np.array([0, np.nan, 0, np.inf, 0, -np.inf, 0])),
     "parameter head.b has 3 non-finite entries"),
    (lambda: describe().apply(None, TOKENS),
     "parameter embedding.W_token is missing: these parameters are of another model"),
    # decoding
    (lambda: decode(describe(kind="encoder"), {}, TOKENS),
     "a bidirectional encoder cannot decode step by step: expected a decoder"),
    (lambda: continue_(temperature=0), "temperature=0: expected a positive number"),
    (lambda: continue_(temperature=-1.5), "temperature=-1.5: expected a positive number"),
    (lambda: continue_([[1, 9]]), "tokens: id 9 is out of range, expected 0 to 6"),
    # the two functions that raise
    (lambda: one_of("norm", "layr", {"layer": 1, "rms": 2}),
     "unknown norm 'layr': did you mean 'layer'? choose from layer, rms"),
    (lambda: one_of("size", 4, {3: "a", 5: "b"}), "unknown size 4: choose from 3, 5"),
    (lambda: one_of("name", "two\nlines", {"two": 1}),
     "unknown name 'two\\nlines': did you mean 'two'? choose from two"),
    (lambda: require(False, "a is 3, expected 4"), "a is 3, expected 4"),
]


@pytest.mark.parametrize("call, message", WORDING, ids=[message[:60] for _, message in WORDING])
def test_an_error_says_what_was_given_what_was_expected_and_the_nearest_choice(call, message):
    assert refusal(call) == message


def test_every_check_of_the_library_is_worded_above():
    """As many different beginnings as there are checks: a new one needs a row."""
    beginnings = {message.split(":")[0].split("=")[0] for _, message in WORDING}
    assert len(beginnings) >= 40


# ---- what a new user may try -----------------------------------------------------------------------------------------

HOSTILE = [  # what is wrong, a word that the message must hold, the call
    *((f"{name} is {value!r}", name, lambda name=name, value=value: describe(**{name: value}))
      for name, values in {
          "vocabulary": [None], "layers": [None, True, 10 ** 30], "width": [None], "heads": [None],
          "maximum_length": [None], "window": [True], "segments": [-1, 1.5, "3"], "dropout": ["0.1", None, [0.1]],
          "epsilon": [-1, "3", None, float("nan"), float("inf")],
          "initial_std": [-1, "3", None, float("nan"), float("inf")],
          "kind": [None, 3, ["decoder"]], "variant": [None, 3, ["vanilla"]], "positions": [None, 3, ["rotary"]],
          "norm": [None, 3, ["rms"]], "activation": [None, 3, ["relu"]], "head": [3, ["tied"]],
          "placement": [3, ["pre"]]}.items() for value in values),
    *((f"global_tokens is {value!r}", "global_tokens", lambda value=value: describe(window=2, global_tokens=value))
      for value in (-1, 1.5, "3", None)),
    *((f"options of {variant} are {options!r}", word, lambda variant=variant, options=options: describe(
        variant=variant, options=options)) for variant, word, options in (
            ("vanilla", "none", {"x": 1}), ("resformer", "options", 3), ("resformer", "lambda_1", {"lambda_1": "half"}),
            ("resformer", "lambda_1", {"lambda_1": float("nan")}), ("resformer", "lambda_1", {"lambda_1": None}),
            ("resformer_learnable", "lambda_1", {"lambda_1": "half"}),
            ("resformer_learnable", "lambda_1", {"lambda_1": [0.5, 1.0]}),
            ("resformer_sparse", "layers", {"layers": 2}), ("resformer_sparse", "layers", {"layers": [9]}),
            ("svformer", "anchors", {"anchors": 1}), ("svformer", "anchors", {"anchors": [1, 9]}),
            ("resformer_plus", "theta", {"theta": [0.0] * 5}), ("resformer_plus", "theta", {"theta": "flat"}))),
    ("dtype is a number", "dtype", lambda: describe().init(rng(), 3)),
    ("a seed instead of a generator", "Generator", lambda: describe().init(0)),
    ("None instead of a generator", "Generator", lambda: describe().init(None)),
    ("a seed instead of a generator of dropout", "Generator", lambda: run(changes={"dropout": 0.5}, rng=0)),
    ("a seed instead of a generator of samples", "Generator", lambda: continue_(generator=0)),
    ("ragged tokens", "tokens", lambda: run([[1, 2], [3]])),
    ("whole numbers as parameters", "int64", lambda: run_as(int)),
    ("words as parameters", "<U", lambda: run_as(str)),
    ("a cache of a batch of another size", "cache", lambda: run_cached(TOKENS[:1])),
    ("a cache of another model", "cache", lambda: decode(
        describe(layers=3), describe(layers=3).init(rng()), TOKENS[:, :1], run_cached(TOKENS[:, :1])[1])),
    ("a word instead of a cache", "cache", lambda: decode(describe(), describe().init(rng()), TOKENS, "cache")),
    ("padding of another source while decoding", "source_padding",
     lambda: decode_pair(source_padding=np.ones((2, 3), bool))),
    ("a new source while decoding", "source", lambda: decode_pair(source=SOURCE[:, ::-1])),
    ("1-D tokens to continue", "tokens", lambda: continue_([1, 2])),
    ("no tokens to continue", "tokens", lambda: continue_(None)),
    ("temperature is a word", "temperature", lambda: continue_(temperature="hot")),
    ("temperature is None", "temperature", lambda: continue_(temperature=None)),
    ("steps is half", "steps", lambda: continue_(steps=2.5)),
    ("steps is a word", "steps", lambda: continue_(steps="3")),
    ("steps is None", "steps", lambda: continue_(steps=None)),
    ("steps below zero", "steps", lambda: continue_(steps=-1)),
]


def run_as(dtype):
    """apply with all parameters converted."""
    params = {name: (8 * array).astype(dtype) for name, array in flatten(describe().init(rng())).items()}
    return describe().apply(unflatten(params), TOKENS)


def decode_pair(**inputs):
    """One step of decoding of an encoder_decoder, after a first one with its source."""
    model = describe(kind="encoder_decoder")
    params = model.init(rng())
    _, cache = decode(model, params, TOKENS, source=SOURCE)
    return decode(model, params, TOKENS[:, :1], cache, **inputs)


@pytest.mark.parametrize("word, call", [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_bad_input_is_refused_with_one_line_that_names_it(word, call):
    assert word in refusal(call)


# ---- what must be accepted -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes", [
    {name: np.int64(2)} for name in ("vocabulary", "layers", "kv_heads", "head_width", "feed_forward", "maximum_length",
                                     "window", "segments", "global_tokens")] + [
    {"window": np.array([2, 3])}, {"window": (np.int64(2), None)}, {"dropout": np.float32(0.5)}, {"epsilon": 0.0}],
    ids=str)
def test_numpy_numbers_describe_a_model_as_well(changes):
    run([[0, 1], [1, 1]], changes)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
def test_ids_may_be_of_any_integer_type_and_lists(dtype):
    expected = run()[0]
    assert np.array_equal(run(TOKENS.astype(dtype))[0], expected) and np.array_equal(run(TOKENS.tolist())[0], expected)


def test_inputs_may_be_lists_and_none_is_the_same_as_nothing():
    expected = run(padding=np.array([[True, True, False], [True, True, True]]))[0]
    assert np.array_equal(run(padding=[[True, True, False], [True] * 3], mask=None, bias=None, rng=None)[0], expected)


@pytest.mark.parametrize("shape", [(), (1, 1), (3, 3), (1, 3), (3, 1), (4, 3, 3), (2, 1, 1, 3), (2, 4, 3, 3)])
def test_masks_and_biases_may_have_every_shape_that_broadcasts(shape):
    for name in ("mask", "bias"):
        assert np.all(np.isfinite(run(**{name: np.zeros(shape)})[0]))


def test_checking_changes_nothing():
    model = describe(segments=2)
    params, inputs = model.init(rng()), {"mask": [None, np.zeros((3, 3))], "padding": np.ones((2, 3), bool)}
    before = copy.deepcopy((params, inputs))
    check_parameters(model, params)
    checked = check_inputs(model, TOKENS, inputs)
    assert set(checked) == {"tokens", "mask", "padding"} and set(inputs) == {"mask", "padding"}
    for tree, old in zip((params, inputs), before):
        assert list(flatten(tree)) == list(flatten(old))
        assert all(np.array_equal(new, flatten(old)[name]) for name, new in flatten(tree).items())


def test_the_nearest_multiple_is_the_nearest_and_never_zero():
    for n in range(1, 40):
        for divisor in range(1, 12):
            nearest = nearest_multiple(n, divisor)
            candidates = range(divisor, 60, divisor)
            assert nearest in candidates and abs(nearest - n) == min(abs(candidate - n) for candidate in candidates)


def test_divisors_are_all_of_them():
    assert [divisors(n) for n in (1, 7, 12)] == ["1", "1, 7", "1, 2, 3, 4, 6, 12"]
