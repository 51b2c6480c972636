"""A report as JSON, JUnit XML and Markdown."""

import re
from collections import Counter
from xml.etree import ElementTree

from minires import report as forms
from minires._version import __version__
from minires.oracle.adapters.report import WORDS, described, headline
from minires.oracle.adapters.wording import coverage, precision

SCHEMA = 1
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


def as_dict(report):
    """The report as report.schema.json has it."""
    return {"schema": SCHEMA, "minires": __version__, "suite": report.suite, "subject": report.subject,
            "profile": report.profile, "passed": report.passed, "seconds": report.seconds, "notes": list(report.notes),
            "cases": [of_case(result) for result in report.results]}


def of_case(result):
    """One case: the verdict's fields, rows and causes as objects."""
    verdict = result.verdict._asdict()
    return {**verdict, "outcome": result.outcome, "reason": result.reason,
            "rows": [row._asdict() for row in verdict["rows"]], "causes": [cause._asdict() for cause in verdict["causes"]]}


def as_json(report):
    """JSON; what is not finite is null."""
    return forms.as_json(as_dict(report))


def as_junit(report):
    """JUnit XML: a test per case, its class the folder of the id."""
    counts = Counter(result.outcome for result in report.results)
    totals = {"tests": str(len(report.results)), "failures": str(counts["failed"]), "errors": "0",
              "skipped": str(counts["xfailed"]), "time": f"{report.seconds:.3f}"}
    top = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(top, "testsuite", {"name": legal(f"minires {report.subject} {report.profile}"), **totals})
    for result in report.results:
        family, _, _ = result.verdict.case.rpartition("/")
        test = ElementTree.SubElement(suite, "testcase", {
            "classname": legal(f"minires.{family or 'case'}"), "name": legal(result.verdict.case),
            "time": f"{result.verdict.seconds:.3f}"})
        if result.outcome == "failed":
            first = described(result).splitlines()
            ElementTree.SubElement(test, "failure", {"message": legal(first[0])}).text = legal("\n".join(first))
        if result.outcome == "xfailed":
            ElementTree.SubElement(test, "skipped", {"message": legal(f"expected to fail: {result.reason}")})
    ElementTree.SubElement(suite, "system-out").text = legal("\n".join([headline(report), *report.notes]))
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def legal(text):
    """The text without characters that XML cannot hold."""
    return FORBIDDEN.sub("?", text)


def as_markdown(report):
    """A heading, a table of the cases, and what is said of each that did not simply pass."""
    lines = [f"## {headline(report)}", "", *(f"- note: {line}" for line in report.notes), *([""] if report.notes else []),
             "| case | outcome | precision | coverage | first diverging | likeliest cause |", "|---|---|---|---|---|---|"]
    for result in report.results:
        verdict = result.verdict
        first = next((name for scopes in verdict.first.values() for name in scopes.values() if name), "")
        cause = " and ".join(verdict.causes[0].names) if verdict.causes and verdict.causes[0].explains else ""
        cells = (f"`{verdict.case}`", WORDS[result.outcome], precision(verdict.behaves_like), coverage(verdict),
                 f"`{first}`" if first else "", cause)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    for result in report.results:
        if result.outcome != "passed":
            lines += ["", "```text", described(result).replace("```", "'''"), "```"]
    return "\n".join(lines) + "\n"
