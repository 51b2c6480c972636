"""Laws of the optimisers, the schedule and clipping."""

import math

import numpy as np
import pytest

from minires.training.optimisers import adamw, clip, decays, global_norm, optimiser, sgd, warm_up_cosine

NAMES = ("layers.0.attention.W_q", "layers.0.attention.b_q", "layers.1.attention.lambda_1", "final_norm.gain")


def numbers(seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((2, 3)) for name in NAMES}


def test_adamw_is_its_equations_entry_by_entry():
    beta_1, beta_2, epsilon, decay, rate = 0.8, 0.95, 1e-3, 0.3, 0.07
    method, params = adamw(beta_1, beta_2, epsilon, decay), numbers(0)
    moments, new = method.start(params), params
    for t in (1, 2, 3):
        new, moments = method.update(new, numbers(t), moments, t, rate)
    for name in NAMES:
        for i in np.ndindex(2, 3):
            w, m, v = params[name][i], 0.0, 0.0
            for t in (1, 2, 3):
                g = numbers(t)[name][i]
                m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
                move = (m / (1 - beta_1 ** t)) / (math.sqrt(v / (1 - beta_2 ** t)) + epsilon)
                w = w - rate * (move + (decay * w if "W_" in name else 0.0))
            assert new[name][i] == pytest.approx(w, rel=1e-13)


def test_sgd_is_its_equations_entry_by_entry():
    method, params = sgd(momentum=0.6, weight_decay=0.2), numbers(0)
    moments, new = method.start(params), params
    for t in (1, 2, 3):
        new, moments = method.update(new, numbers(t), moments, t, 0.05)
    for name in NAMES:
        w, m = params[name][1, 2], 0.0
        for t in (1, 2, 3):
            m = 0.6 * m + numbers(t)[name][1, 2] + (0.2 * w if "W_" in name else 0.0)
            w = w - 0.05 * m
        assert new[name][1, 2] == pytest.approx(w, rel=1e-13)


def test_adamw_is_torchs_adamw():
    torch = pytest.importorskip("torch", reason="install the peers: pip install '.[peers]'")
    method, params = adamw(0.9, 0.98, 1e-8, 0.1), {"W": numbers(0)[NAMES[0]]}
    weight = torch.nn.Parameter(torch.tensor(params["W"]))
    theirs = torch.optim.AdamW([weight], lr=0.02, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.1)
    moments = method.start(params)
    for t in range(1, 6):
        gradient = numbers(t)[NAMES[1]]
        weight.grad = torch.tensor(gradient)
        theirs.step()
        params, moments = method.update(params, {"W": gradient}, moments, t, 0.02)
    np.testing.assert_allclose(params["W"], weight.detach().numpy(), rtol=1e-13)


def test_only_matrices_and_tables_decay():
    assert [decays(name) for name in NAMES] == [True, False, False, False]
    assert decays("embedding.W_token") and decays("head.W")
    assert not any(map(decays, ("head.b", "shared.attention.theta", "shared.attention.s", "layers.1.attention.lambda")))


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_an_update_changes_nothing_in_place_and_keeps_float32(name):
    method = optimiser(name, weight_decay=0.1)
    params = {key: value.astype(np.float32) for key, value in numbers(0).items()}
    gradient = {key: value.astype(np.float32) for key, value in numbers(1).items()}
    before, moments = {key: value.copy() for key, value in params.items()}, method.start(params)
    new, moved = method.update(params, gradient, moments, 1, warm_up_cosine(1, 10, 0.1, 3))
    assert all(np.array_equal(params[key], before[key]) and not np.array_equal(new[key], before[key]) for key in params)
    assert {array.dtype for tree in (new, *moved.values()) for array in tree.values()} == {np.dtype("float32")}
    assert all(not np.any(array) for tree in moments.values() for array in tree.values())


def test_the_rate_rises_linearly_then_falls_as_half_a_cosine_to_its_final_share():
    rates = [warm_up_cosine(step, 100, 2.0, 20, final=0.25) for step in range(1, 101)]
    np.testing.assert_allclose(rates[:20], 2.0 * np.arange(1, 21) / 20)
    assert max(rates) == rates[19] == 2.0 and rates[59] == pytest.approx(2.0 * (0.25 + 0.75 / 2))
    assert rates[-1] == pytest.approx(0.5) and np.all(np.diff(rates[19:]) < 0)


def test_clipping_scales_the_whole_gradient_to_the_limit_and_leaves_smaller_ones():
    gradient = numbers(3)
    norm = global_norm(gradient)
    assert norm == pytest.approx(math.sqrt(sum(x * x for g in gradient.values() for x in g.ravel())), rel=1e-14)
    clipped = clip(gradient, norm, 0.5)
    assert global_norm(clipped) == pytest.approx(0.5) and clip(gradient, norm, norm) is gradient
    assert clip(gradient, norm, None) is gradient
    np.testing.assert_allclose(clipped[NAMES[1]] / gradient[NAMES[1]], 0.5 / norm)


def test_the_norm_of_a_large_float32_gradient_does_not_overflow():
    assert global_norm({"W": np.full(4, 1e30, dtype=np.float32)}) == pytest.approx(2e30, rel=1e-6)


def test_an_unknown_optimiser_is_an_error_that_names_the_nearest():
    with pytest.raises(ValueError, match="unknown optimiser 'adam': did you mean 'adamw'"):
        optimiser("adam")
