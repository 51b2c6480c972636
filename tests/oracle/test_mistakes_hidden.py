"""The mistakes of the hidden stream: each is listed, each shows, and an independent port that makes it computes the same."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from listed_hidden import CATALOGUE, ELSEWHERE, SAME
from ports.torch_transformer import port_of, run

import minires.residual.hidden as hidden
from minires.gradients import kinds_of
from minires.oracle.cases.transformers import transformer_case
from minires.oracle.mistakes import FILES, MISTAKES, planted
from minires.oracle.tape import differentiate, record

OWN = {name: mistake for file in FILES if file.__name__.split(".")[-1].startswith("hidden_")
       for name, mistake in file.MISTAKES.items()}
TESTS = Path(__file__).resolve().parents[1]
SMALL = {"layers": 4, "B": 2, "T": 4, "S": 7, "decode": 1}
OPTIONS = {  # further cases: name -> variant, options
    "siamese_norm scaled": ("siamese_norm", {"depth_scale": True, "input_norm": True}),
    "parallel two": ("parallel", {"norms": "two"}), "unet_skips concatenate": ("unet_skips", {"form": "concatenate"}),
    "unet_skips gate": ("unet_skips", {"w": "gate"}), "denseformer dilation": ("denseformer", {"dilation": 2}),
    "denseformer period": ("denseformer", {"period": 2}), "mhc stream": ("mhc", {"logits": "stream"}),
    "attn_res_block three": ("attn_res_block", {"block_size": 3}), "rezero shared": ("rezero", {"shared": True}),
    "laurel_rw sigmoid": ("laurel_rw", {"weights": "sigmoid"}), "laurel_rw none": ("laurel_rw", {"weights": "none"}),
    "deep_cross_attention v1": ("deep_cross_attention", {"form": "v1"}),
    "deep_cross_attention v2": ("deep_cross_attention", {"form": "v2"}), "revnet sum": ("revnet", {"finish": "sum"}),
    "attn_res_delta gate": ("attn_res_delta", {"gate": True}), "muddformer static": ("muddformer", {"dynamic": False}),
    "altup alternating": ("altup", {"active": "alternating", "streams": 3}),
    "frac_connections static": ("frac_connections", {"dynamic": False, "fractions": 4}),
    "resi_dual weighted": ("resi_dual", {"s": 0.5, "alpha": 0.75}), "deepnorm own": ("deepnorm", {"alpha": 1.5}),
    "mix_ln two": ("mix_ln", {"p": 2}), "backout first": ("backout", {"layer": 1}), "frozen first": ("frozen", {"layers": [1]}),
}
CASES = {**{f"{variant} {kind}": (variant, kind, {}, {}) for variant in hidden.VARIANTS for kind in kinds_of(variant)},
         **{name: (variant, "decoder", options, {}) for name, (variant, options) in OPTIONS.items()},
         "two together": ("realformer + resformer", "encoder", {}, {}),
         "three together": ("hyper_connections + realformer + resformer_learnable", "decoder", {}, {}),
         "hyper_connections epsilon": ("hyper_connections", "decoder", {}, {"layers": 1, "epsilon": 0.5})}
SOME = ("sandwich_norm decoder", "deepnorm encoder", "rezero decoder", "highway decoder", "hyper_connections decoder",
        "mhc decoder", "denseformer decoder", "attn_res decoder", "unet_skips decoder", "canon decoder",
        "x0_lambdas encoder_decoder", "muddformer decoder")
FEW = ("deepnorm-alpha-on-branch", "mhc-transposed", "depth-sources-cumulative", "unet-first-in-first-out",
       "deep-delta-length-held-constant", "orthogonal-flattened", "denseformer-keeps-averages", "canon-reaches-ahead",
       "gemma-weight-as-gain", "frozen-stops-the-stream")
FAINT = {  # mistakes that float64 sees and shorter precisions hardly: why
    "hyper-connections-mean": "the final norm is blind to the scale, but for its epsilon",
    "mhc-exponential-start": "Sinkhorn's result does not depend on the scale of the rows that it starts from, but for epsilon",
}
UNEQUAL = 1e-8  # largest difference of two float64 programs of one function, of a tensor's largest entry
SMALLEST = 1e-6  # gradients that are zero by an identity have no size of their own


@cache
def case_of(name):
    """One of CASES."""
    variant, kind, options, changes = CASES[name]
    return transformer_case(variant, kind, id=f"test/{name}", options=options, **{**SMALL, **changes})


@cache
def right(name):
    """What the library computes."""
    case = case_of(name)
    return differentiate(record(case), case.values)


def wrong(case, mistake):
    """What the library computes with the mistake planted."""
    with planted(case, mistake) as other, np.errstate(all="ignore"):
        return differentiate(record(other), other.values)


def differences(got, expected):
    """name -> the largest difference of a tensor that both have, over its largest entry; infinite where shapes differ."""
    largest = lambda x: np.max(np.abs(x), initial=0.0)
    common = sorted(got.keys() & expected.keys())
    floors = {slope: SMALLEST * max(largest(expected[name]) for name in common if name.startswith("grad/") == slope)
              for slope in (False, True)}
    return {name: largest(got[name] - expected[name]) / max(largest(expected[name]), floors[name.startswith("grad/")], 1e-300)
            if np.shape(got[name]) == np.shape(expected[name]) else np.inf for name in common}


def where_it_applies(mistake, names=CASES):
    """The names of the cases that have the thing."""
    return [name for name in names if mistake.applies(case_of(name))]


# ---- the lists -------------------------------------------------------------------------------------------------------

def listed_in_files():
    """hidden/<file> <k> for each of the `mistakes:` of the variants' docstrings."""
    for path in sorted(Path(hidden.__file__).parent.glob("*.py")):
        found = re.search(r"^mistakes: (.*?)\.\n(?=\S)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for k, _ in enumerate(found[1].split(";") if found else (), start=1):
            yield f"hidden/{path.stem} {k}"


def test_every_mistake_that_a_file_or_the_catalogue_lists_is_made_or_explained():
    listed = [*listed_in_files(), *(f"catalogue {row} {k + 1}" for row, count in CATALOGUE.items() for k in range(count))]
    made = {number for mistake in OWN.values() for number in mistake.listed if number.startswith(("hidden/", "catalogue "))}
    assert set(listed) == made | SAME.keys() | ELSEWHERE.keys()
    assert not made & ELSEWHERE.keys() and not SAME.keys() & ELSEWHERE.keys()
    assert {name for name in SAME.values()} <= MISTAKES.keys()


def test_every_test_that_an_explanation_names_exists():
    there = {name for path in TESTS.rglob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {name for why in ELSEWHERE.values() for name in re.findall(r"test_\w+", why)} <= there


def test_every_mistake_has_a_case_and_every_variant_a_port():
    assert all(where_it_applies(mistake) for mistake in OWN.values())
    assert all(port_of(variant) for variant in hidden.VARIANTS)


# ---- what they change ------------------------------------------------------------------------------------------------

def assert_it_shows(name, places):
    """The mistake moves something by more than rounding, in the forward pass unless it is of the gradient alone."""
    mistake, largest = OWN[name], 0.0
    for place in places:
        found = differences(wrong(case_of(place), mistake), right(place))
        forward = max(value for tensor, value in found.items() if not tensor.startswith("grad/"))
        largest = max(largest, max(found.values()) if mistake.gradient else forward)
        assert not mistake.gradient or forward == 0
    assert largest > (UNEQUAL if name in FAINT else 1e-3)


def assert_the_port_makes_the_same(name, places):
    """The mistake written into the port moves every tensor as the mistake planted into the library does."""
    for place in places:
        case = case_of(place)
        expected, got = wrong(case, OWN[name]), run(case, wrong=(name,))
        found = differences(got, expected)
        assert expected.keys() <= got.keys(), f"{place}: {sorted(expected.keys() - got.keys())}"
        assert max(found.values()) < UNEQUAL, f"{place}: {max(found, key=found.get)}"


@pytest.mark.parametrize("name", FEW)
def test_some_mistakes_show_and_the_port_makes_the_same(name):
    first = next([place] for place in CASES if OWN[name].applies(case_of(place)))
    assert_it_shows(name, first)
    assert_the_port_makes_the_same(name, first)


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_every_mistake_shows(name):
    places = where_it_applies(OWN[name])
    assert_it_shows(name, places if name in FAINT else places[:4])


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_planted_here_and_in_the_port_it_is_the_same_mistake(name):
    assert_the_port_makes_the_same(name, where_it_applies(OWN[name]))


def assert_port_is_library(name):
    """Every tensor, gradient and decoded logit."""
    got = run(case_of(name))
    assert right(name).keys() <= got.keys()
    assert max(differences(got, right(name)).values()) < 1e-9


@pytest.mark.parametrize("name", SOME)
def test_some_ports_without_mistakes_are_the_library(name):
    assert_port_is_library(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_port_without_mistakes_is_the_library(name):
    assert_port_is_library(name)
