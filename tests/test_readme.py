"""What the README shows is true: its Python runs, its commands parse, its files exist."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import minires
from minires.cli import parser
from minires.commands.list_command import markdown
from minires.reservoir import FAMILIES

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted({line.split("#")[0].strip() for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()
                   if line.startswith("minires ")} | set(re.findall(r"`(minires [a-z]+[^`]*)`", README)))


def test_the_python_of_the_readme_runs_and_gives_the_shape_it_names():
    code = next(block for kind, block in BLOCKS if kind == "python")
    names = {}
    exec(code, names)
    assert names["trace"][2]["attention"]["scores"].shape == (1, 4, 5, 5) and "(1, 4, 5, 5)" in code
    assert names["logits"].shape == (1, 5, 33)


def test_the_echo_state_network_of_the_readme_learns_narma():
    code = [block for kind, block in BLOCKS if kind == "python"][1]
    names = {}
    exec(code, names)
    target = names["task"].targets[3000:]
    assert names["prediction"].shape == target.shape == (2000, 1) and names["states"].shape == (5000, 200)
    assert np.sqrt(np.mean((names["prediction"] - target) ** 2)) / np.std(target) < 0.25


def test_the_conversation_of_the_readme_is_heard():
    code = [block for kind, block in BLOCKS if kind == "python"][2]
    names = {}
    exec(code, names)
    assert names["logits"].shape == (1, 4) and names["state"]["heard"].tolist() == [3]
    assert [x.shape for x in names["state"]["x"]] == [(1, 128), (1, 64)]


def test_the_mistake_in_the_port_of_the_readme_is_named(capsys):
    exec([block for kind, block in BLOCKS if kind == "python"][3], {})
    printed = capsys.readouterr().out
    assert "FAILED echo_state/leaky" in printed and "cause     leak-swapped: amplitude 1.000" in printed
    shown = next(block for kind, block in re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL) if "FAILED echo_state" in block)
    for line in shown.splitlines()[1:]:
        assert line.strip() in printed


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_kernels_has_its_row_in_the_readme(family):
    row = next(line for line in README.splitlines() if line.startswith(f"| `{family}` |"))
    assert len(row.split("|")) == 6


def test_a_variant_of_your_own_is_a_record_as_the_readme_says():
    own = minires.PLACEMENTS["post"]._replace(
        scores=lambda fresh, past, here: fresh + past[-1]["scores"] if past else fresh)
    sizes = {"vocabulary": 11, "layers": 3, "width": 8, "heads": 2}
    models = minires.Transformer(variant=own, **sizes), minires.Transformer(variant="realformer", **sizes)
    logits = [model.apply(model.init(np.random.default_rng(0)), np.array([[3, 1, 4]]))[0] for model in models]
    assert np.array_equal(*logits)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_is_one(command):
    words = shlex.split(command)[1:]
    assert parser().parse_args(words).command == words[0]


def test_there_are_commands_and_each_set_up_has_a_virtual_environment_of_its_own():
    assert len(COMMANDS) >= 8
    tour, tests = (next(line for line in README.splitlines() if line.endswith(end)) for end in ("minires tour", "pytest"))
    places = [re.match(r"python3 -m venv (\S+) && \1/bin/pip install \S+ && \1/bin/", line) for line in (tour, tests)]
    assert places[0][1] != places[1][1]


def test_the_table_of_the_variants_is_the_one_that_the_command_prints():
    assert markdown() in README
    listed = re.findall(r"^\| `(\w+)` \|.*\((minires/residual/\S+)\) \|$", README, re.MULTILINE)
    assert listed == [(name, variant.file) for name, variant in minires.VARIANTS.items()]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)]+)\)", README))))
def test_a_file_of_the_readme_exists(path):
    assert (REPOSITORY / path).exists()
