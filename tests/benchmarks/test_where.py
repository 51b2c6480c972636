"""The page "where the time goes": its stages compute the same, its clock counts no second twice, its pairs of lines agree."""

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from autograd.core import primitive_vjps

from benchmarks import where, where_facts, where_picture, where_profile, where_steps
from benchmarks.job import Job, batch_of, model_of, start_of
from minires.differentiation import value_and_gradient
from minires.gradients import loss
from minires.parameters import unflatten

JOB = Job(layers=2, width=8, heads=2, length=5, batch=3, vocabulary=7)
REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "tutorials" / "where_the_time_goes.md"
SETTINGS = where_steps.settings()


@lru_cache
def gradient(name, dtype):
    """Loss and gradient of a stage."""
    job = JOB._replace(dtype=dtype)
    return where_steps.gradient_of(SETTINGS[name], model_of(job), start_of(job), batch_of(job))


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("name", list(SETTINGS)[1:])
def test_every_stage_computes_what_the_plain_spelling_does(name, dtype, tolerance):
    (value, slopes), (plain, expected) = gradient(name, dtype), gradient(where_steps.PLAIN, dtype)
    assert abs(value - plain) <= tolerance * abs(plain) and slopes.keys() == expected.keys()
    for parameter, slope in expected.items():
        assert np.max(np.abs(slopes[parameter] - slope)) <= tolerance * max(1, np.max(np.abs(slope)))


def test_in_the_last_stages_nothing_of_the_step_is_spelled_plainly():
    fused, model, batch = gradient("+ attention", "float64")[1], model_of(JOB), batch_of(JOB)
    _, slopes = value_and_gradient(lambda params: loss(model, params, batch)[0], unflatten(start_of(JOB)))
    assert all(np.array_equal(fused[name], slopes[name]) for name in slopes)


def test_in_float32_no_gradient_of_a_fused_step_is_float64():
    assert {slope.dtype.name for slope in gradient("+ attention", "float32")[1].values()} == {"float32"}


def test_each_stage_keeps_what_the_stages_before_it_won():
    stages = [setting for name, setting in SETTINGS.items() if name != where_steps.BLAS]
    for before, after in zip(stages, stages[1:]):
        assert after != before and set(before.fused) <= set(after.fused)
        assert after.lean >= before.lean and after.kept >= before.kept and after.threads >= before.threads


def test_a_second_counts_once_for_what_is_innermost(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 7.0, 15.0])
    monkeypatch.setattr(where_profile.time, "perf_counter", lambda: next(now))
    clock = where_profile.Clock()
    inner = clock.timed("inner", lambda: None)
    clock.timed("outer", inner)()
    assert clock.seconds == {where_profile.PYTHON: 1.0, "outer": 2.0 + 8.0, "inner": 4.0}


def test_a_watched_step_is_the_same_step_and_autograd_is_afterwards_as_it_was():
    job, setting, makers = JOB, SETTINGS["freed memory kept"], dict(primitive_vjps)
    added, clock = where_profile.differentiation.added, where_profile.Clock()
    with where_profile.watched(clock):
        value, slopes = where_steps.gradient_of(setting, model_of(job), start_of(job), batch_of(job))
    plain, expected = gradient("freed memory kept", "float64")
    assert value == plain and all(np.array_equal(slopes[name], expected[name]) for name in expected)
    assert primitive_vjps == makers and where_profile.differentiation.added is added
    assert {kind for kind, seconds in clock.seconds.items() if seconds > 0} == set(where_profile.KINDS) - {"AdamW"}
    seconds = dict(clock.seconds)
    where_steps.gradient_of(setting, model_of(job), start_of(job), batch_of(job))
    assert clock.seconds == seconds


@pytest.mark.parametrize("what", where_facts.FACTS)
def test_both_lines_of_a_pair_give_the_same_numbers(what):
    names = where_facts.given("float64", size=70000)
    before, after = (line() for line in where_facts.lines(what, names))
    if what.startswith("maxima"):
        assert after.shape[:-1] == before.shape  # two operations, not one twice
    elif before is None:
        first, second = np.empty((2, 70000))
        where_facts.passes(names["large"], first), where_facts.in_blocks(names["large"], second)
        assert np.array_equal(first, second)
    else:
        np.testing.assert_allclose(after.reshape(before.shape), before, rtol=1e-10, atol=1e-10)


def rows():
    """Made-up results."""
    stages = [{"size": size, "dtype": "float32", "stage": name, "ms": 7.0, "ratio": 1 / (2 + i), "low": 0.9 / (2 + i),
               "high": 1.2 / (2 + i), "over_torch": None} for size in ("tiny", "small") for i, name in enumerate(SETTINGS)]
    profile = [{"size": "tiny", "dtype": "float32", "memory": memory, "ms": 7.0, "faults": 9.5,
                **dict.fromkeys(where_profile.KINDS, 1 / 7)}
               for memory in where_profile.STAGES]
    return {"conditions": {"cores": 2, "torch": None}, "proved": False, "stages": stages, "profile": profile}


def test_results_are_tables_and_pictures_with_named_axes(tmp_path):
    text = where.text_of(rows())
    assert text.startswith("QUICK") and "+ layer norm" in text and "matrix products" in text
    where.write(rows(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"where.json", "where-stages.png", "where-profile.png"}
    for part in ("stages", "profile"):
        assert all("(" in axes.get_xlabel() for axes in getattr(where_picture, part)(rows()[part]).axes)


def test_what_the_page_shows_is_there_and_its_commands_are_ones():
    page = PAGE.read_text(encoding="utf-8")
    for picture in re.findall(r"\]\((pictures/[^)]+)\)", page):
        assert (PAGE.parent / picture).exists()
    for file in re.findall(r"\]\((\.\./[^)#]+)\)", page):
        assert (PAGE.parent / file).exists()
    commands = re.findall(r"python -m benchmarks where([^`\n#]*)", page)
    assert commands and all(where.parser().parse_args(words.split()) for words in commands)
    for pair in where_facts.FACTS.values():
        assert all(f"`{line}`" in page for line in pair)
