"""The truth is the correctly rounded float64 of the exact value: proved, the same at any precision, and never guessed."""

import math
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("flint", reason="install the oracle: pip install '.[oracle]'")
from minires import VARIANTS, layers  # noqa: E402
from minires.gradients import kinds_of  # noqa: E402
from minires.oracle.exact import balls as ball_arithmetic  # noqa: E402
from minires.oracle.exact.balls import Ball, Undecided, balls, flint, precision, raw  # noqa: E402
from minires.oracle.case import program  # noqa: E402
from minires.oracle.cases.transformers import transformer_case  # noqa: E402
from minires.oracle.exact.truth import (  # noqa: E402
    decided, enclosed, exactly, last_place, rounded, rounded_number, truth)
from minires.oracle.exact.own_errors import in_dtype, own_errors  # noqa: E402
from minires.oracle.tape import differentiate, record  # noqa: E402
from minires.oracle.exact.zeros import CLAUSES, clauses_of  # noqa: E402

SMALL = {"layers": 2, "B": 2, "T": 3, "S": 2, "decode": 1, "vocabulary": 5, "width": 4, "heads": 2, "kv_heads": 1,
         "head_width": 2, "feed_forward": 3}


def small(variant, kind="decoder", **changes):
    return transformer_case(variant, kind, **{**SMALL, **changes})


# ---- rounding --------------------------------------------------------------------------------------------------------

NUMBERS = [(1, -1), (2 ** 60 + 1, -60), (3 ** 40, -10), (-(3 ** 50), -90), (2 ** 54 + 2, -54), (2 ** 54 + 6, -54), (0, 5),
           (2 ** 54 - 1, -54), (-(2 ** 53) - 1, 3), (5, -1076), (3, -1075), (1, -1075), (2 ** 80 - 1, -1130), (1, -5000)]


@pytest.mark.parametrize(("mantissa", "exponent"), NUMBERS)
def test_a_number_is_rounded_as_python_rounds_fractions(mantissa, exponent):
    exact = Fraction(mantissa) * Fraction(2) ** exponent
    value, remainder = rounded_number(mantissa, exponent)
    assert value == float(exact)
    fine = (exact - Fraction(value)) / Fraction(math.ulp(value)) * 2 ** 24
    assert abs(fine - Fraction(remainder) * 2 ** 24) <= Fraction(1, 2) and abs(remainder) <= 0.5
    assert np.float32(remainder) == remainder


def test_the_last_place_is_that_of_the_float():
    assert all(math.ldexp(1, last_place(x)) == math.ulp(x) for x in (1.0, 1.5, -0.1, 0.0, 5e-324, 1e-310, 2.0 ** 60, 1e300))


def test_a_ball_across_a_boundary_is_not_decided():
    tie = flint.arb(2 ** 53 + 1)
    assert decided(tie, "x") == (2.0 ** 53, 0.5)
    for ball in (flint.arb(tie, 1e-20), flint.arb(0, 1e-30), flint.arb.nan(), flint.arb(0, math.inf), flint.arb(1, 1e-17)):
        with pytest.raises(Undecided, match=r"^x\[2\]: .* expected more bits, or a case without a tie$"):
            decided(ball, "x[2]")
    with precision(200):
        assert decided(flint.arb(1, flint.arb(2) ** -90), "x") == (1.0, 0.0)
    assert decided(flint.arb.neg_inf(), "x") == (-math.inf, 0.0)


# ---- the truth of a case ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def realformer():
    case = small("realformer")
    return case, truth(case)


def test_the_truth_does_not_depend_on_the_bits(realformer):
    case, exact = realformer
    more = truth(case, bits=700)
    assert more.certificate["bits"] == 700 and more.certificate["zeros"] == exact.certificate["zeros"]
    for name in exact.values:
        np.testing.assert_array_equal(exact.values[name], more.values[name])
        np.testing.assert_array_equal(exact.remainders[name], more.remainders[name])


def test_too_few_bits_are_doubled_until_all_is_proved(realformer):
    case, exact = realformer
    again = truth(case, bits=96)
    assert again.certificate["bits"] in (192, 384)
    assert all(np.array_equal(exact.values[name], again.values[name]) for name in exact.values)


def test_value_and_remainder_are_the_exact_value_to_seventy_bits(realformer):
    case, exact = realformer
    with precision(500):
        for name, array in enclosed(case).items():
            for index, ball in np.ndenumerate(np.asarray(array, dtype=object)):
                value, remainder = exact.values[name][index], float(exact.remainders[name][index])
                if name not in exact.certificate["zeros"]["key bias"]:
                    assert abs((raw(ball) - value) / math.ulp(value) - remainder) < 2.0 ** -24.9


def test_names_and_shapes_are_those_of_the_float64_run_and_the_values_are_near(realformer):
    case, exact = realformer
    named = differentiate(record(case), case.values)
    assert list(named) == list(exact.values) == list(exact.remainders)
    for name, array in named.items():
        np.testing.assert_allclose(array, exact.values[name], rtol=0, atol=1e-12 * max(1, np.max(abs(exact.values[name]))))
        assert exact.values[name].dtype == float and exact.remainders[name].dtype == np.float32
    assert exact.certificate["entries"] == sum(np.size(array) for array in named.values())
    assert exact.certificate["log2_radius"] < -60


def test_two_precisions_agree_on_fifty_digits():
    case, found = small("vanilla"), []
    for bits in (320, 640):
        with precision(bits):
            found.append({name: np.ravel(array) for name, array in enclosed(case).items()})
    with precision(640):
        apart = max(float(abs(raw(x) - raw(y)).upper()) for name in found[0] for x, y in zip(found[0][name], found[1][name]))
    assert apart < 1e-50


def test_a_tie_is_never_guessed():
    case = small("pre_norm", T=1, decode=0)
    with precision(192), pytest.raises(Undecided, match=r"^loss\[\]: "):
        rounded(case, {**enclosed(case), "loss": Ball(flint.arb(2 ** 53 + 1, 1e-40))}, 192)


def test_the_cap_names_case_tensor_and_index():
    case = small("vanilla")
    with pytest.raises(Undecided, match=r"^case transformer/vanilla-decoder, 60 bits: .*expected more bits") as said:
        truth(case, bits=60, cap=100)
    assert "\n" not in str(said.value)


# ---- zeros by an identity --------------------------------------------------------------------------------------------

def test_the_key_bias_has_no_gradient_and_a_clause_says_why(realformer):
    case, exact = realformer
    assert set(exact.certificate["zeros"]) <= set(CLAUSES)
    assert exact.certificate["zeros"]["key bias"] == {f"grad/layers.{n}.attention.b_k": 2 for n in range(2)}
    assert not np.any(exact.values["grad/layers.1.attention.b_k"])


def test_without_a_clause_the_same_zero_is_not_decided(monkeypatch):
    case = small("vanilla")
    monkeypatch.setattr("minires.oracle.exact.truth.clauses_of", lambda case, name: {})
    with pytest.raises(Undecided, match=r"grad/layers\.0\.attention\.b_k\[0\]: "):
        truth(case, cap=500)


def test_a_clause_that_claims_too_much_hides_nothing(realformer, monkeypatch):
    case, exact = realformer
    monkeypatch.setattr("minires.oracle.exact.truth.clauses_of", lambda case, name: {"all": lambda index: True})
    again = truth(case)
    assert all(np.array_equal(exact.values[name], again.values[name]) for name in exact.values)


def test_rotated_keys_feel_their_bias_and_keys_of_another_text_do_not():
    case = small("vanilla", positions="rotary", head_width=2)
    exact = truth(case)
    assert np.all(exact.values["grad/layers.0.attention.b_k"] != 0)
    assert clauses_of(case, "grad/decoder.layers.0.cross_attention.b_k") and not clauses_of(case, "grad/layers.0.attention.b_k")


def test_a_single_token_gives_its_scores_no_gradient_exactly():
    exact = truth(small("vanilla", T=1, decode=0))
    names = [name for name in exact.values if name.endswith(("W_q", "b_q", "query_heads", "fresh_scores"))]
    assert any(np.any(exact.values[name]) for name in names if not name.startswith("grad/"))
    assert not any(np.any(exact.values[name]) for name in names if name.startswith("grad/"))
    assert np.all(exact.values["layers.1.attention.probabilities"] == 1) and exact.certificate["zeros"] == {}


def test_equal_tokens_at_the_start_are_found_zero_and_others_not():
    case = small("pre_norm", B=2, T=4, vocabulary=6)
    tokens = np.array([[3, 3, 3, 5], [2, 4, 4, 4]])
    exact = truth(case._replace(values={**case.values, "inputs.tokens": tokens}))
    gradient = exact.values["grad/layers.0.attention.query_heads"]  # (B, H, T, K)
    assert not np.any(gradient[0, :, :3]) and np.all(gradient[0, :, 3]) and np.all(gradient[1, :, 1:])
    assert "equal beginning" in exact.certificate["zeros"]


# ---- constants -------------------------------------------------------------------------------------------------------

CONFIGURED = {1e-12, 1e-5, 0.044715, 0.81, 1e-6, 1e-5 ** 2}  # by definition the float64 that is written


def rough_numbers(variant, kind, monkeypatch, **changes):
    """All floats of more than 24 bits that enter balls while a model runs and is differentiated."""
    found, plain, shift = set(), ball_arithmetic.raw, layers.approximate

    def watched(x):
        if isinstance(x, float) and math.isfinite(x) and x.as_integer_ratio()[0].bit_length() > 24:
            found.add(float(x))
        return plain(x)

    case = transformer_case(variant, kind, layers=3 if variant != "unet_skips" else 2, B=1, T=2, S=2, decode=0,
                            **changes)
    monkeypatch.setattr(ball_arithmetic, "raw", watched)
    monkeypatch.setattr(layers, "approximate", lambda z: np.clip(np.round(shift(z)), -9999, 9999))  # any shift will do
    with precision(900):
        values = {name: exactly(value) for name, value in case.values.items()}
        if variant == "mhc":  # many divisions: the forward pass says enough
            program(case, values)
        else:
            differentiate(record(case._replace(values=values)), values)
    written = {x for x in flat(case.config) if isinstance(x, float)}
    return {x for x in found if abs(x) not in CONFIGURED | written}


def flat(x):
    """All numbers in a nest of dicts and lists."""
    children = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ()
    return [x, *(leaf for child in children for leaf in flat(child))]


QUICK = ["vanilla", "pre_norm", "deepnorm", "ngpt", "laurel_gemma", "layernorm_scaling", "temperature", "revit",
         "evolving_attention", "realformer_mean", "resformer", "neutreno"]


@pytest.mark.parametrize("variant", QUICK)
def test_no_constant_is_lost_to_float64_on_the_way(variant, monkeypatch):
    assert rough_numbers(variant, kinds_of(variant)[-1] if variant == "deepnorm" else "decoder", monkeypatch) <= OPTIONS


@pytest.mark.parametrize(("variant", "changes"), [
    ("siamese_norm", {"options": {"depth_scale": True}}), ("revit", {"options": {"alpha": 0.3}}),
    ("vanilla", {"positions": "sinusoidal"})])
def test_no_constant_of_an_option_is_lost(variant, changes, monkeypatch):
    assert not rough_numbers(variant, "decoder", monkeypatch, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in QUICK])
def test_no_constant_of_any_variant_is_lost(variant, monkeypatch):
    assert rough_numbers(variant, kinds_of(variant)[0], monkeypatch) <= OPTIONS


OPTIONS = {0.3, 0.7, 0.01, -0.01, 0.4, 0.2, 0.05}  # defaults of variants: alpha, beta, slope, lambda_


# ---- our own runs ----------------------------------------------------------------------------------------------------

def test_the_error_of_our_own_runs_is_a_few_units_in_the_last_place(realformer):
    errors = own_errors(*realformer)
    assert [(error.dtype, error.of) for error in errors] == [
        (dtype, of) for dtype in ("float64", "float32") for of in ("forward", "gradients")]
    assert all(0.1 < error.tensor_rms < 10 and error.tensor_largest < 200 and error.entries > 200 for error in errors)


def test_an_error_is_measured_beyond_the_rounding_of_the_truth(realformer):
    case, exact = realformer
    name = "grad/layers.0.attention.W_q"
    moved = {**exact.remainders, name: exact.remainders[name] + 64}
    plain, shifted = own_errors(case, exact)[1], own_errors(case, exact._replace(remainders=moved))[1]
    assert shifted.largest > 60 and shifted.rms != plain.rms


def test_a_case_in_float32_is_the_same_case(realformer):
    case, _ = realformer
    single = in_dtype(case, "float32")
    assert all(np.array_equal(single.values[name], case.values[name]) for name in case.values)
    assert single.values["inputs.tokens"].dtype.kind == "i" and single.cotangents["logits"].dtype == "float32"


def test_whole_numbers_stay_as_they_are():
    assert exactly(np.array([1, 2])).dtype.kind == "i" and exactly(np.array([1.0])).dtype == object
    assert balls(balls([0.5]))[0] is not None and raw(balls([0.5])[0]) == 0.5
