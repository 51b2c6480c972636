"""The mistakes of values, keys and scores: each exists once, shows somewhere, and is what a wrong port computes."""

import re
from pathlib import Path

import numpy as np
import pytest
from core_cases import farthest
from listed_values import ELSEWHERE, EQUIVALENT, EQUIVALENT_IN, MISTAKES_OF, NUMBERS
from value_cases import CASES, MISTAKES, MORE, NAMES, REALFORMER, applicable, case, change, right, values, wrong

from minires import VARIANTS
from minires.oracle.cases import CASES as SHIPPED
from minires.oracle.mistakes import MISTAKES as CATALOGUE
from minires.oracle.mistakes import planted

pytest.importorskip("torch", reason="the independent port is in PyTorch (pip install 'minires[peers]')")
from ports.torch_transformer import WRONG, port_of, run  # noqa: E402

SAME, OTHER = 1e-10, 1e-9
PLACES = [*CASES, *MORE]
SAMPLE = list(MISTAKES)
ROOT = Path(__file__).parents[2]


# ---- the lists -------------------------------------------------------------------------------------------------------

def test_every_number_of_the_lists_is_a_mistake_or_says_where_it_is_caught():
    mine = ("value_residual ", "residual_catalogue 4", "residual_catalogue 5")
    there = {number for mistake in CATALOGUE.values() for number in mistake.listed if number.startswith(mine)}
    assert there | set(ELSEWHERE) == NUMBERS and not there & set(ELSEWHERE)


@pytest.mark.parametrize("number", [number for number, (_, file, _) in ELSEWHERE.items() if file])
def test_what_is_caught_elsewhere_is_caught_by_a_test_that_exists(number):
    _, file, test = ELSEWHERE[number]
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted({Path(VARIANTS[name].file).stem for name in NAMES}))
def test_each_mistake_that_a_variants_docstring_names_is_in_the_catalogue_or_says_why_not(file):
    path = next((ROOT / "minires/residual").glob(f"*/{file}.py"))
    text = re.search(r"\nmistakes:(.*?)\.?\nsource:", path.read_text(encoding="utf-8"), re.DOTALL).group(1)
    phrases = {" ".join(phrase.split()) for phrase in text.split(";")}
    assert phrases == set(MISTAKES_OF[file])
    for answer in MISTAKES_OF[file].values():
        assert isinstance(answer, str) or answer and set(answer) <= set(MISTAKES)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_says_in_one_line_what_is_wrong_and_what_to_do(name):
    mistake = MISTAKES[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and CATALOGUE[name] is mistake
    for line in (mistake.does, mistake.fix, *mistake.seen, *mistake.listed):
        assert line and "\n" not in line and not line.endswith(".")
    assert mistake.patches or mistake.record or mistake.config


def test_no_two_mistakes_say_the_same():
    assert len({(mistake.does, mistake.fix) for mistake in MISTAKES.values()}) == len(MISTAKES)


def test_every_variant_of_values_and_scores_has_a_mistake_of_its_own():
    assert not set(REALFORMER) & set(NAMES)
    assert all(any(MISTAKES[name].applies(case(f"decoder {variant}")) for name in MISTAKES) for variant in NAMES)


# ---- each shows ------------------------------------------------------------------------------------------------------

def there(place):
    """The mistakes that apply to a case."""
    return [name for name in MISTAKES if MISTAKES[name].applies(case(place))]


def shows(mistake, place):
    """Whether it changes anything there."""
    return change(place, mistake)[0] > OTHER


@pytest.mark.parametrize("mistake", SAMPLE[::3])
def test_a_mistake_changes_a_case_and_only_gradients_where_it_says_so(mistake):
    place = next(place for place in reversed(applicable(mistake)) if shows(mistake, place))
    forward = farthest({name: x for name, x in right(place).items() if not name.startswith("grad/")}, wrong(place, mistake))
    assert (forward[0] > 1e-14) != MISTAKES[mistake].gradient


def hidden(mistake, place):
    """Why a mistake does not show in a case, None where it must."""
    variant, _, changes = CASES.get(place, (None, None, {}))
    own = not {"lambda_1", "alpha", "learned"} & set(changes.get("options", {}))
    return EQUIVALENT_IN.get((mistake, place)) or (EQUIVALENT.get((mistake, variant)) if own else None)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_changes_a_case_and_only_gradients_where_it_says_so(mistake):
    test_a_mistake_changes_a_case_and_only_gradients_where_it_says_so(mistake)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_mistake_shows_in_every_case_that_it_applies_to_but_those_with_a_reason(place):
    for mistake in there(place):
        assert shows(mistake, place) != bool(hidden(mistake, place)), mistake


@pytest.mark.slow
def test_every_mistake_shows_in_a_case_that_is_shipped():
    made = [case for case in (make() for make in SHIPPED.values()) if case.system == "transformer"]
    plain = {}
    for name, mistake in MISTAKES.items():
        def seen(case):
            plain.setdefault(case.id, values(case))
            with planted(case, mistake) as changed:
                return farthest(plain[case.id], values(changed))[0] > OTHER
        assert any(seen(case) for case in reversed(made) if mistake.applies(case)), name


def test_planting_leaves_nothing_behind():
    before = values(case("two calls"))
    for mistake in ("first-value-of-earlier-call", "decode-newest-first-value", "first-value-without-norm"):
        assert shows(mistake, "two calls")
    after = values(case("two calls"))
    assert before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("pair", "place"), [
    (("value-weights-swapped", "first-value-detached"), "decoder resformer_learnable"),
    (("plus-scale-dropped", "mixed-value-for-first"), "decoder resformer_plus"),
    (("shared-keys-rotated-twice", "sharing-groups-off-by-one"), "decoder cla"),
    (("carry-own-scores-only", "value-weights-swapped"), "decoder together")])
def test_two_mistakes_together_are_neither_alone_and_what_a_port_with_both_computes(pair, place):
    with planted(case(place), *(CATALOGUE[name] for name in pair)) as changed:
        together = values(changed)
    for name in pair:
        with planted(case(place), CATALOGUE[name]) as changed:
            assert farthest(together, values(changed))[0] > OTHER
    assert farthest(together, run(case(place), wrong=pair))[0] < SAME


# ---- each is what a port computes ------------------------------------------------------------------------------------

def test_the_port_can_carry_every_mistake():
    assert port_of("resformer") and set(MISTAKES) <= set(WRONG)


def complete(place, answer):
    """Whether the answer has every name of the truth."""
    return set(right(place)) <= set(answer)


@pytest.mark.parametrize("place", [f"decoder {name}" for name in NAMES])
def test_a_port_without_mistakes_agrees_with_the_library_on_every_name(place):
    answer = run(case(place))
    difference, where = farthest(right(place), answer)
    assert difference < 1e-11 and complete(place, answer), where


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_port_without_mistakes_agrees_in_every_kind_and_with_all_options(place):
    answer = run(case(place))
    difference, where = farthest(right(place), answer)
    assert difference < 1e-11 and complete(place, answer), where


@pytest.mark.parametrize("mistake", SAMPLE[1::4])
def test_a_planted_mistake_is_what_a_wrong_port_computes(mistake):
    place = applicable(mistake)[0]
    difference, where = farthest(wrong(place, mistake), run(case(place), wrong=(mistake,)))
    assert difference < SAME, where


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_every_planted_mistake_is_what_a_wrong_port_computes_on_every_case(place):
    for mistake in there(place):
        difference, where = farthest(wrong(place, mistake), run(case(place), wrong=(mistake,)))
        assert difference < SAME, (mistake, where)
