"""Laws of the start: what a command imports before its own work, help lines that are read, names that wait to be asked for."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import minires
from minires.cli import COMMANDS, parser
from minires.commands.parsers import first_line
from minires.commands.conversation_command import ACTIONS as CONVERSATION
from minires.commands.oracle_command import ACTIONS as ORACLE
from minires.commands.reservoir_command import ACTIONS as RESERVOIR

GROUPS = {"oracle": ORACLE, "reservoir": RESERVOIR, "conversation": CONVERSATION}
FILES = [("minires.commands", f"{name}_command") for name in COMMANDS] + [
    (f"minires.commands.{group}", file) for group, actions in GROUPS.items() for file in actions.values()]
FOLDER = Path(minires.__file__).parent


def imported(code):
    """The modules of a Python of its own that runs the code."""
    ends = "import sys\ntry:\n    {}\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", ends.format(code)], capture_output=True, text=True, timeout=60)
    return set(done.stderr.split())


def started(words):
    """The modules after the command of these words."""
    return imported(f"from minires.cli import main; main({words.split()!r})")


def tops(modules):
    """The packages that they are of."""
    return {name.split(".")[0] for name in modules}


@pytest.mark.parametrize("words", ["--help", "--version", *(f"{group} --help" for group in GROUPS)])
def test_help_and_version_import_no_numpy_and_no_command_that_is_not_named(words):
    modules = started(words)
    own = {f"minires.commands.{words.split()[0]}_command"} if words[0] != "-" else set()
    assert {name for name in modules if name.endswith("_command")} == own and "minires.cli" in modules
    assert not {"numpy", "autograd", "matplotlib", "joblib", "tqdm"} & tops(modules)


@pytest.mark.parametrize("words", ["list", "show realformer", "oracle list --case edge/*"])
def test_a_command_imports_no_other_command_and_nothing_that_it_does_not_use(words):
    modules = started(words)
    assert [name for name in modules if name.endswith("_command")] == [f"minires.commands.{words.split()[0]}_command"]
    assert not {"matplotlib", "joblib", "torch", "jax", "scipy", "IPython"} & tops(modules)
    assert words.startswith("oracle") or "minires.oracle" not in modules
    assert "minires.oracle.mistakes" not in modules


@pytest.mark.parametrize("package, file", FILES)
def test_the_line_of_a_command_is_the_first_of_its_docstring(package, file):
    assert first_line(package, file) == import_module(f"{package}.{file}").__doc__.splitlines()[0]


def test_every_file_of_a_command_is_a_command():
    names = {module.name for module in iter_modules([str(FOLDER / "commands")])}
    assert {name.removesuffix("_command") for name in names if name.endswith("_command")} == set(COMMANDS)


@pytest.mark.parametrize("group", GROUPS)
def test_every_action_of_the_oracle_the_reservoir_and_conversations_has_a_run_and_its_help_line(run, group):
    _, out, _ = run(group, "--help")
    for action, file in GROUPS[group].items():
        module = import_module(f"minires.commands.{group}.{file}")
        assert parser().parse_args(module.EXAMPLE.replace("'", "").split()[1:]).run is module.run
        assert f" {action} " in out and " ".join(module.__doc__.splitlines()[0].split()[:3]) in " ".join(out.split())


# ---- import minires --------------------------------------------------------------------------------------------------

def test_import_minires_imports_no_numpy_until_a_name_is_asked_for():
    assert "numpy" not in imported("import minires; minires.__version__")
    assert "numpy" in imported("import minires; minires.Transformer")


@pytest.mark.parametrize("name", sorted({*minires.__all__} - {"__version__"}))
def test_a_name_of_minires_is_the_one_of_its_module(name):
    home = next(module for module, names in minires.PLACES.items() if name in names)
    assert getattr(minires, name) is getattr(import_module(f"minires.{home}"), name) and name in dir(minires)


def test_all_is_what_the_modules_have_and_no_name_is_a_module_too():
    names = [name for own in minires.PLACES.values() for name in own]
    assert sorted([*names, "__version__"]) == sorted(minires.__all__) and len(set(names)) == len(names)
    assert not {module.name for module in iter_modules([str(FOLDER)])} & set(names)


def test_a_star_brings_every_name():
    names = {}
    exec("from minires import *", names)
    assert set(minires.__all__) <= set(names) and names["Transformer"] is minires.Transformer


def test_a_module_of_minires_is_there_without_an_import_of_its_own():
    assert "minires.depth" in imported("import minires; minires.depth.__name__")


@pytest.mark.parametrize("name, nearest", [("Transfomer", "Transformer"), ("VARIANT", "VARIANTS"), ("coun", "count")])
def test_an_unknown_attribute_is_an_attribute_error_that_names_the_nearest(name, nearest):
    with pytest.raises(AttributeError, match=f"unknown attribute of minires '{name}': did you mean '{nearest}'"):
        getattr(minires, name)
    assert not hasattr(minires, name) and not hasattr(minires, "__main__")
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from minires import {name}")
