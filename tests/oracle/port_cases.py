"""Small goldens and ports for the tests of adapters, reports and files; float64 is truth enough here."""

from functools import cache, partial

import numpy as np
import pytest

from minires.oracle.cases.transformers import transformer_case
from minires.oracle.judgement import judge, likelihood, local, tolerance
from minires.oracle.mistakes import MISTAKES, planted
from minires.oracle.packs.golden import Golden, Truth
from minires.oracle.tape import differentiate, record

FEW = ("scale-missing", "softmax-over-queries")


@cache
def golden(variant="pre_norm", kind="decoder", id=None, **changes):
    """The golden of a small case."""
    case = transformer_case(variant, kind, id=id, **{"layers": 1, "B": 2, "T": 4, "S": 5, "decode": 0, **changes})
    values = differentiate(record(case), case.values)
    zeros = {name: np.zeros(np.shape(value), np.float32) for name, value in values.items()}
    return Golden(case, Truth(values, zeros, {}), {})


def two():
    """Two cases of different sizes."""
    return [golden(), golden("vanilla", "encoder", T=5)]


def right(case):
    """A correct port in float64: the library itself."""
    return differentiate(record(case), case.values)


def wrong(name):
    """A port with one mistake of the catalogue."""
    def run(case):
        with planted(case, MISTAKES[name]) as other:
            return differentiate(record(other), other.values)
    return run


@pytest.fixture
def without_causes(monkeypatch):
    """Judge without looking for causes, which takes most of the time."""
    monkeypatch.setattr(judge, "judge", partial(judge.judge, diagnose=False))


@pytest.fixture
def fewer_reruns(monkeypatch):
    """Tolerances from few reruns: the ports here are exact or far off."""
    for module in (local, tolerance):
        monkeypatch.setattr(module, "RERUNS", 3)


@pytest.fixture
def few_mistakes(monkeypatch):
    """Look for a few mistakes only."""
    monkeypatch.setattr(likelihood, "MISTAKES", {name: MISTAKES[name] for name in FEW})
