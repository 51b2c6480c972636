"""The trailing shape comments, such as `# (B, H, T, S)`, are true: every one of them, while models run.

B, D, H, G, K, F, V have one size in a run; T and S have one in a call. A comment on a statement speaks of the names
that it assigns or of what it returns, a comment at the end of a lambda of what that returns.
"""

import ast
import io
import re
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest

import minires
from minires import BERT, LLAMA, VARIANTS, Transformer, decode, generate
from minires.checks import check_parameters
from minires.gradients import directional, kinds_of, loss, random_parameters, tiny_example, value_and_gradient
from minires.parameters import flatten
from minires.spelling import spelling

ROOT = Path(minires.__file__).parent
FILES = [ROOT / f"{name}.py" for name in ("layers", "activations", "masks", "positions", "heads", "attention", "transformer",
                                          "forward", "decoding", "fused/maps", "fused/probabilities")
         ] + sorted((ROOT / "residual").rglob("*.py"))
# in these calls some letters have the sizes of the arguments: where T and S are known, or where any axes are served
OWN_LETTERS = {"forward": {"tokens": "(B, T)", "source": "(B, S)"}, "attention": {"x": "(B, T, D)"},
               "linear": {"x": "(..., D)", "W": "(D, F)"},
               "layer_norm": {"x": "(..., D)"}, "rms_norm": {"x": "(..., D)"}, "rotate": {"x": "(B, H, T, K)"},
               "group_product": {"x": "(B, H, T, S)", "y": "(B, G, S, K)"}}
GROWING = {"generate"}  # its tokens get longer in a loop: a letter has many sizes in one call


def commented(path):
    """{line: (line of the comment, targets, shapes)} of statements and of lambdas, and the lines of all comments."""
    source = Path(path).read_text()
    shapes = {token.start[0]: re.findall(r"\([^()]*\)", token.string)
              for token in tokenize.generate_tokens(io.StringIO(source).readline)
              if token.type == tokenize.COMMENT and re.match(r"# \((\.\.\.|[A-Zr1])[,)]", token.string)}
    statements, lambdas = {}, {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign):  # a field of a record: no statement that runs
            shapes.pop(node.end_lineno, None)
    for node in ast.walk(ast.parse(source)):
        shape = shapes.get(getattr(node, "end_lineno", None))
        if shape and isinstance(node, ast.Lambda):
            lambdas[node.lineno] = node.end_lineno, None, shape
        if shape and isinstance(node, ast.Assign | ast.Return):
            names = getattr(node.targets[0], "elts", node.targets) if isinstance(node, ast.Assign) else []
            row = node.end_lineno, [ast.unparse(name) for name in names], shape
            statements.update(dict.fromkeys(range(node.lineno, node.end_lineno + 1), row))
    return statements, lambdas, set(shapes)


def mismatch(shape, comment, sizes):
    """What is wrong with a shape, or None. A letter without a size gets one; 'r*T' and 'D/2' are worked out.

    A product with a letter that has no size yet ('M*D' of the rows of a readout) says nothing.
    """
    parts = [part.strip() for part in comment.strip("()").split(",") if part.strip()]
    if parts[0] == "...":
        parts, shape = parts[1:], shape[len(shape) - len(parts) + 1:]
    if len(shape) == len(parts):
        for part, size in zip(parts, shape):
            if part.isalpha():
                sizes.setdefault(part, size)
        if all(worked_out(part, sizes, size) == size for part, size in zip(parts, shape)):
            return None
    return f"{comment} is {shape} where {sizes}"


def worked_out(part, sizes, otherwise):
    """The size that a part of a comment stands for."""
    try:
        return eval(part.replace("/", "//"), {}, sizes)
    except NameError:
        return otherwise


def watch(run, files=FILES, **sizes):
    """Call run() and compare each commented value with its comment: the comments reached, and the wrong ones."""
    tables, reached, wrong = {str(path): commented(path) for path in files}, set(), set()

    def call(frame, event, value):
        code = frame.f_code
        if code.co_filename not in tables or code.co_name in ("<genexpr>", "<listcomp>", "<dictcomp>", "<module>"):
            return None
        statements, lambdas, _ = tables[code.co_filename]
        own = OWN_LETTERS.get(code.co_name, {})
        known = {letter: size for letter, size in sizes.items() if letter not in str(own)}
        running = None

        def compare(line, values, shapes):
            for value, shape in zip(values, shapes, strict=True):
                for array in value.values() if isinstance(value, dict) else [value]:
                    if hasattr(array, "shape"):
                        reached.add((code.co_filename, line))
                        problem = mismatch(array.shape, shape, dict(known) if code.co_name in GROWING else known)
                        wrong.update([f"{Path(code.co_filename).name}:{line} {problem}"] if problem else [])

        def follow(frame, event, value):
            nonlocal running
            row = statements.get(frame.f_lineno)
            if event == "return" and code.co_name == "<lambda>" and code.co_firstlineno in lambdas:
                line, _, shapes = lambdas[code.co_firstlineno]
                compare(line, [value], shapes)
            elif running and running[1] and (event == "return" or event == "line" and row is not running):
                line, names, shapes = running
                compare(line, [eval(name, frame.f_globals, dict(frame.f_locals)) for name in names], shapes)
            elif event == "return" and row and not row[1] and value is not None:
                compare(row[0], [value], row[2])
            running = row if code.co_name != "<lambda>" else None
            return follow

        compare(code.co_firstlineno, [frame.f_locals[name] for name in own], own.values())
        return follow

    before = sys.gettrace()
    sys.settrace(call)
    try:
        run()
    finally:
        sys.settrace(before)
    return reached, wrong


# ---- the models ------------------------------------------------------------------------------------------------------

SIZES = {"vocabulary": 11, "layers": 4, "width": 12, "heads": 6, "kv_heads": 2, "head_width": 4, "feed_forward": 13,
         "maximum_length": 17}
LETTERS = {"V": 11, "L": 4, "D": 12, "H": 6, "G": 2, "K": 4, "F": 13, "r": 3}
B, T, S = 7, 5, 3
RNG = np.random.default_rng(0)
TOKENS, SOURCE = RNG.integers(0, 11, (B, T)), RNG.integers(0, 11, (B, S))
REAL = RNG.random((B, S)) < 0.8


def build(variant, kind, **changes):
    model = Transformer(variant, kind, **{**SIZES, **changes})
    watching = sys.gettrace()
    if variant == "admin":  # its first values come of a pass over other sequences
        sys.settrace(None)
    try:
        params = random_parameters(model, np.random.default_rng(0))
        check_parameters(model, params)  # draws once more, to know the shapes
        return model, params
    finally:
        sys.settrace(watching)


def run_variants():
    """Every variant in every kind, T != S, with what is optional; two of them backwards too."""
    for variant, kind in [(variant, kind) for variant in VARIANTS for kind in kinds_of(variant)]:
        house = BERT if VARIANTS[variant].placement == "post" else LLAMA
        options = {"layers": [2, 3]} if variant == "resformer_sparse" else {}
        model, params = build(variant, kind, **house, window=2, global_tokens=1, segments=2, options=options)
        batch = tiny_example(model, np.random.default_rng(0), B, T, S)
        model.apply(params, **batch.inputs, rng=np.random.default_rng(0))
        if variant in ("vanilla", "pre_norm"):
            value_and_gradient(lambda p: loss(model, p, batch)[0], params)


def run_others():
    """The remaining positions, heads, norm placements, activations; dropout."""
    for positions, head in (("sinusoidal", "tied"), ("alibi", "linear"), ("none", "masked_lm")):
        for placement, activation in (("sandwich", "relu"), ("output", "gelu_erf")):
            model, params = build("vanilla", "encoder_decoder", positions=positions, head=head, placement=placement,
                                  activation=activation, dropout=0.5)
            model.apply(params, TOKENS, source=SOURCE, source_padding=REAL, rng=np.random.default_rng(0),
                        bias=np.zeros((6, T, T)))
    model, params = build("realformer", "encoder", positions="alibi", options={"carry_bias": True})
    model.apply(params, TOKENS)


def run_decoding():
    """Prefill, some tokens, one token; then samples."""
    for variant in VARIANTS:
        for kind in set(kinds_of(variant)) - {"encoder"}:
            model, params = build(variant, kind, **LLAMA)
            first = {"source": SOURCE} if kind == "encoder_decoder" else {}
            _, cache = decode(model, params, TOKENS, **first)
            for tokens in (TOKENS[:, :2], TOKENS[:, :1]):
                _, cache = decode(model, params, tokens, cache)
    model, params = build("vanilla", "decoder")
    generate(model, params, TOKENS, 3, np.random.default_rng(0))
    model, params = build("vanilla", "decoder", maximum_length=TOKENS.shape[1] + 1)
    generate(model, params, TOKENS, 3, padding=np.ones(TOKENS.shape, dtype=bool))


def run_plainly():
    """The operations as equations, which fused forms replace otherwise; both houses, forwards and backwards."""
    with spelling("plain"):
        for variant, house in (("vanilla", BERT), ("pre_norm", LLAMA)):
            for kind in kinds_of(variant):
                model, params = build(variant, kind, **house, window=2, global_tokens=1)
                batch = tiny_example(model, np.random.default_rng(0), B, T, S)
                value_and_gradient(lambda p: loss(model, p, batch)[0], params)
    name, last = list(flatten(params).items())[-1]
    directional(lambda p: loss(model, p, batch)[0], params, name, np.ones_like(last))  # forward mode


RUNS = {"variants": run_variants, "plain spelling": run_plainly, "other settings": run_others, "decoding": run_decoding}


@pytest.fixture(scope="module")
def watched():
    return {name: watch(run, B=B, **LETTERS) for name, run in RUNS.items()}


@pytest.mark.parametrize("name", RUNS)
def test_shape_comments_are_true(watched, name):
    reached, wrong = watched[name]
    assert not wrong, "\n".join(sorted(wrong))
    assert len(reached) > 30


def test_every_shape_comment_is_reached(watched):
    reached = set().union(*(reached for reached, _ in watched.values()))
    missed = [f"{path}:{line}" for path in FILES for line in sorted(commented(path)[2])
              if (str(path), line) not in reached]
    assert not missed and len(reached) > 45


PLANTED = '''
import numpy as np

def f(x, y=None):
    """A right and a wrong comment of each form."""
    now = {}
    a, b = x[0], x.T  # (S), (S, T)
    now["q"] = np.concatenate(
        [x, x], axis=1)  # (T, 2*S)
    c = x[:, :1]  # (..., 1)
    wrong = x.T  # (T, S)
    now["w"] = (
        x[:1])  # (..., T, S)
    d = y  # (D)
    g = lambda v: v + 1  # (H)
    for i in range(2):
        x = x + g(x)  # (T, S)
    return x  # (S, T)
'''


def test_a_wrong_comment_is_found_and_a_right_one_is_not(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text(PLANTED)
    scope = {}
    exec(compile(PLANTED, str(path), "exec"), scope)
    reached, wrong = watch(lambda: scope["f"](np.zeros((4, 6))), [path], D=5, H=3)
    assert {line for _, line in reached} == {7, 9, 10, 11, 13, 15, 17, 18}
    assert {message.split(" where ")[0] for message in wrong} == {
        "planted.py:11 (T, S) is (6, 4)", "planted.py:13 (..., T, S) is (1, 6)", "planted.py:15 (H) is (4, 6)",
        "planted.py:18 (S, T) is (4, 6)"}
