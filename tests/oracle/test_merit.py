"""The figures of merit count what happened: who was killed, named, localised, and who was rejected without a reason."""

from argparse import ArgumentParser

import pytest

from minires.oracle import merit
from minires.oracle.cases import CASES, CORE
from minires.oracle.merit import carriers, sweep, trials
from minires.oracle.merit.figures import alarms, by, calibration, equivalent, figures, missed, survivors
from minires.oracle.mistakes import MISTAKES
from minires.oracle.tape import differentiate, record

SMALL, NAME = "echo_state/leaky", "recurrent-weights-transposed"


def row(mistake="scale-missing", precision="float32", killed=True, **more):
    return {"mistake": mistake, "family": MISTAKES[mistake].family, "case": SMALL, "precision": precision, "killed": killed,
            **more}


def found(*rows, power=1e6, **more):
    return {"wrong": list(rows), "right": [], "power": {each["mistake"]: {"float32": power, "bfloat16": power / 2.0 ** 16}
                                                        for each in rows}, **more}


# ---- counting --------------------------------------------------------------------------------------------------------

def test_rates_are_shares_of_the_mistakes_that_can_be_seen():
    rows = [row(named=True, located=True), row("softmax-over-queries", named=False, located=None, cause="scale-missing"),
            row("keys-detached", killed=False), row("epsilon-1e-3", killed=False)]
    given = found(*rows)
    given["power"]["epsilon-1e-3"] = {"float32": 0.5, "bfloat16": 0.0}
    assert by(given, "precision") == [{"precision": "float32", "mistakes": 4, "equivalent": 1, "killed": pytest.approx(2 / 3),
                                       "named": 0.5, "localised": 1.0}]
    assert [each["why"] for each in survivors(given)] == ["survives", "below the rounding"]
    assert [each["mistake"] for each in figures(given)["not named"]] == ["softmax-over-queries"]


def test_a_later_case_counts_instead_of_an_earlier_one():
    given = found(row(killed=False), row(killed=True, case="readout/ridge"))
    assert by(given, "precision")[0]["killed"] == 1.0 and not survivors(given)


@pytest.mark.parametrize("precision, power, is_it", [("float64", 1e-8, False), ("float64", 1e-10, True), ("float32", 0.9, True),
                                                     ("float32", 1.1, False), ("bfloat16", 1.1, True)])
def test_a_mistake_below_one_sigma_is_the_same_function(precision, power, is_it):
    given = found(row(precision=precision, killed=False), power=power)
    assert equivalent({**given["wrong"][0], "identical": True}, given)
    assert equivalent(given["wrong"][0], given) is is_it
    assert not equivalent(row(precision=precision), given)


def test_correct_programs_that_are_rejected_are_false_alarms():
    rows = [{"who": who, "case": SMALL, "precision": "float32", "passed": passed, "rms": 1.0, "max": z, "share": 0.1,
             "where": ["local loss"]} for who, passed, z in (("torch", True, 2.0), ("jax", False, 40.0), ("torch", True, 3.0))]
    table, = calibration(rows)
    assert (table["runs"], table["programs"], table["alarms"], table["max"]) == (3, 2, 1, 40.0)
    assert alarms(rows) == [{"who": "jax", "case": SMALL, "precision": "float32", "where": ["local loss"]}]
    assert missed({**found(), "right": rows, "seconds": {"float32": 31.0}}) == [
        "float32: 1 false alarms", "float32: 31 s for one port on the core pack, expected 30 or less"]


# ---- the plan --------------------------------------------------------------------------------------------------------

def test_every_mistake_has_a_case_and_no_more_than_asked_for():
    names, ids = list(MISTAKES)[::20], [*CORE[:4], *CORE[10:]]
    shared = sweep.needed(names, ids, 2)
    for name in names:
        there = [id for id in ids if MISTAKES[name].applies(CASES[id]())]
        assert [id for id, own in shared.items() if name in own] == there[:2]


@pytest.mark.slow
def test_no_mistake_is_without_a_case():
    assert {name for own in sweep.needed(list(MISTAKES), list(CASES), 1).values() for name in own} == set(MISTAKES)


def test_what_is_seen_faintly_is_shown_to_more_cases(monkeypatch):
    monkeypatch.setattr(sweep, "needed", lambda names, ids, most: {ids[0]: list(names)} if names else {})
    given = []

    def work(function, arguments, label):
        given.append(arguments)
        return [{name: {"power": {"bfloat16": 1.0 if name == "a" else 99.0}} for name in own} for _, own in arguments]
    assert set(sweep.sighted(sweep.Plan(names=("a", "b")), work)) == set(sweep.ORDER[:2])
    assert given == [[(sweep.ORDER[0], ["a", "b"])], [(sweep.ORDER[1], ["a"])]]


def test_the_core_comes_first_where_it_sees_well_and_then_the_best():
    given = {CORE[0]: 1.0, "edge/one-token": 50.0, CORE[1]: 31.0}
    seen = {id: {"a": {"power": {"bfloat16": power}}} for id, power in given.items()}
    assert sweep.ranking("a", seen) == [CORE[1], "edge/one-token", CORE[0]]
    assert sweep.powers(["a", "b"], seen) == {"a": {"bfloat16": 50.0}}


def test_only_survivors_are_tried_again():
    seen = {id: {"scale-missing": {"power": {"bfloat16": 50.0}, "touches": ["x"]}} for id in CORE[:2]}
    plan = sweep.Plan(names=("scale-missing",), precisions=("float32", "bfloat16"))
    (id, _, own), = sweep.tasks(plan, seen, [row()], 1)
    assert id == CORE[1] and own == [("scale-missing", "bfloat16", ["x"])]


# ---- the trials ------------------------------------------------------------------------------------------------------

def test_the_librarys_program_in_a_precision_is_wrong_by_that_precision():
    case = CASES[SMALL]()
    truth = differentiate(record(case), case.values)["loss"]
    errors = {precision: abs(float(carriers.rounded_program(case, precision)["loss"]) / truth - 1)
              for precision in ("float64", "float32", "bfloat16")}
    assert errors["float64"] < 1e-14 < 1e-10 < errors["float32"] < 1e-5 < errors["bfloat16"] < 0.1


def test_a_mistake_is_killed_named_and_localised_and_a_correct_program_is_not():
    seen = trials.sights(SMALL, [NAME])[NAME]
    assert seen["power"]["float32"] > seen["power"]["bfloat16"] > 1 and seen["touches"]
    got = trials.wrong(SMALL, None, NAME, "float32", seen["touches"])
    assert got["killed"] and got["named"] and got["located"] and got["who"] == "library"
    assert got["amplitude"] == pytest.approx(1, abs=1e-3)
    right, = trials.right(SMALL, None, "float32", lambda i: i == 0)
    assert right["passed"] and right["share"] < 1 and right["who"] == "library"


def test_a_port_that_cannot_is_replaced_by_the_library(tmp_path):
    case = CASES[SMALL]()
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "__init__.py").touch()
    (tmp_path / "few" / "torch_reservoir.py").write_text(
        "def run(case, dtype, wrong, **style):\n"
        "    return {'float32': {'loss': len(wrong)}, 'float64': {'loss': float('leak' not in str(wrong))}}[dtype]\n")
    ports = str(tmp_path / "few")
    assert carriers.wrong_answer(ports, case, "float32", "leak-swapped") == ("port", {"loss": 1})
    assert carriers.wrong_answer(ports, case, "bfloat16", NAME)[0] == "library"
    assert carriers.wrong_answer(ports, case, "float32", NAME)[0] == "library"  # of all mistakes it carries one
    assert carriers.wrong_answer(None, case, "float32", NAME)[0] == "library"
    assert carriers.port(ports, case, "tf32") is None


def test_the_command_prints_tables_and_json(monkeypatch, capsys):
    measured = {**found(row(named=True, located=True)), "seconds": {}, "unseen": []}
    monkeypatch.setattr(merit, "measure", lambda plan, jobs: measured)
    parser = ArgumentParser()
    merit.arguments(parser)
    options = parser.parse_args(["--quick", "--jobs", "1"])
    for options.json, word in ((False, "kill rate, by precision"), (True, '"survivors": []')):
        assert merit.run(options) == 0
        assert word in capsys.readouterr().out


def test_a_missed_bar_is_an_exit_code(monkeypatch, capsys):
    measured = {**found(row(killed=False)), "seconds": {}, "unseen": []}
    monkeypatch.setattr(merit, "measure", lambda plan, jobs: measured)
    parser = ArgumentParser()
    merit.arguments(parser)
    options = parser.parse_args([])
    options.json = False
    assert merit.run(options) == 1 and "killed" in capsys.readouterr().out


@pytest.mark.slow
def test_a_quick_measurement_misses_no_bar():
    assert not missed({**sweep.measure(sweep.quick(), 1), "seconds": {}})
