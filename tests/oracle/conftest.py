"""The exhaustive sweeps, each mistake on each case, take an hour: `-m slow` runs a sample of them, `-m sweep` the rest."""

from collections import Counter

import pytest

EVERY = {  # test -> one of so many of its slow items is in the sample
    "test_every_variant_agrees_on_thirty_digits": 40,
    "test_no_constant_of_any_variant_is_lost": 8,
    "test_a_mistake_shows_in_every_case_that_it_applies_to": 40,
    "test_every_planted_mistake_is_what_a_wrong_port_computes_on_every_case": 12,
    "test_every_mistake_shows_only_where_its_program_differs": 12,
    "test_a_port_without_mistakes_is_the_library": 8,
    "test_planted_here_and_in_the_port_it_is_the_same_mistake": 8,
    "test_every_mistake_shows": 8,
    "test_a_port_without_mistakes_agrees_in_every_kind_and_with_all_options": 8,
    "test_a_mistake_shows_in_every_case_that_it_applies_to_but_those_with_a_reason": 8,
    "test_a_mistake_shows_in_every_case_of_the_pack_that_it_applies_to_but_those_with_a_reason": 8,
    "test_every_mistake_changes_a_case_and_only_gradients_where_it_says_so": 8,
    "test_every_package_does_what_is_declared": 6,
    "test_the_port_carries_the_mistake_as_the_library_plants_it": 6,
    "test_every_variant_and_family_agrees": 6,
    "test_every_fault_that_the_precision_shows_is_rejected_at_the_step_that_was_broken": 0,
    "test_no_mistake_of_the_catalogue_is_said_to_explain_a_fault_that_it_is_not": 0,
    "test_a_quick_measurement_misses_no_bar": 0,
}


def pytest_collection_modifyitems(items):
    """Mark what is not in the sample."""
    seen = Counter()
    for item in items:
        name = getattr(item, "originalname", "")
        if name in EVERY and item.get_closest_marker("slow"):
            seen[name] += 1
            if not EVERY[name] or seen[name] % EVERY[name] != 1:
                item.add_marker(pytest.mark.sweep)
