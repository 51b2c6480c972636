"""What descriptions, parameters and inputs must satisfy; each failure is one line that says what was expected."""

from minires.checks.description import HEADS, KINDS, POSITIONS, check_description, divisors, nearest_multiple
from minires.checks.inputs import check_cache, check_generator, check_ids, check_inputs
from minires.checks.parameters import check_parameters, float_type

__all__ = ["HEADS", "KINDS", "POSITIONS", "check_cache", "check_description", "check_generator", "check_ids",
           "check_inputs", "check_parameters", "divisors", "float_type", "nearest_multiple"]
