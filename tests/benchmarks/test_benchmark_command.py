"""The benchmark's order of turns, its parts, its tables and its picture."""

import argparse
import doctest
import json

import pytest

from benchmarks import __main__ as command
from benchmarks import parts, steps, timing, variants
from benchmarks.job import SIZES, model_of
from benchmarks.picture import STYLES, speed
from benchmarks.tables import UNPROVED, text_of
from benchmarks.worker import CONTESTANTS, OURS, PEER, Worker
from minires.residual import VARIANTS


def results(proved=True):
    """Made-up results of both pictures."""
    step = [{"size": size, "dtype": dtype, "threads": threads, "contestant": name, "ms": 3.0 + i, "ratio": 1.0 + i,
             "low": 0.5 + i, "high": 2.0 + i, "ours_over_it": 1 / (1.0 + i), "of_rate": 0.25}
            for size in SIZES for dtype in ("float64", "float32") for threads in (1, 2) for i, name in enumerate(CONTESTANTS)]
    scaling = [{"grows": grows, "value": value, "dtype": "float32", "contestant": name, "ms": 2.0 * value + i}
               for grows in ("length", "depth") for value in (1, 2, 4) for i, name in enumerate((OURS, PEER))]
    return {"conditions": {"cores": 2, "torch": None}, "proved": proved, "step": step, "step means": steps.means(step),
            "scaling": scaling}


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(timing) == (0, 2)


def test_each_contestant_runs_once_a_round_and_each_begins_in_turn():
    calls, seconds = [], {"a": 0.05, "b": 0.5, "c": 0.1}
    runs = {name: lambda n, name=name: calls.append((name, n)) or seconds[name] for name in seconds}
    found = timing.alternated(runs, rounds=3, least=0.2)
    assert found == {name: [each] * 3 for name, each in seconds.items()}
    assert calls[6:] == [(name, {"a": 4, "b": 1, "c": 2}[name]) for name in "abcbcacab"]


def test_every_contestant_has_a_look_and_every_part_a_title():
    assert STYLES.keys() == CONTESTANTS.keys()
    assert set(text_of({"conditions": {}, "proved": True, **dict.fromkeys(parts.PARTS, [{"what": 1}])}).split("\n")) >= {
        "One training step", "A variant's step over that of the plain model", "Peak memory of a step", "Reservoirs"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_a_plain_model_with_its_norms_in_the_same_place(variant):
    own, plain = variants.pair(variant, SIZES["small"])
    assert own._replace(variant="vanilla") == plain and own.variant == variant
    assert model_of(own).placement == model_of(plain).placement == VARIANTS[variant].placement


def test_a_quick_run_is_marked_above_and_below():
    lines = text_of(results(proved=False)).split("\n")
    assert lines[0] == lines[-1] == UNPROVED
    assert UNPROVED not in text_of(results())


def test_results_and_picture_are_written(tmp_path):
    command.write(results(), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["step"][1]["ratio"] == 2.0
    assert (tmp_path / "speed.png").read_bytes()[:4] == b"\x89PNG"


def test_the_picture_has_a_panel_for_each_number_of_threads_and_a_dot_for_each_row():
    figure = speed(results())
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title()[:9] for axes in panels] == ["1 thread:", "2 threads", "against l", "against d"]
    assert all(axes.get_ylabel() for axes in panels) and len(panels[0].containers) == 4 * 2 * len(CONTESTANTS)
    assert len(figure.legends[0].get_texts()) == len(CONTESTANTS)


@pytest.mark.parametrize("option, given", [("--rounds", "0"), ("--threads", "two"), ("--sizes", "huge")])
def test_an_option_that_cannot_be_served_is_said_in_one_line(option, given, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["step", option, given])
    assert f"{given!r}" in capsys.readouterr().err.strip()


def test_more_threads_than_cores_are_said_in_one_line(capsys):
    assert command.main(["step", "--threads", "1", "100000"]) == 2
    assert "100000 threads: expected at most" in capsys.readouterr().err.strip().split("\n")[-1]


def test_an_unknown_contestant_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'PyTorch'"):
        Worker("PyTorh", 1)


@pytest.mark.slow
def test_a_quick_run_times_every_contestant_and_watches_memory():
    arguments = argparse.Namespace(quick=True, rounds=1, threads=None, sizes=None, dtypes=["float64"])
    found = parts.measure(["step", "memory", "variants", "scaling"], arguments, print)
    assert [row["contestant"] for row in found["step"]] == list(CONTESTANTS) and not found["proved"]
    assert all(row["ms"] > 0 and row["ratio"] > 0 for row in found["step"])
    assert all(row["peak_MiB"] > 1 for row in found["memory"])
    assert {row["variant"] for row in found["variants"]} == set(variants.EVERYWHERE) and len(found["scaling"]) == 8
