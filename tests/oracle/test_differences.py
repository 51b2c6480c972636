"""Gradients in balls and central differences agree on 30 digits at every coordinate; a wrong derivative does not."""

import json

import autograd.numpy as np
import numpy
import pytest

pytest.importorskip("flint", reason="install the oracle: pip install '.[oracle]'")
from minires import VARIANTS, activations  # noqa: E402
from minires.gradients import kinds_of, loss, random_parameters, tiny_example, tiny_model  # noqa: E402
from minires.oracle.exact.differences import DIGITS, MOST, central, confirm, confirm_variant, digits  # noqa: E402
from minires.oracle.exact.balls import Ball, balls, precision, raw  # noqa: E402


def test_a_polynomial_is_differentiated_to_all_digits():
    a = {"x": numpy.array([0.5, -1.25, 3.0]), "y": numpy.array(2.0)}
    rows = confirm(lambda p: np.sum(p["x"] ** 3 * p["y"]), a)
    assert [row.parameter for row in rows] == ["x", "y"] and [row.coordinates for row in rows] == [3, 1]
    assert all(DIGITS + 5 < row.digits <= MOST for row in rows)


def test_central_differences_know_nothing_of_derivatives():
    with precision(512):
        slope = central(lambda p: np.exp(p["x"][0]), {"x": balls([0.5, 2.0])}, "x")
        assert digits(slope[0], Ball(0.5).exp(), 1.0) > 40 and float(abs(raw(slope[1])).upper()) < 1e-100


@pytest.mark.parametrize("slip", [1e-12, 1e-25])
def test_a_derivative_that_is_wrong_by_a_little_is_found(slip):
    wrong = activations.elementwise(numpy.tanh, lambda x: (1 - numpy.tanh(x) ** 2) * (1 + Ball(slip)))
    row, = confirm(lambda p: np.sum(wrong(p["x"])), {"x": numpy.array([0.3, -0.75])})
    assert abs(row.digits + numpy.log10(slip)) < 0.5


def test_one_wrong_coordinate_is_the_worst_one():
    def slope(x):
        return numpy.where(numpy.arange(3) == 1, 1 + Ball(1e-9), 1) * 2 * x
    wrong = activations.elementwise(lambda x: x * x, slope)
    row, = confirm(lambda p: np.sum(wrong(p["x"])), {"x": numpy.array([0.3, -0.75, 2.0])})
    assert row.worst == (1,) and row.digits < 10


def test_vanilla_agrees_on_thirty_digits_and_its_key_bias_has_no_gradient():
    rng = numpy.random.default_rng(2)
    model = tiny_model("vanilla", layers=1, vocabulary=4, width=4, heads=2, kv_heads=1, feed_forward=3, maximum_length=3)
    batch = tiny_example(model, rng, B=1, T=3)
    rows = confirm(lambda p: loss(model, p, batch)[0], random_parameters(model, rng))
    rows = {row.parameter: row for row in rows}
    assert min(row.digits for row in rows.values()) >= DIGITS and len(rows) == 22
    assert rows["layers.0.attention.b_k"].digits > DIGITS + 10


# Sinkhorn loses bits; matrices that grow with the square of the number of streams, or faster, have too many coordinates
LESS = {"mhc": {"options": {"streams": 2}, "bits": 1024}, "mhc_lite": {"options": {"streams": 2}}}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_agrees_on_thirty_digits(variant):
    kind = "decoder" if "decoder" in kinds_of(variant) else kinds_of(variant)[0]
    rows = confirm_variant(variant, kind=kind, layers=2, **LESS.get(variant, {}))
    assert min(row.digits for row in rows) >= DIGITS


# ---- the command -----------------------------------------------------------------------------------------------------

FOUND = {"digits": [{"parameter": "W", "coordinates": 2, "digits": 41.5, "worst": (1, 0)}],
         "errors": [{"dtype": dtype, "of": of, "entries": 3, "rms": 1.0, "largest": 2.0, "where": "W [0]", "tensor_rms": 0.5,
                     "tensor_largest": 0.75} for dtype in ("float64", "float32") for of in ("forward", "gradients")]}


def exact(monkeypatch, capsys, found, *words):
    from minires.cli import main
    monkeypatch.setattr("minires.commands.check_exact.side_by_side", lambda calls, *rest: [found for _ in calls])
    code = main(["check", "--exact", *words])
    return code, capsys.readouterr().out


def test_check_exact_prints_digits_and_ulps(monkeypatch, capsys):
    code, out = exact(monkeypatch, capsys, FOUND, "realformer")
    assert code == 0 and "41.5" in out and "[1, 0]" in out and "float32" in out and "all at least 30" in out
    code, out = exact(monkeypatch, capsys, FOUND, "realformer", "svformer")
    assert code == 0 and all(word in out for word in ("realformer", "svformer", "float64 gradients, rms ulps", "0.5000"))
    assert json.loads(exact(monkeypatch, capsys, FOUND, "svformer", "--json")[1])["svformer"]["digits"][0]["digits"] == 41.5


def test_check_exact_fails_below_thirty_digits(monkeypatch, capsys):
    bad = {**FOUND, "digits": [{**FOUND["digits"][0], "digits": 29.9}]}
    code, out = exact(monkeypatch, capsys, bad, "realformer")
    assert code == 1 and "fewest digits of agreement 29.9: NOT all at least 30" in out


@pytest.mark.slow
def test_check_exact_of_a_variant_runs():
    from minires.commands.check_exact import check
    found = check("resformer", 0, "decoder", 2)
    assert min(row["digits"] for row in found["digits"]) >= DIGITS and len(found["errors"]) == 4
