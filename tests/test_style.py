"""The house rules that a program can check: sizes, docstrings, the direction of imports, the README's table."""

import ast
import configparser
import doctest
import importlib
import io
import re
import sys
import tokenize
from pathlib import Path

import pytest

import minires

ROOT = Path(minires.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[1]  # setup.cfg and README.md are not installed
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

# Each place imports only from those before it. Packages count as one place.
CORE = ["_version", "errors", "allocator", "arithmetic", "spelling", "fused", "parameters", "differentiation", "layers",
        "heads", "activations", "positions", "masks", "record", "attention", "transformer", "residual", "initial", "checks",
        "forward", "model", "decoding", "gradients", "replay", "depth", "cost", "beside", "explain", "reservoir",
        "reservoir_resformer"]
ORDER = CORE + ["files", "report", "analysis", "figures", "tasks", "training", "recipes", "experiments", "comparison",
                "oracle", "exercises", "course", "commands", "cli", "__main__", "minires"]
DIFFERENTIATED = ["layers.py", "activations.py", "positions.py", "record.py", "attention.py", "transformer.py",
                  "forward.py"] + [
    name for name in NAMES if name.startswith("residual/") and name != "residual/__init__.py"] + [
    f"reservoir/{name}.py" for name in ("operators", "kernels", "echo_state", "generation", "deep", "checkpointing", "scaling",
                                        "spectra", "readouts/features", "readouts/series")] + [
    f"reservoir_resformer/{name}.py" for name in ("memory", "readout", "fusion", "model")]

FILE, VARIANT, FUNCTION = 150, 60, 25  # lines: of a file; of code in a variant's file; of a function without docstring
LONGER = {  # file -> (lines, why they stay together)
    "layers.py": (190, "a fused operation has its derivatives right under it"),
    "record.py": (170, "the record and what its functions are told: read as one table"),
    "analysis.py": (315, "every metric of the papers; each is a function of a few lines with its equation"),
}


def source(path):
    return path.read_text(encoding="utf-8")


def tree(path):
    return ast.parse(source(path))


def docstring_lines(node):
    """How many lines the docstring of a module, class or function takes."""
    first = node.body[0] if node.body else None
    there = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return range(first.lineno, first.end_lineno + 1) if there else range(0)


def code_lines(path):
    """The lines that hold code: no docstrings, comments or blank lines."""
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines = {line for token in tokenize.generate_tokens(io.StringIO(source(path)).readline)
             if token.type not in silent for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            lines -= set(docstring_lines(node))
    return len(lines)


# ---- sizes -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_is_about_150_lines_or_says_why_not(path):
    lines, (limit, reason) = len(source(path).splitlines()), LONGER.get(str(path.relative_to(ROOT)), (FILE, ""))
    assert lines <= limit, f"{lines} lines, expected {limit} at most {reason}"


def test_files_that_are_short_again_leave_the_list():
    assert all((ROOT / name).exists() and len(source(ROOT / name).splitlines()) > FILE for name in LONGER)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_function_is_25_lines_or_less_without_its_docstring(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1 - len(docstring_lines(node))
            assert lines <= FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", sorted((ROOT / "residual").glob("*/*.py")), ids=lambda path: path.stem)
def test_a_file_of_variants_has_60_lines_of_code_or_less(path):
    assert code_lines(path) <= VARIANT


# ---- docstrings ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_module_class_and_function_says_what_it_is(path):
    module = tree(path)
    assert ast.get_docstring(module) or path.stem in ("__init__", "_version")
    for outer in [module, *(node for node in module.body if isinstance(node, ast.ClassDef))]:
        for node in outer.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_is_left_to_do(path):
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", source(path))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__main__.py"])
def test_the_examples_in_docstrings_are_true(name):
    module = importlib.import_module("minires." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    assert doctest.testmod(module).failed == 0


def test_there_are_examples():
    assert sum(doctest.testmod(importlib.import_module(f"minires.{name}")).attempted
               for name in ("errors", "parameters", "masks", "model", "residual")) >= 8


# ---- imports ---------------------------------------------------------------------------------------------------------

def place(name):
    """The module or package below minires that a module belongs to; the front door minires/__init__.py is "minires"."""
    return (name.split(".") + [""])[1] or "minires"


def module_name(path):
    """minires.residual.values.svformer; a package has the name of its folder."""
    return ".".join(("minires",) + path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_at_once(path):
    """The full names of the modules that are imported when this one is, not later inside a function."""
    waiting, names = list(tree(path).body), []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [name if name in MODULES else node.module for name in inner]
        elif not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return names


MODULES = {module_name(path) for path in FILES}


def test_every_module_has_its_place_in_the_order():
    assert {place(name) for name in MODULES} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_go_one_way(path):
    own = module_name(path)
    for name in imports_at_once(path):
        if name in MODULES:
            inside = place(name) == place(own) and name != f"minires.{place(own)}"
            assert inside or ORDER.index(place(name)) < ORDER.index(place(own)), f"{own} imports {name}"
            assert place(name) not in ("cli", "figures") or place(own) in ("__main__", place(name))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_what_is_installed_with_minires_is_imported_and_the_core_needs_numpy_and_autograd_only(path):
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    required = set(re.findall(r"^\w+", setup["options"]["install_requires"], re.MULTILINE))
    allowed = {"numpy", "autograd"} if place(module_name(path)) in CORE else required
    assert required >= {"numpy", "autograd"}
    outside = {name.split(".")[0] for name in imports_at_once(path)} - set(sys.stdlib_module_names) - {"minires"}
    assert outside <= allowed


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_np_is_autograds_in_a_file_that_is_differentiated(name):
    """With plain NumPy, where, einsum, stack and others lose the gradient without a word."""
    bound = {alias.asname or alias.name: alias.name for node in ast.walk(tree(ROOT / name))
             if isinstance(node, ast.Import) for alias in node.names}
    assert bound.get("np", "autograd.numpy") == "autograd.numpy"
