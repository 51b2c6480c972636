"""The trailing shape comments of the reservoirs, such as `# (T, N)`, are true while every part of them runs.

A letter has one size in one call of a function; what it means is said at the head of its file.
"""

from pathlib import Path

import numpy as np
import pytest
from test_shapes import commented, watch

import minires
from minires.differentiation import value_and_gradient
from minires.reservoir import (FAMILIES, TOPOLOGIES, EchoState, accumulate, features, fit, free_runs, kernels, make_topology,
                               rescale, ridge, run, run_bidirectional, run_deep, run_residual_memory, select, stack_rows,
                               washout)
from minires.reservoir.echo_state import step
from minires.reservoir.input_weights import input_signs
from minires.reservoir.measures import (echo_state_property, forecasts, linear_memory, lyapunov, memory, processing, rank,
                                        scores)
from minires.reservoir.operators import dense
from minires.reservoir.readouts import classification, conceptors, force, online, patterns, plasticity
from minires.reservoir.readouts.features import SQUARES
from minires.reservoir.readouts.ridge import predict, ridge_without_bias
from minires.reservoir.spectra import radii
from minires.reservoir_resformer.fusion import FUSIONS
from minires.reservoir_resformer.model import ReservoirResFormer
from minires.reservoir_resformer.readout import GROUPS, READOUTS
from minires.reservoir_resformer.streaming import begin, hear

ROOT = Path(minires.__file__).parent
FILES = sorted((ROOT / "reservoir").rglob("*.py")) + sorted((ROOT / "reservoir_resformer").glob("*.py"))
N, d, q, T, B = 11, 2, 3, 40, 4
RNG = np.random.default_rng(0)
U, Y = RNG.standard_normal((T, d)), RNG.standard_normal((T, q))
UB, YB = RNG.standard_normal((B, T, d)), RNG.standard_normal((B, T, q))
PARAMS = EchoState(units=N, inputs=d).init(RNG)
LINEAR = {**EchoState(units=N, inputs=1, topology="cycle", bias_scale=0).init(RNG)}


def run_kernel():
    """Every topology, family, form of run, and the gradient."""
    for name in TOPOLOGIES:
        dense(make_topology(name, N, RNG))
    for family in FAMILIES:
        EchoState(units=N, inputs=d, family=family).init(RNG)
    for by in ("spectral_radius", "spectral_norm", "effective_radius", "effective_radius_by_factor"):
        rescale(RNG.uniform(-1, 1, (N, N)), by, 0.9, **kernels.leaky(0.4))
    rescale(RNG.uniform(-1, 1, (90, 90)), "circular_law", 0.9)
    radii(PARAMS["W"], **kernels.leaky(0.4))
    input_signs(N, d)
    for form in (make_topology("sparse", N, RNG, in_degree=3), PARAMS["W"]):
        params = {**PARAMS, "W": rescale(form, "spectral_radius", 0.9), "W_fb": RNG.standard_normal((N, q))}
        value_and_gradient(lambda u: run(params, u["u"], y=Y)[0].sum(), {"u": U})
        run(params, UB, y=YB, mask=np.arange(T) < np.array([[T], [3], [9], [5]]))
    step({**PARAMS, "W": make_topology("sparse", N, RNG, in_degree=3)}, UB[:, 0, :1] @ np.ones((1, N)), UB[:, 0])
    run_deep([PARAMS, EchoState(units=5, inputs=N).init(RNG)], UB)
    run_bidirectional(PARAMS, PARAMS, UB)
    run_residual_memory({**PARAMS, "K": 0.0, "g": 1.0}, EchoState(units=5, inputs=d + N).init(RNG), U)
    value_and_gradient(lambda p: accumulate(lambda _, s: s.sum(), {}, p, U)[0], PARAMS)


def run_readouts():
    """Features, ridge and its derivative, online learning, classification, conceptors."""
    states, _ = run(PARAMS, UB)
    for squares in SQUARES:
        F = features(states, UB, YB, squares=squares)
    washout(3, states, YB)
    F, targets = stack_rows(3, F, YB, mask=np.ones((B, T), dtype=bool))
    value_and_gradient(lambda p: ridge(p["F"], p["Y"], 0.1)["W_o"].sum(), {"F": F, "Y": targets})
    predict(ridge_without_bias(F, targets, 0.1), F)
    select(F, targets, [0.1, 1.0], "gcv")
    select(F[:9], targets[:9], [0.1, 1.0])
    online.rls(F, targets)
    online.lms(F, targets, 1e-3)
    online.normalised_lms(F, targets, 1e-1)
    rows = classification.mean_state(states, np.ones((B, T), dtype=bool)) + classification.last_state(states)
    classification.predict_class(classification.fit_classes(rows, np.array([0, 1, 2, 1]), 0.1), rows)
    plasticity.towards_normal(PARAMS, U)
    feedback = {**PARAMS, "W_fb": RNG.standard_normal((N, q))}
    force.free_run(feedback, force.force(feedback, Y, U), 5, U[:5])
    C = conceptors.conceptor(states[0], 3.0)
    conceptors.disjunction(C, conceptors.conjunction(C, conceptors.adapt_aperture(C, 2.0)))
    conceptors.evidence(C, states[0])
    made = patterns.store(PARAMS, [U, U[::-1]], 0.1, drop=5)
    assert made is not None
    network = EchoState(units=N, inputs=d)
    free_runs(network, fit(network, U[:-1], U[1:], RNG, 30, 5), U[:-1], [31, 33], 4)


def run_measures():
    """Every measure at a small size."""
    one = EchoState(units=N).init(RNG)
    memory.memory_capacity(one, RNG, 5, 200, 100, 10)
    processing.processing_capacity(one, RNG, {1: 3, 2: 2}, rows=300, washout=10)
    linear_memory.linear_memory(LINEAR)
    lyapunov.lyapunov_exponents(PARAMS, U, RNG, 2, 5)
    for form in (make_topology("sparse", N, RNG, in_degree=3), PARAMS["W"]):
        lyapunov.lyapunov_exponents({**PARAMS, "W": form}, U, RNG, 1, 5)
    echo_state_property.echo_state_bounds(PARAMS)
    echo_state_property.convergence(PARAMS, U, RNG)
    rank.stream_rank(PARAMS, RNG.standard_normal((12, T, d)))
    scores.scores(Y, YB[0])
    scores.nrmse_components(Y, YB[0])
    forecasts.nrmse84(Y[:, 0], YB[0, :, 0], 1.0)
    forecasts.valid_prediction_time(Y, YB[0], 0.1, 1.0)


def run_conversations():
    """Every fusion, readout and group; one utterance at a time; the gradient."""
    tokens = RNG.integers(1, 11, (B, 3, 5))
    real = np.arange(5) < RNG.integers(1, 6, (B, 3))[..., None]
    kinds = [{"fusion": f} for f in FUSIONS] + [{"readout": r} for r in READOUTS] + [{"group": g} for g in GROUPS] + [
        {"step": "sentence_mean"}, {"gradient": "end_to_end"}, {"first": "masked", "reset": "never"}]
    for kind in kinds:
        model = ReservoirResFormer(vocabulary=11, classes=3, width=8, units=(6, 7), density=0.9, memory_tokens=3, **kind)
        params = model.init(RNG)
        value_and_gradient(lambda p: model.apply(p, tokens, real).sum(), params)
        hear(model, params, begin(model, params, B), tokens[:, 0], real[:, 0])


RUNS = {"kernel": run_kernel, "readouts": run_readouts, "measures": run_measures, "conversations": run_conversations}


@pytest.fixture(scope="module")
def watched():
    return {name: watch(run, FILES) for name, run in RUNS.items()}


@pytest.mark.parametrize("name", RUNS)
def test_shape_comments_are_true(watched, name):
    reached, wrong = watched[name]
    assert not wrong, "\n".join(sorted(wrong))
    assert len(reached) > 10


def test_nearly_every_shape_comment_is_reached(watched):
    reached = set().union(*(reached for reached, _ in watched.values()))
    missed = [f"{path.relative_to(ROOT)}:{line}" for path in FILES for line in sorted(commented(path)[2])
              if (str(path), line) not in reached]
    assert len(missed) <= 0.1 * len(reached), missed
