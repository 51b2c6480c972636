"""Public implementations on trial: each verdict and each named cause is the declared one, in the pinned versions."""

import configparser
import json
from pathlib import Path

import numpy as np
import pytest
from judged_cases import answer as computed, golden

for needed in ("torch", "flint"):
    pytest.importorskip(needed, reason="the trials need pip install 'minires[oracle,peers]'")

from minires.cli import main  # noqa: E402
from minires.oracle.judgement.judge import judge  # noqa: E402
from minires.oracle.judgement.local import local  # noqa: E402
from minires.oracle.mistakes import MISTAKES  # noqa: E402
from minires.oracle.peers import PEERS, attempt, tried  # noqa: E402
from minires.oracle.peers.frame import call  # noqa: E402
from minires.oracle.peers.table import UNEXPECTED, as_markdown, as_text, row  # noqa: E402
from minires.oracle.peers.trial import KINDS, Outcome, Trial, truth_of, version_of  # noqa: E402
from minires.oracle.tape import record  # noqa: E402

pytestmark = pytest.mark.peers
CAUSES = {  # trial that differs -> first divergence, the mistakes that the judge names
    "x-transformers/padded": ("layers.0.feed_forward.inner", {"padded-outputs-zeroed"}),
    "x-transformers/grouped": ("layers.0.attention.probabilities", {"groups-tiled"}),
    "x-transformers/realformer-alibi": ("layers.1.attention.probabilities", {"carry-with-bias"}),
    "x-transformers/orthogonal": ("layers.0.feed_forward.inner", {"orthogonal-flattened"}),
    "x-transformers/gtrxl": ("layers.0.feed_forward.inner", {"gtrxl-output-not-rectified", "gtrxl-reset-after-product"}),
    "x-transformers/unet_skips": ("layers.2.attention.query_heads", {"unet-of-inputs"}),
    "x-transformers/mhc": ("layers.0.feed_forward.inner", {"mhc-mixing-of-ones", "mhc-streams-summed"}),
    "hyper-connections/dynamic": ("layers.0.attention.x", {"hyper-connections-rms-norm"}),
    "hyper-connections/frac": ("layers.0.feed_forward.x", {"frac-connections-whole-output"}),
    "hyper-connections/mhc": ("layers.2.final", {"mhc-streams-summed"}),
    "rezero/per-branch": ("layers.0.output", {"one-alpha-per-layer"}),
    "nGPT-pytorch/signed": ("layers.1.output", {"ngpt-alpha-signed"}),
    "reservoirpy/partial_fit": ("steps.0.state", {"feedback-columns-first"}),
    "reservoirpy/rls-bias": ("steps.0.readout", {"bias-as-running-mean"}),
    "reservoirpy/rls-errors": ("steps.0.error", {"error-after-the-update"}),
    "reservoirpy/narma": ("steps.0.y", {"narma-lag-of-order", "narma-sum-one-late"}),
    "reservoirpy/mackey_glass": ("steps.1.x", {"mackey-glass-production-without-h", "mackey-glass-stages-doubled"}),
    "reservoirpy/mackey_glass-1": ("steps.1.x", {"mackey-glass-stages-doubled"}),
    "reservoirpy/lorenz": ("steps.1.x", {"grid-of-linspace"}),
    "reservoirpy/lorenz96": ("steps.1.x", {"grid-step-squared", "grid-of-linspace"}),
    "PyRCN/euler": ("steps.1.state", {"friction-of-the-other-sign"}),
}
QUICK = ("reservoirpy/reservoir", "reservoirpy/ridge", "reservoirpy/narma", "reservoirpy/rls-errors", "PyRCN/regression",
         "rezero/shared")


def check(id):
    """The outcome is the declared one, of a complete answer; a difference has its named cause, which explains all of it."""
    outcome = attempt(id, PEERS[id])
    verdict = outcome.verdict
    assert outcome.expected and not verdict.problems, as_text(outcome)
    if outcome.trial.agrees:
        assert not verdict.causes
    else:
        assert (outcome.first, set(outcome.cause.split(" and "))) == CAUSES[id]
        assert verdict.causes[0].amplitude == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("id", QUICK)
def test_a_package_does_what_is_declared(id):
    check(id)


@pytest.mark.slow
@pytest.mark.parametrize("id", [id for id in PEERS if id not in QUICK])
def test_every_package_does_what_is_declared(id):
    check(id)


def test_every_difference_says_what_it_is_why_and_where():
    assert set(CAUSES) == {id for id, trial in PEERS.items() if not trial.agrees}
    for id, trial in PEERS.items():
        assert trial.kind in KINDS and bool(trial.kind) == bool(trial.reason) == bool(trial.place), id
        assert id.split("/")[0] == trial.package and trial.what
    assert {name for _, names in CAUSES.values() for name in names} <= set(MISTAKES)


def test_what_is_tried_is_pinned_and_installed_in_that_version():
    settings = configparser.ConfigParser()
    settings.read(Path(__file__).parents[2] / "setup.cfg")
    pinned = dict(line.split("==") for line in settings["options.extras_require"]["peers"].split())
    for package in {trial.package for trial in PEERS.values()}:
        assert version_of(package) == pinned[package]


# ---- what is printed -------------------------------------------------------------------------------------------------

def outcome(wrong=(), kind="", numbers=computed):
    """An Outcome of the library's own program, right or with mistakes, as if a package had given it."""
    said = ("another rule", "its file") if kind else ("", "")
    trial = Trial("torch", "a class", lambda: golden().case, lambda case: numbers(names=wrong), kind, *said)
    return Outcome("torch/class", trial, "1.2", judge(golden(), trial.answer(None)), 0.5)


def test_an_agreement_is_one_line():
    assert as_text(outcome()).startswith("agrees  torch 1.2  a class (torch/class; ") and "\n" not in as_text(outcome())


def test_a_difference_shows_where_it_begins_its_cause_and_what_was_declared():
    found = outcome(("scale-missing",), "defect")
    lines = as_text(found).splitlines()
    assert found.expected and lines[0].startswith("differs torch 1.2  a class")
    assert [line.split()[0] for line in lines[1:]] == ["first", "cause", "defect", "place"]
    assert found.first == "layers.0.attention.fresh_scores" and found.cause == "scale-missing"
    told = row(found)
    assert json.loads(json.dumps(told))["causes"][0]["names"] == ["scale-missing"] and told["kind"] == "defect"


def test_an_outcome_that_is_not_as_declared_says_so():
    for found in (outcome(("scale-missing",)), outcome((), "convention")):
        assert not found.expected and as_text(found).startswith(UNEXPECTED) and not row(found)["as_declared"]
        assert UNEXPECTED in as_markdown([found])


def test_a_cause_that_leaves_something_over_is_not_named():
    def changed(names):
        given = computed(names=names)
        given["logits"] = given["logits"] + np.random.default_rng(0).standard_normal(given["logits"].shape)
        return given
    found = outcome(("scale-missing",), "defect", changed)
    assert found.verdict.causes and found.cause == "" and "none of the catalogue explains it" in as_text(found)
    assert "none fits" in as_markdown([found])


def test_the_table_has_a_row_of_seven_cells_for_each_trial():
    lines = as_markdown([outcome(), outcome(("scale-missing",), "defect")]).splitlines()
    assert len(lines) == 4 and all(line.count(" | ") == 6 for line in lines)
    assert "| agrees |  |  |  |" in lines[2]
    assert "| differs | `layers.0.attention.fresh_scores` | `scale-missing` | defect:" in lines[3]


def test_the_command_prints_lines_json_or_a_table(capsys):
    assert main(["oracle", "peers", "--trial", "reservoirpy/ridge"]) == 0
    assert capsys.readouterr().out.startswith("agrees  reservoirpy 0.4.2  Ridge.fit")
    assert main(["oracle", "peers", "--trial", "reservoirpy/ridge", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"][0]["agrees"] is True
    assert main(["oracle", "peers", "--trial", "reservoirpy/ridge", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| package | version |")
    assert main(["oracle", "peers", "--trial", "reservoirpi"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert main(["oracle", "peers", "--json", "--markdown"]) == 2


def test_a_package_that_is_not_installed_is_a_line_and_an_exit_code(monkeypatch, capsys):
    monkeypatch.setitem(PEERS, "reservoirpy/ridge", PEERS["reservoirpy/ridge"]._replace(package="no-such-package"))
    with pytest.raises(ImportError, match=r"no-such-package is not installed: expected the extra, pip install 'minires\[pee"):
        tried("reservoirpy/ridge")
    assert main(["oracle", "peers", "--trial", "reservoirpy/ridge"]) == 1
    assert "no-such-package is not installed" in capsys.readouterr().out


def test_the_truth_of_a_case_is_made_once():
    make = PEERS["reservoirpy/ridge"].case
    assert truth_of(make) is truth_of(make)
    with pytest.raises(ValueError, match="gives int, expected a Case"):
        truth_of(lambda: 3)


def test_a_tensor_given_under_another_name_only_is_compared_with_its_own_step():
    case = golden().case
    tape, right = record(case), computed("float64")
    name, alias = "layers.0.output", "layers.1.input"
    assert tape.aliases[alias] == name
    wrong = right[name] + 1
    np.testing.assert_allclose(local(tape, case.values, {alias: wrong})[alias], right[name], rtol=1e-9)
    np.testing.assert_array_equal(local(tape, case.values, {alias: wrong, name: wrong})[alias], wrong)


def test_a_package_whose_parameters_are_others_than_ours_is_an_error():
    torch = pytest.importorskip("torch")
    linear, weight = torch.nn.Linear(2, 3), torch.zeros(3, 2)
    assert call(linear, {"weight": weight, "bias": torch.ones(3)}, torch.ones(2)).tolist() == [1.0, 1.0, 1.0]
    assert call(linear, {"weight": weight}, torch.ones(2), left=("bias",)).tolist() == linear.bias.tolist()
    for weights in ({"weight": weight}, {"weight": weight, "bias": torch.ones(3), "scale": weight}):
        with pytest.raises(ValueError, match=r"^Linear: parameters \['(bias|scale)'\] differ"):
            call(linear, weights, torch.ones(2))
