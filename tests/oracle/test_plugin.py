"""The pytest plugin: a test per case, the report as failure message; a run without its options pays and shows nothing."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

import minires

pytest_plugins = "pytester"
PORT = """
import sys
sys.path.insert(0, {tests!r})
from minires.oracle.packs import pack
from port_cases import right, two, wrong
pack.core = two  # small cases
off = wrong("softmax-over-queries")
half = lambda case: right(case) if "vanilla" in case.id else off(case)

class Stateful:
    calls = 0
    def load(self, config, params): Stateful.calls += 1
    def forward(self, inputs): return {{"loss": 1.0 + Stateful.calls}}

asked = []
def sticky(case):
    asked.append(case.id)
    return {{**right(case), "loss": right(case)["loss"] * (1 + (asked[-2:-1] not in ([], [case.id])))}}
"""
INSTALLED = any(entry.name == "minires" for entry in entry_points(group="pytest11"))


@pytest.fixture
def port(pytester, monkeypatch):
    """Run pytest in a folder that has a port and a test of its own; the cases are two small ones."""
    from minires.oracle.judgement import judge, likelihood, local
    from minires.oracle.packs import pack
    from minires.oracle.judgement import tolerance
    for module in (local, tolerance):
        monkeypatch.setattr(module, "RERUNS", 3)
    monkeypatch.setattr(pack, "core", pack.core)  # what the port replaces comes back
    monkeypatch.setattr(judge, "judge", judge.judge)
    monkeypatch.setattr(likelihood, "MISTAKES", {name: likelihood.MISTAKES[name] for name in ("softmax-over-queries",)})
    monkeypatch.setattr(sys, "path", [str(Path(minires.__file__).parents[1]), *sys.path])
    pytester.makepyfile(own_port=PORT.format(tests=str(Path(__file__).parent)), test_own="def test_own(): pass")
    first = [] if INSTALLED else ["-p", "minires_pytest"]
    return lambda *words: pytester.runpytest_inprocess(*first, "-p", "no:xdist", "-p", "no:cacheprovider", *words)


def test_a_right_port_gets_a_passing_test_per_case_and_no_other_test_is_run(port):
    result = port("--minires-subject", "own_port:right", "--minires-dtype", "float64", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["minires: own_port:right, float64, suite ????????????, 2 cases",
                                 "minires::transformer/pre_norm-decoder PASSED*",
                                 "minires::transformer/vanilla-encoder PASSED*"])


def test_the_failure_message_is_the_report_and_junit_has_it(port, pytester):
    result = port("--minires-subject", "own_port:half", "--junitxml", "out.xml")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED transformer/pre_norm-decoder: behaves like*", "*is the first that diverges*",
                                 "*cause * softmax-over-queries: amplitude 1.000*"])
    assert "Traceback" not in result.stdout.str() and "runtest" not in result.stdout.str()
    tests = ElementTree.parse(pytester.path / "out.xml").findall(".//testcase")
    assert [test.get("name") for test in tests] == ["transformer/pre_norm-decoder", "transformer/vanilla-encoder"]
    assert "softmax-over-queries" in tests[0].find("failure").text and tests[1].find("failure") is None


def test_a_port_that_keeps_something_between_calls_fails(port):
    port("--minires-subject", "own_port:Stateful", "--minires-cases", "*vanilla*").assert_outcomes(failed=1)
    port("--minires-subject", "own_port:sticky").assert_outcomes(failed=2)  # right as long as the case is the same


@pytest.mark.slow
def test_cases_are_chosen_by_pattern_and_by_keyword_and_files_may_be_named_beside(port):
    port("--minires-subject", "own_port:right", "--minires-cases", "*vanilla*").assert_outcomes(passed=1)
    port("--minires-subject", "own_port:right", "-k", "vanilla").assert_outcomes(passed=1, deselected=1)
    port("--minires-subject", "own_port:right", "--minires-cases", "*vanilla*", "test_own.py").assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.parametrize("strict, subject, outcome", [
    ((), "half", {"xfailed": 1, "passed": 1}), ((), "right", {"xpassed": 1, "passed": 1}),
    (("--minires-strict-xfails",), "right", {"failed": 1, "passed": 1})])
def test_expected_failures_are_pytests_own(port, pytester, strict, subject, outcome):
    (pytester.path / "known.txt").write_text("transformer/pre_norm*  # not written yet\nnone/*  # never\n")
    result = port("--minires-subject", f"own_port:{subject}", "--minires-xfails", "known.txt", *strict)
    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines(["minires: *; expected failure 'none/[*]' fits no case that was run"])


@pytest.mark.parametrize("words, message", [
    (["own_port"], "subject 'own_port': expected package.module:name"),
    (["no_such_module:run"], "No module named 'no_such_module'"),
    (["own_port:rigth"], "unknown name in own_port 'rigth': did you mean 'right'"),
    (["own_port:right", "--minires-dtype", "fp32"], "unknown profile 'fp32'"),
    (["own_port:right", "--minires-cases", "transfomer/*"], "unknown case 'transfomer/[*]'"),
    (["own_port:right", "--minires-pack", "/nowhere"], "/nowhere"),
])
def test_a_request_that_cannot_be_served_is_a_usage_error_in_one_line(port, words, message):
    result = port("--minires-subject", *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: minires: *{message}*"])
    assert len(result.stderr.lines) <= 2


def test_without_a_port_the_plugin_does_nothing(port):
    result = port()
    result.assert_outcomes(passed=1)
    assert "minires:" not in result.stdout.str()


def test_the_plugin_starts_without_the_package_and_without_numpy():
    code = ("import sys, pytest; import minires_pytest; "
            "assert not {'numpy', 'autograd', 'minires'} & set(sys.modules), 'imported at start'")
    subprocess.run([sys.executable, "-c", code], cwd=Path(minires.__file__).parents[1], check=True)


@pytest.mark.slow
def test_the_cases_are_shared_out_by_xdist_with_warnings_as_errors(port, pytester):
    words = [] if INSTALLED else ["-p", "minires_pytest"]
    paths = [str(Path(minires.__file__).parents[1]), str(pytester.path)]
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    result = pytester.run(sys.executable, "-c", f"import sys; sys.path[:0] = {paths}; import pytest; sys.exit(pytest.main())",
                          *words, "-n", "2", "--minires-subject", "own_port:right")
    result.assert_outcomes(passed=2)
