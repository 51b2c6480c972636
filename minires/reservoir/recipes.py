"""A network and a plan for each series task, with which it takes seconds on a CPU: the defaults of the command line.

    row   0 .. washout .. train .. length      readout fitted on washout .. train, tested on train .. length
    free runs start at rows  train + spacing, train + 2 spacing, ...: until there the reservoir hears the truth
"""

from typing import NamedTuple

from minires.errors import one_of, require, whole_number


class Recipe(NamedTuple):
    """How to deal with one series."""

    network: dict                 # fields of `network.EchoState` that are not its defaults
    length: int = 5000            # rows of `fit` and `run`
    train: int = 3000             # the first row of the test
    washout: int = 200            # rows at the start that the readout does not learn from
    strength: float | str = 1e-9  # of the ridge, or a criterion
    squares: str = "none"         # which squares of the states the readout reads
    standardise: bool = False     # (u - mean) / deviation of each column, both of the training rows only
    options: dict = {}            # of the series
    runs: int = 10                # free runs per seed
    spacing: int = 500            # rows from one start to the next
    steps: int = 500              # of each free run


# Jaeger 2001, GMD report 148, section 6; there with feedback instead of an input, and 1000 + 84 rows per trial. Reaches
# NRMSE84 = 6e-4 to 8e-4 at tau = 17 (there 2.8e-4), .09 to .16 at tau = 30 (.11); with weaker ridge most runs at 30 diverge
MACKEY_GLASS = Recipe({"units": 400, "family": "jaeger_leaky", "family_options": {"delta": 1.0, "C": 0.44, "a": 0.9},
                       "radius": 0.79, "input_scale": 0.56, "bias_scale": 0.028}, washout=1000, strength=1e-12,
                      options={"method": "euler", "transform": "tanh"}, runs=20, spacing=1084, steps=1000)
BITS = Recipe({"input_scale": 1.0, "bias_scale": 0.5, "radius": 0.6}, strength=1e-6)
# median valid time in Lyapunov times, 30 runs: 11.4; without squares 9.8; 100 units 9.7; 100 units without squares 5.4
LORENZ = Recipe({"units": 300, "input_scale": 0.2, "bias_scale": 0.5}, length=8000, train=5000, squares="all",
                standardise=True, steps=1000)

RECIPES = {
    "narma": Recipe({}),
    "mackey_glass": MACKEY_GLASS,
    "lorenz63": LORENZ,
    "lorenz63_observer": LORENZ._replace(strength=1e-7),
    "lorenz96": LORENZ._replace(network={"units": 300, "radius": 0.6, "bias_scale": 0.5}, strength=1e-4, steps=300,
                                options={"size": 8}),  # 40 sites take thousands of units
    "henon": Recipe({"input_scale": 0.5, "bias_scale": 0.5, "radius": 0.3}, strength=1e-8, squares="all", steps=100,
                    spacing=100),
    "multiple_superimposed_oscillators": Recipe({"f": "identity"}, length=1500, train=1000, strength=1e-12, steps=300,
                                                spacing=50),  # the next value is a linear function of the last 2 n
    "memory_capacity": Recipe({"bias_scale": 0.0}, length=7000, train=5000, options={"k_max": 200}),
    "delayed_parity": BITS,
    "delayed_xor": BITS,
    "sunspots": Recipe({"units": 50, "bias_scale": 0.5}, 308, 220, 30, "leave_one_out", standardise=True, runs=5, spacing=10,
                       steps=30),
}


def recipe_for(name, options, rows=None):
    """The Recipe of a series task with these options; rows: of a series that has its own length, as a table does.

    Its free parts depend on the options where one recipe does not serve all: the order of NARMA, the delay of Mackey-Glass.

    >>> recipe_for("mackey_glass", {"tau": 30}).strength, recipe_for("narma", {"order": 30}).network
    (1e-07, {'radius': 0.95})
    """
    if name == "table":
        return for_rows(rows)
    recipe = one_of("recipe", name, RECIPES)
    if name == "narma" and options.get("order", 10) != 10:
        recipe = recipe._replace(network={"radius": 0.95})
    if name == "mackey_glass" and options.get("tau", 17) != 17:
        recipe = recipe._replace(strength=1e-7, runs=50, steps=300)
    return recipe


def for_rows(rows):
    """The Recipe of a series of your own with that many rows, standardised: a tenth of it units, two thirds to learn from.

    >>> for_rows(600).train, for_rows(600).network["units"]
    (400, 60)
    """
    rows = whole_number("rows", rows)
    require(rows >= 30, f"the series has {rows} rows: expected at least 30 to learn from and to test on")
    train = 2 * rows // 3
    spacing = max(1, (rows - train) // 8)
    return Recipe({"units": min(200, max(10, rows // 10)), "input_scale": 0.3, "bias_scale": 0.5}, rows, train,
                  min(200, train // 8), "leave_one_out", standardise=True, runs=4, spacing=spacing, steps=3 * spacing)


def shortened(recipe, length):
    """The same plan on fewer or more rows: the training keeps its share, the washout is at most half of the training.

    >>> shortened(Recipe({}), 500)[1:4]
    (500, 300, 150)
    """
    length = whole_number("length", length, 2)
    train = max(1, round(recipe.train * length / recipe.length))
    return recipe._replace(length=length, train=train, washout=min(recipe.washout, train // 2))
