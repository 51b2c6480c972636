"""The report says what the verdicts say: as text, JSON after its schema, JUnit XML and Markdown; and the step on disk."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from port_cases import few_mistakes, fewer_reruns, golden, right, two, without_causes, wrong

import minires.oracle
from minires.oracle import verify
from minires.oracle.adapters.report import Report, Result
from minires.oracle.adapters.wording import precision
from minires.oracle.judgement.verdict import Cause, Row, Verdict
from minires.oracle.packs.schema import check
from minires.oracle.tape import record

__all__ = ["few_mistakes", "fewer_reruns", "without_causes"]
pytestmark = pytest.mark.usefixtures("fewer_reruns")
GOOD = Verdict("a/good", "float32", True, [], [], ["loss"], [f"t{i}" for i in range(6)], {}, 2.0 ** -24, [], 0.25)
ROW = Row("scores", "global", False, 3e3, 1e4, (1, 2), 0.5, 0.25, 1e6, 2.0 ** -3, 2.449, 0.75)
BAD = Verdict("a/bad|one", "float32", False, [ROW, ROW._replace(scope="local", rms_z=math.inf)], ["loss: None\x00 <&>"],
              ["scores"], [], {"forward": {"global": "scores", "local": "scores"}, "backward": {"local": "grad/x"}}, 2.0 ** -11,
              [Cause(("scale-missing", "k"), 1e5, 0.9996, 0.5, "does this", "do that", ("here", "there"), ("other",))], 1.5)


def report(*results, **more):
    """A report of these results."""
    return Report("port 1", "float32", list(results), more.pop("notes", []), 2.0, "f" * 64)


BOTH = report(Result(GOOD, "passed"), Result(BAD, "failed"), notes=["a note"])


def test_the_text_has_the_first_divergence_the_cause_and_the_fix():
    lines = BOTH.text(verbose=True).splitlines()
    assert lines[0] == "FAILED port 1, float32, suite ffffffffffff: 1 passed, 1 failed; 2 cases in 2.0 s"
    assert lines[1:3] == ["note: a note", "PASSED a/good: behaves like 2^-24 (float32); 1 of 7 tensors, absent: "
                          "t0, t1, t2, t3, .. (2 more)"]
    assert lines[3:] == [
        "FAILED a/bad|one: behaves like 2^-11 (float16 or TF32); 1 of 1 tensors",
        "  problem   loss: None\x00 <&>",
        "  forward   scores is the first that diverges, globally and locally",
        "            global: z rms 3e+03, max 1e+04 at [1, 2]; error 5.0e-01, relative 2.5e-01, 1e+06 ulp; best factor 2.449, "
        "cosine 0.75",
        "            local: z rms inf, max 1e+04 at [1, 2]; error 5.0e-01, relative 2.5e-01, 1e+06 ulp; best factor 2.449, "
        "cosine 0.75",
        "  backward  no tensor diverges globally",
        "  backward  grad/x is the first that diverges, locally",
        "            clause gradient: d objective / d the tensor; objective = loss + sum over the cotangents of "
        "<cotangent/NAME, NAME>",
        "  cause     scale-missing and k: amplitude 1.000, likelihood 1e+05, z rms 0.5 is left",
        "            does: does this", "            fix: do that", "            seen: here; there",
        "            same: other on this case"]
    assert str(BOTH) == "\n".join([*lines[:2], *lines[3:]])


def test_the_clause_of_the_first_diverging_tensor_is_quoted():
    first = {"forward": {"global": "layers.0.attention.heads", "local": "layers.0.attention.heads"}}
    assert "    clause attention.heads: U_n = P_n v" in report(Result(BAD._replace(first=first), "failed")).text()


def test_what_no_known_mistake_fits_is_said():
    assert "no known mistake fits" in report(Result(BAD._replace(causes=[]), "failed")).text()
    assert "cause" not in report(Result(BAD._replace(causes=[], first={}), "failed")).text()


@pytest.mark.parametrize("u, said", [
    (0.0, "no error"), (math.nan, "no precision can be told"), (2.0 ** -60, "finer than float64"), (2.0 ** -53.4, "(float64)"),
    (2.0 ** -50, "coarser than float64"), (2.0 ** -24, "2^-24 (float32)"), (2.0 ** -17, "coarser than float32"),
    (2.0 ** -10.6, "2^-11 (float16 or TF32)"), (2.0 ** -8, "2^-8 (bfloat16)"), (2.0 ** -3, "coarser than any precision"),
    (8.0, "like no precision"), (math.inf, "like no precision")])
def test_the_precision_is_told_in_words(u, said):
    assert said in precision(u)


def test_json_is_of_its_schema_and_what_is_not_finite_is_null(few_mistakes):
    schema = json.loads((Path(minires.oracle.__file__).parent / "report.schema.json").read_text())

    def resolved(part):
        if isinstance(part, dict):
            return resolved(schema["$defs"][part["$ref"].split("/")[-1]]) if "$ref" in part else {
                key: resolved(value) for key, value in part.items() if key != "$defs"}
        return part

    for each in (BOTH, *(verify(run, [golden()], progress=False) for run in (wrong("softmax-over-queries"), right))):
        document = json.loads(each.json())
        check(document, resolved(schema), "report")
        assert document["passed"] == each.passed
    assert json.loads(BOTH.json())["cases"][1]["rows"][1]["rms_z"] is None
    with pytest.raises(ValueError, match="'more' is unknown"):
        check({**document, "more": 1}, resolved(schema), "report")


def test_junit_has_a_test_per_case_and_says_which_failed():
    both = report(Result(GOOD, "xfailed", "known"), Result(BAD, "failed"), *[Result(GOOD, "xpassed", "known")] * 2)
    suite = ElementTree.fromstring(both.junit()).find("testsuite")
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {"tests": "4", "failures": "1", "skipped": "1"}
    tests = suite.findall("testcase")
    assert [(test.get("classname"), test.get("name"), test.get("time")) for test in tests] == [
        ("minires.a", "a/good", "0.250"), ("minires.a", "a/bad|one", "1.500"), *[("minires.a", "a/good", "0.250")] * 2]
    assert tests[0].find("skipped").get("message") == "expected to fail: known"
    assert "loss: None? <&>" in tests[1].find("failure").text and "scores" in tests[1].find("failure").text
    assert tests[2].find("failure") is None and suite.find("system-out").text.startswith("FAILED port 1")


def test_markdown_has_a_row_per_case_and_the_details_of_what_failed():
    text = BOTH.markdown()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == 2 and rows[1].startswith("| `a/bad\\|one` | failed | behaves like 2^-11")
    assert rows[1].endswith("| `scores` | scale-missing and k |") and text.count("```") == 2 and "- note: a note" in text


def test_nothing_that_was_run_is_no_pass():
    assert not report().passed and "no case was run" in report().text()


# ---- the first diverging step on disk --------------------------------------------------------------------------------

def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def test_the_step_on_disk_is_enough_to_repeat_it(tmp_path, few_mistakes):
    case = golden("vanilla", "encoder", T=5).case
    verify(wrong("softmax-over-queries"), two()[1:], progress=False, reproduce=tmp_path)
    with np.load(tmp_path / case.id / "forward.npz") as step:
        scores = step["inputs/layers.0.attention.fresh_scores"]
        hidden = np.where(case.inputs["padding"][:, None, None], 0, -np.inf)
        assert np.allclose(softmax(scores + hidden), step["expected"], rtol=1e-12)
        over_queries = softmax(scores[0].swapaxes(-1, -2)).swapaxes(-1, -2)  # the first sequence has no padding
        assert np.allclose(step["given"][0], over_queries, rtol=1e-12)
    readme = (tmp_path / case.id / "README.md").read_text()
    assert "layers.0.attention.probabilities" in readme and "backward.npz: grad/" in readme


def test_the_gradients_step_on_disk_has_the_gradients_that_it_is_computed_from(tmp_path):
    one = golden()

    def run(case):
        answer = right(case)
        return {**answer, "grad/layers.0.attention.output": 2 * answer["grad/layers.0.attention.output"]}

    verify(run, [one], progress=False, reproduce=tmp_path)
    with np.load(tmp_path / one.case.id / "backward.npz") as step:
        name, at = "layers.0.attention.output", "inputs/layers.0."
        assert {key for key in step if key.startswith("inputs/grad/")} == {f"inputs/grad/{each}" for each in below(one, name)}
        assert {f"{at}input", f"{at}attention.output"} <= set(step)
        assert np.allclose(step["expected"], one.truth.values[f"grad/{name}"], rtol=1e-9)
        assert np.allclose(step["given"], 2 * step["expected"], rtol=1e-9)


def below(golden_, name):
    """The tensors that one enters."""
    return [child for child, above in record(golden_.case).parents.items() if name in above]


def test_the_inputs_on_disk_are_the_ports_own(tmp_path, without_causes):
    scores, at = golden().truth.values["layers.0.attention.fresh_scores"] * (1 + 1e-8), "layers.0.attention."
    answer = {f"{at}fresh_scores": scores, f"{at}probabilities": np.full(scores.shape, 0.25), "logits": np.ones(3)}
    verify(lambda case: answer, [golden()], progress=False, reproduce=tmp_path)
    with np.load(tmp_path / golden().case.id / "forward.npz") as step:
        assert np.array_equal(step[f"inputs/{at}fresh_scores"], scores)


def test_a_right_port_leaves_nothing_on_disk(tmp_path):
    verify(right, [golden()], progress=False, reproduce=tmp_path)
    assert not list(tmp_path.iterdir())
