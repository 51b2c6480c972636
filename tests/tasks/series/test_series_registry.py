"""Laws of all series together: the shift, the generator, the options, the names."""

import doctest
import importlib
import json
import pickle
import pkgutil

import numpy as np
import pytest

from minires.tasks import series
from minires.tasks.series import SERIES, Series, forecasting, make_series

FIXED = ("multiple_superimposed_oscillators", "sunspots", "table")  # the generator is not used
FORECASTS = ("mackey_glass", "lorenz63", "lorenz96", "henon", "multiple_superimposed_oscillators", "sunspots", "table")
DRIVEN = ("narma", "memory_capacity", "delayed_parity", "delayed_xor")
SHAPES = {"narma": (1, 1), "mackey_glass": (1, 1), "lorenz63": (3, 3), "lorenz63_observer": (1, 2), "lorenz96": (40, 40),
          "henon": (2, 2), "multiple_superimposed_oscillators": (1, 1), "memory_capacity": (1, 20), "delayed_parity": (1, 1),
          "delayed_xor": (1, 1), "sunspots": (1, 1), "table": (2, 2)}


@pytest.fixture
def make(tmp_path):
    """make(name, length, seed, **options), where the table is a file of 99 rows and 2 columns."""
    path = tmp_path / "values.csv"
    path.write_text("a,b\n" + "".join(f"{i * i},{i % 7 - 0.5}\n" for i in range(99)))

    def made(name, length=53, seed=0, **options):
        options = {"path": str(path), **options} if name == "table" else options
        return make_series(name, length, None if seed is None else np.random.default_rng(seed), **options)
    return made


def same_bits(one, other):
    return one.inputs.tobytes() == other.inputs.tobytes() and one.targets.tobytes() == other.targets.tobytes()


def test_every_series_of_the_catalogue_is_in_these_tables():
    assert set(SHAPES) == set(SERIES) == set(FORECASTS) | set(DRIVEN) | {"lorenz63_observer"}


@pytest.mark.parametrize("name", SERIES)
def test_a_series_has_as_many_rows_as_asked_and_is_finite(name, make):
    for length in (53, 54):
        made = make(name, length)
        d, q = SHAPES[name]
        assert isinstance(made, Series) and made.name == name
        assert made.inputs.shape == (length, d) and made.targets.shape == (length, q)
        assert np.isfinite(made.inputs).all() and np.isfinite(made.targets).all()
        assert made.inputs.dtype == made.targets.dtype == np.float64
        assert len(made.columns) == d and all(isinstance(column, str) for column in made.columns)


@pytest.mark.parametrize("name", FORECASTS)
@pytest.mark.parametrize("horizon", [1, 3])
def test_the_target_of_a_forecast_is_the_input_horizon_rows_later(name, horizon, make):
    made = make(name, horizon=horizon)
    assert np.array_equal(made.targets[:-horizon], made.inputs[horizon:])
    assert not np.array_equal(made.targets, made.inputs)
    longer = make(name, 53 + horizon)  # the last targets too are rows of the same series
    assert np.array_equal(made.targets, longer.inputs[horizon:]) and np.array_equal(made.inputs, longer.inputs[:-horizon])


@pytest.mark.parametrize("name", [name for name in SERIES if name not in FIXED])
def test_the_same_generator_gives_the_same_bits_and_another_gives_others(name, make):
    assert same_bits(make(name), make(name))
    assert not np.array_equal(make(name).inputs, make(name, seed=1).inputs)


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_series_is_the_same_with_any_generator_and_with_none(name, make):
    assert same_bits(make(name, seed=None), make(name, seed=1))


@pytest.mark.parametrize("name", [name for name in FORECASTS if name not in FIXED])
def test_a_flow_without_a_generator_starts_at_its_stated_point_and_with_one_near_it(name, make):
    one, other = make(name, seed=None, washout=0), make(name, seed=None, washout=0)
    assert same_bits(one, other)
    moved, spread = make(name, seed=5, washout=0), one.options["spread"]
    assert 0 < np.abs(moved.inputs[0] - one.inputs[0]).max() <= spread + 0.01
    still = make(name, seed=5, washout=0, spread=0.0)
    assert np.allclose(still.inputs[0], one.inputs[0], atol=0.011)


@pytest.mark.parametrize("name", [name for name in FORECASTS if name not in ("sunspots", "table", FIXED[0])])
def test_washed_out_rows_are_the_first_rows(name, make):
    late, early = make(name, 20, washout=17), make(name, 37, washout=0)
    assert np.array_equal(late.inputs, early.inputs[17:])


@pytest.mark.parametrize("name", SERIES)
def test_the_global_random_state_is_neither_used_nor_changed(name, make):
    np.random.seed(0)
    first, drawn = make(name), np.random.random()
    np.random.seed(1)
    assert same_bits(first, make(name))
    np.random.seed(0)
    assert np.random.random() == drawn


@pytest.mark.parametrize("name", SERIES)
def test_options_survive_json_and_rebuild_the_series(name, make):
    made = make(name, np.int64(53))
    options = json.loads(json.dumps(made.options))
    again = make_series(name, rng=np.random.default_rng(0), **options)
    assert same_bits(made, again) and again.options == made.options and made.options["length"] == 53


@pytest.mark.parametrize("name", SERIES)
def test_options_are_all_that_the_function_takes(name, make):
    import inspect
    assert set(make(name).options) == set(inspect.signature(SERIES[name]).parameters) - {"rng"}


@pytest.mark.parametrize("name", SERIES)
def test_a_series_can_be_sent_to_another_process(name, make):
    assert same_bits(make(name), pickle.loads(pickle.dumps(make(name))))


@pytest.mark.parametrize("name", SERIES)
def test_inputs_and_targets_can_be_changed_apart(name, make):
    made = make(name)
    before = made.targets.copy()
    made.inputs[:] = 0.0
    assert np.array_equal(made.targets, before)


@pytest.mark.parametrize("name", DRIVEN)
@pytest.mark.parametrize("rng", [None, 0, np.random.RandomState(0)])
def test_a_driven_series_needs_a_generator(name, rng):
    with pytest.raises(ValueError, match="^rng=.*: expected a numpy.random.Generator, e.g. numpy.random.default_rng"):
        make_series(name, 53, rng)


@pytest.mark.parametrize("name", ["mackey_glass", "lorenz63", "lorenz96", "henon"])
def test_a_seed_is_not_a_generator(name):
    with pytest.raises(ValueError, match="^rng=7: expected a numpy.random.Generator"):
        make_series(name, 53, 7)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("length", [0, -2, 5.0, True, "9", float("nan")])
def test_an_impossible_length_is_an_error(name, length, make):
    with pytest.raises(ValueError) as error:
        make(name, length)
    assert str(error.value) == f"length={length!r}: expected a whole number of at least 1"


@pytest.mark.parametrize("name, option, lowest", [
    *((name, "horizon", 1) for name in FORECASTS),
    *((name, "washout", 0) for name in ("narma", "mackey_glass", "lorenz63", "lorenz63_observer", "lorenz96", "henon")),
    ("narma", "order", 2), ("narma", "tries", 1), ("lorenz63", "substeps", 1), ("lorenz96", "substeps", 1),
    ("lorenz96", "size", 4), ("multiple_superimposed_oscillators", "oscillators", 1), ("memory_capacity", "k_max", 1),
    ("delayed_parity", "order", 1), ("delayed_parity", "delay", 0), ("delayed_xor", "delay", 0)])
def test_an_impossible_count_is_an_error_that_says_what_is_possible(name, option, lowest, make):
    for value in (lowest - 1, 2.5, "8", True, None):
        with pytest.raises(ValueError) as error:
            make(name, **{option: value})
        assert str(error.value) == f"{option}={value!r}: expected a whole number of at least {lowest}"


@pytest.mark.parametrize("name, option", [
    ("narma", "highest"), ("narma", "bound"), ("mackey_glass", "tau"), ("mackey_glass", "dt"), ("mackey_glass", "step"),
    ("mackey_glass", "alpha"), ("mackey_glass", "beta"), ("mackey_glass", "gamma"), ("mackey_glass", "initial"),
    ("lorenz63", "dt"), ("lorenz96", "dt")])
def test_a_number_that_must_be_positive_is_refused_elsewhere(name, option, make):
    for value in (0, -1.0, float("nan"), float("inf"), "1", None, True):
        with pytest.raises(ValueError) as error:
            make(name, **{option: value})
        assert str(error.value) == f"{option}={value!r}: expected a positive number"


@pytest.mark.parametrize("name, option", [
    ("lorenz63", "sigma"), ("lorenz63", "rho"), ("lorenz63", "beta"), ("lorenz96", "F"), ("henon", "a"), ("henon", "b"),
    ("memory_capacity", "lowest"), ("memory_capacity", "highest")])
def test_a_number_that_is_not_finite_is_refused(name, option, make):
    for value in (float("nan"), float("inf"), "1", None, [1.0]):
        with pytest.raises(ValueError) as error:
            make(name, **{option: value})
        assert str(error.value) == f"{option}={value!r}: expected a finite number"


@pytest.mark.parametrize("name", ["lorenz63", "lorenz96", "henon", "mackey_glass"])
@pytest.mark.parametrize("spread", [-0.1, float("nan"), "1", None])
def test_a_spread_below_zero_is_refused(name, spread, make):
    with pytest.raises(ValueError, match=r"^spread=.*: expected a number from 0 "):
        make(name, spread=spread)


@pytest.mark.parametrize("given, near", [("mackey-glass", "mackey_glass"), ("lorenz", "lorenz63"), ("Narma", "narma"),
                                         ("parity", "delayed_parity"), (["narma"], "narma")])
def test_an_unknown_series_is_an_error_that_names_the_nearest(given, near):
    with pytest.raises(ValueError) as error:
        make_series(given, 5)
    assert str(error.value).startswith(f"unknown series {given!r}: did you mean {near!r}? choose from narma, ")


@pytest.mark.parametrize("option, near", [("ordr", "order"), ("Form", "form"), ("u", ""), ("rngs", "")])
def test_an_unknown_option_is_an_error_that_names_the_options(option, near):
    with pytest.raises(ValueError) as error:
        make_series("narma", 50, np.random.default_rng(0), **{option: 3})
    message = str(error.value)
    assert message.startswith(f"unknown option of series narma {option!r}: ")
    assert message.endswith("choose from order, form, coefficients, highest, washout, bound, tries")
    assert not near or f"did you mean {near!r}?" in message


def test_a_forecast_of_values_is_the_values_shifted():
    values = np.arange(14.0).reshape(7, 2)
    made = forecasting(values, horizon=3, name="mine", dt=0.5)
    assert np.array_equal(made.inputs, values[:4]) and np.array_equal(made.targets, values[3:])
    assert (made.name, made.dt, made.options) == ("mine", 0.5, {"horizon": 3})
    assert forecasting(values.astype(np.float32)).inputs.dtype == np.float32
    assert not np.shares_memory(made.inputs, values) and not np.shares_memory(made.targets, values)


@pytest.mark.parametrize("values, message", [
    (np.ones(5), r"values of shape \(5,\): expected \(T, d\), a row for each step; values\[:, None\] is one column"),
    (np.ones((2, 3, 4)), r"values of shape \(2, 3, 4\): expected \(T, d\), a row for each step"),
    (np.ones((0, 2)), r"values of shape \(0, 2\): expected \(T, d\), a row for each step"),
    (np.array([[1.0, 2.0], [3.0, np.nan]]), r"values is not finite at \(1, 1\): expected finite numbers"),
    (np.array([["a"], ["b"]]), "values of type <U1: expected real numbers"),
    (np.ones((3, 1)) + 0j, "values of type complex128: expected real numbers"),
    (np.ones((3, 1)), "values have 3 rows: expected more than horizon=3")])
def test_values_that_cannot_be_forecast_are_refused(values, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        forecasting(values, horizon=3)


@pytest.mark.parametrize("name", ["series", *(f"series.{found.name}" for found in pkgutil.iter_modules(series.__path__))])
def test_the_examples_of_the_series_are_true(name):
    assert doctest.testmod(importlib.import_module(f"minires.tasks.{name}")).failed == 0
