"""Laws of conceptors: the spectrum, the aperture, the Boolean operations with singular cases, evidence, recall."""

import autograd.numpy as anp
import numpy as np
import pytest

from minires.gradients import central_differences, value_and_gradient
from minires.reservoir.echo_state import run, step
from minires.reservoir.kernels import leaky
from minires.reservoir.readouts.conceptors import (adapt_aperture, conceptor, conceptor_of, conjunction, disjunction, evidence,
                                                   negation)
from minires.reservoir.readouts.patterns import recall, store


def cloud(L=40, N=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((L, N)) @ rng.standard_normal((N, N))


def soft(seed, N=5):
    return conceptor(cloud(N=N, seed=seed), 0.7)


def projector(columns, N=5, seed=9):
    """A hard conceptor: onto the span of some columns of an orthogonal matrix."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))[0][:, columns]
    return Q @ Q.T


def papers_definition(A, B):
    """Jaeger 2014: P (P^T (A^+ + B^+ - I) P)^-1 P^T, P a basis of the directions that are in both ranges."""
    I = np.eye(len(A))
    outside = np.zeros_like(A)
    for C in (A, B):
        values, V = np.linalg.eigh(C)
        outside += V[:, values < 1e-9] @ V[:, values < 1e-9].T
    values, V = np.linalg.eigh(outside)
    P = V[:, values < 1e-9]
    inner = P.T @ (np.linalg.pinv(A, rcond=1e-9) + np.linalg.pinv(B, rcond=1e-9) - I) @ P
    return P @ np.linalg.inv(inner) @ P.T


# ---- one conceptor ---------------------------------------------------------------------------------------------------

def test_a_conceptor_is_its_equation_and_its_spectrum_lies_between_zero_and_one():
    X, aperture = cloud(), 0.8
    R = sum(np.outer(x, x) for x in X) / 40
    C = conceptor(X, aperture)
    np.testing.assert_allclose(C @ (R + aperture ** -2 * np.eye(5)), R, rtol=1e-10, atol=1e-12)
    s = np.linalg.eigvalsh(R)
    np.testing.assert_allclose(np.linalg.eigvalsh(C), s / (s + aperture ** -2), rtol=1e-9)
    assert np.array_equal(C, C.T) and 0 < np.linalg.eigvalsh(C).min() and np.linalg.eigvalsh(C).max() < 1
    np.testing.assert_array_equal(conceptor(X.reshape(4, 10, 5), aperture), C)


def test_a_conceptor_minimises_its_loss():
    X, aperture = cloud(), 0.8
    C = conceptor(X, aperture)
    loss = lambda C: np.mean(np.sum((X - X @ C.T) ** 2, axis=1)) + aperture ** -2 * np.sum(C ** 2)
    D = np.random.default_rng(1).standard_normal((5, 5))
    assert loss(C) < min(loss(C + 1e-3 * D), loss(C - 1e-3 * D))
    assert abs(loss(C + 1e-4 * D) - loss(C - 1e-4 * D)) < 1e-10


def test_more_samples_of_the_same_kind_are_the_same_conceptor():
    """R is divided by the number of samples."""
    X = cloud()
    np.testing.assert_allclose(conceptor(np.r_[X, X, X], 0.8), conceptor(X, 0.8), rtol=1e-12)


def test_adapting_the_aperture_is_the_conceptor_of_the_product():
    X = cloud()
    np.testing.assert_allclose(adapt_aperture(conceptor(X, 0.8), 2.5), conceptor(X, 2.0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(adapt_aperture(adapt_aperture(soft(1), 3.0), 1 / 3), soft(1), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(adapt_aperture(projector([0, 3]), 7.0), projector([0, 3]), atol=1e-14)


def test_not_turns_the_aperture_round():
    """NOT phi(C, g) = phi(NOT C, 1/g)."""
    np.testing.assert_allclose(negation(adapt_aperture(soft(1), 2.0)), adapt_aperture(negation(soft(1)), 0.5), atol=1e-12)


# ---- logic -----------------------------------------------------------------------------------------------------------

SOFT, HARD = [soft(1), soft(2), soft(3)], [projector([0, 1, 2]), projector([1, 2, 4]), projector([2, 3])]
FEW = [conceptor(cloud(L=L, seed=seed), 1.5) for L, seed in ((2, 4), (3, 5), (4, 6))]  # of lower rank than N
MIXED = [HARD[0], FEW[2], SOFT[0]]


@pytest.mark.parametrize("A, B, C", [SOFT, HARD, FEW, MIXED], ids=["soft", "hard", "few samples", "mixed"])
def test_the_laws_of_logic(A, B, C):
    close = lambda one, other: np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)
    close(negation(negation(A)), A)
    close(negation(conjunction(A, B)), disjunction(negation(A), negation(B)))
    close(negation(disjunction(A, B)), conjunction(negation(A), negation(B)))
    close(conjunction(A, B), conjunction(B, A))
    close(disjunction(A, B), disjunction(B, A))
    close(conjunction(conjunction(A, B), C), conjunction(A, conjunction(B, C)))
    close(disjunction(disjunction(A, B), C), disjunction(A, disjunction(B, C)))
    I, zero = np.eye(5), np.zeros((5, 5))
    for neutral, dominant, operation in ((I, zero, conjunction), (zero, I, disjunction)):
        close(operation(A, neutral), A)
        close(operation(A, dominant), dominant)
    for found in (conjunction(A, B), disjunction(A, B)):
        assert np.linalg.eigvalsh(found).min() > -1e-10 and np.linalg.eigvalsh(found).max() < 1 + 1e-10
    for larger, smaller in ((A, conjunction(A, B)), (disjunction(A, B), A)):
        assert np.linalg.eigvalsh(larger - smaller).min() > -1e-10


@pytest.mark.parametrize("A, B, C", [SOFT, HARD, FEW, MIXED], ids=["soft", "hard", "few samples", "mixed"])
def test_and_is_the_definition_of_the_paper(A, B, C):
    for one, other in ((A, B), (B, C), (A, C)):
        np.testing.assert_allclose(conjunction(one, other), papers_definition(one, other), atol=1e-9)


def test_and_of_soft_conceptors_is_the_inverse_formula():
    A, B = soft(1), soft(2)
    I = np.eye(5)
    np.testing.assert_allclose(np.linalg.inv(conjunction(A, B)), np.linalg.inv(A) + np.linalg.inv(B) - I, rtol=1e-8, atol=1e-8)


def test_conceptors_with_exact_zeros_and_with_tiny_eigenvalues_have_their_and():
    found = conjunction(np.diag([0.5, 0.0, 1.0, 0.0]), np.diag([0.25, 0.0, 0.0, 0.75]))
    np.testing.assert_allclose(found, np.diag([0.2, 0.0, 0.0, 0.0]), atol=1e-15)
    np.testing.assert_array_equal(conjunction(np.zeros((3, 3)), np.zeros((3, 3))), np.zeros((3, 3)))
    for tiny in (1e-4, 1e-9):
        np.testing.assert_allclose(conjunction(tiny * np.eye(3), tiny * np.eye(3)), tiny / (2 - tiny) * np.eye(3), rtol=1e-10)


def test_hard_conceptors_are_intersection_and_span():
    np.testing.assert_allclose(conjunction(HARD[0], HARD[1]), projector([1, 2]), atol=1e-12)
    np.testing.assert_allclose(disjunction(HARD[0], HARD[1]), projector([0, 1, 2, 4]), atol=1e-12)
    np.testing.assert_allclose(conjunction(projector([0]), projector([1])), np.zeros((5, 5)), atol=1e-12)


def test_or_is_the_conceptor_of_the_states_together():
    """With correlation matrices R and Q: C(R) OR C(Q) = C(R + Q)."""
    R, Q = (np.cov(cloud(seed=seed).T) for seed in (1, 2))
    np.testing.assert_allclose(disjunction(conceptor_of(R, 0.6), conceptor_of(Q, 0.6)), conceptor_of(R + Q, 0.6), atol=1e-11)


# ---- derivatives, dtype ----------------------------------------------------------------------------------------------

def test_conceptors_are_differentiable():
    rng = np.random.default_rng(3)
    X, Z, D = cloud(L=7, N=3), cloud(L=6, N=3, seed=1), rng.standard_normal((3, 3))

    def function(p):
        A, B = conceptor(p["X"], 0.8), adapt_aperture(conceptor(p["Z"], 0.5), 1.7)
        return anp.sum(D * disjunction(A, B)) + anp.sum(D.T * conjunction(A, negation(B))) + anp.sum(evidence(A, Z) ** 2)

    params = {"X": X, "Z": Z}
    _, gradient = value_and_gradient(function, params)
    for name in params:
        np.testing.assert_allclose(gradient[name], central_differences(function, params, name), rtol=1e-6, atol=1e-8)


def test_conceptors_take_a_complex_step():
    X, D = cloud(L=7, N=3), cloud(L=7, N=3, seed=1)
    slope = conceptor(X + 1e-30j * D, 0.8).imag / 1e-30
    np.testing.assert_allclose(slope, (conceptor(X + 1e-6 * D, 0.8) - conceptor(X - 1e-6 * D, 0.8)) / 2e-6, atol=1e-8)


def test_float32_stays_float32():
    X = cloud().astype(np.float32)
    A, B = conceptor(X, 0.8), conceptor(X[:9], 0.4)
    for each in (A, negation(A), adapt_aperture(A, 2.0), conjunction(A, B), disjunction(A, B), evidence(A, X)):
        assert each.dtype == np.float32


# ---- use -------------------------------------------------------------------------------------------------------------

def test_evidence_is_the_quadratic_form_and_tells_classes_apart():
    C, x = soft(1), cloud(L=6, seed=2).reshape(2, 3, 5)
    for b, t in np.ndindex(2, 3):
        assert evidence(C, x)[b, t] == pytest.approx(sum(x[b, t, i] * C[i, j] * x[b, t, j] for i in range(5) for j in range(5)))
    rng = np.random.default_rng(5)
    planes = [np.linalg.qr(rng.standard_normal((6, 2)))[0] for _ in range(3)]
    draw = lambda c, L: rng.standard_normal((L, 2)) @ planes[c].T + 0.1 * rng.standard_normal((L, 6))
    positive = [conceptor(draw(c, 50), 2.0) for c in range(3)]
    negative = [negation(disjunction(*(positive[o] for o in range(3) if o != c))) for c in range(3)]
    labels = rng.integers(3, size=60)
    x = np.concatenate([draw(c, 1) for c in labels])
    votes = np.stack([evidence(p, x) + evidence(n, x) for p, n in zip(positive, negative)])
    assert np.mean(np.argmax(votes, axis=0) == labels) > 0.9


def reservoir(N=80):
    rng = np.random.default_rng(6)
    W = rng.standard_normal((N, N))
    return {"W": 1.5 * W / max(abs(np.linalg.eigvals(W))), "W_in": 1.5 * rng.standard_normal((N, 1)),
            "b": 0.2 * rng.standard_normal(N), **leaky(1.0)}


def period(x):
    """The strongest period of a series."""
    spectrum = abs(np.fft.rfft(x - x.mean()))
    return len(x) / np.argmax(spectrum)


def test_two_sines_are_stored_in_one_reservoir_and_recalled_by_their_conceptors():
    params = reservoir()
    patterns = [np.sin(2 * np.pi * np.arange(600) / p)[:, None] for p in (8.8342522, 9.8342522)]
    loaded, driven = store(params, patterns, 1e-4)
    unit = int(np.argmax(driven[0].std(axis=0)))
    for states, wanted in zip(driven, (8.8342522, 9.8342522)):
        free = recall(loaded, conceptor(states, 10.0), states[-1], 2000)
        assert period(free[1000:, unit]) == pytest.approx(wanted, rel=0.01)
        assert free[1000:, unit].std() == pytest.approx(states[:, unit].std(), rel=0.1)


def test_storing_and_recalling_are_their_equations():
    rng = np.random.default_rng(7)
    params = {"W": 0.3 * rng.standard_normal((4, 4)), "W_in": rng.standard_normal((4, 2)), "b": rng.standard_normal(4),
              **leaky(0.6)}
    patterns = [rng.standard_normal((9, 2)), rng.standard_normal((12, 2))]
    loaded, driven = store(params, patterns, 0.3, drop=3)
    A, B = np.zeros((4, 4)), np.zeros((4, 4))
    for u, kept in zip(patterns, driven):
        states, _ = run(params, u)
        np.testing.assert_array_equal(kept, states[3:])
        for t in range(3, len(u)):
            A += np.outer(states[t - 1], states[t - 1])
            B += np.outer(params["W"] @ states[t - 1] + params["W_in"] @ u[t], states[t - 1])
    np.testing.assert_allclose(loaded["W"], B @ np.linalg.inv(A + 0.3 * np.eye(4)), rtol=1e-10)
    C, x = soft(1, N=4), rng.standard_normal(4)
    free = recall(loaded, C, x, 3)
    for t in range(3):
        x = C @ step(loaded, x, np.zeros(2))
        np.testing.assert_allclose(free[t], x, rtol=1e-13)


C = soft(1)


@pytest.mark.parametrize("call, message", [
    (lambda: conceptor(cloud(), 0.0), "aperture=0.0: expected a positive number"),
    (lambda: conceptor(cloud(), np.inf), "aperture=inf: expected a positive number"),
    (lambda: conceptor(cloud() * np.nan, 1.0), r"states is nan at \(0, 0\)"),
    (lambda: adapt_aperture(C, -1.0), "factor=-1.0: expected a positive number"),
    (lambda: negation(C[:3]), r"C has shape \(3, 5\): expected \(N, N\)"),
    (lambda: negation(np.triu(C)), "C is not symmetric: expected a conceptor or a correlation matrix"),
    (lambda: conjunction(C, np.eye(4)), r"conceptors of shapes \(5, 5\) and \(4, 4\): expected the same units"),
    (lambda: conjunction(C, 3 * np.eye(5)), r"B has eigenvalues from 3 to 3: expected 0 to 1, those of a conceptor"),
    (lambda: negation(-C), r"C has eigenvalues from -.*: expected 0 to 1, those of a conceptor"),
    (lambda: evidence(C, np.ones((2, 4))), r"states have shape \(2, 4\): expected \(..., 5\)"),
    (lambda: store(reservoir(), [], 1.0), "patterns: expected a list of inputs"),
    (lambda: store(reservoir(), [np.ones((50, 1))], 1.0), "washout=100 of a series of 50 steps"),
    (lambda: recall(reservoir(), C, np.ones(80), 5), r"C has shape \(5, 5\): expected \(80, 80\)"),
    (lambda: recall(reservoir(), np.eye(80), np.ones(80), 0), "steps=0: expected a whole number of at least 1"),
])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message):
        call()
