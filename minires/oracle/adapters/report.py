"""What is said of a port: a summary and a verdict per case, as text. `documents` has the other forms.

    FAILED my_port.run, float32: 11 passed, 1 failed; 12 cases in 8.3 s
    FAILED transformer/altup-decoder: behaves like 2^-11 (float16 or TF32); 98 of 98 tensors
      forward   layers.0.attention.probabilities is the first that diverges, globally and locally
"""

from collections import Counter
from typing import NamedTuple

from minires.oracle.adapters.wording import clause, coverage, numbers, precision
from minires.oracle.judgement.verdict import Verdict

WORDS = {"passed": "passed", "failed": "failed", "xfailed": "failed as expected", "xpassed": "passed, expected to fail"}


class Result(NamedTuple):
    """The outcome of one case: a word of WORDS, and the reason where it was expected to fail."""

    verdict: Verdict
    outcome: str
    reason: str = ""


class Report(NamedTuple):
    """All that is said of a port."""

    subject: str
    profile: str
    results: list   # of Result
    notes: list     # lines that do not make it fail
    seconds: float
    suite: str = ""  # the hash of the pack

    @property
    def passed(self):
        """Whether no case failed but those that were expected to."""
        return bool(self.results) and all(result.outcome != "failed" for result in self.results)

    @property
    def exit_code(self):
        """0 where it passed, else 1."""
        return int(not self.passed)

    def text(self, verbose=False):
        """For a terminal: what failed in full, what passed in a line each where `verbose`."""
        shown = [result for result in self.results if verbose or result.outcome != "passed"]
        return "\n".join([headline(self), *(f"note: {line}" for line in self.notes), *map(described, shown)])

    def __str__(self):
        return self.text()

    def json(self):
        """The report as JSON, see report.schema.json."""
        from minires.oracle.adapters.documents import as_json
        return as_json(self)

    def junit(self):
        """The report as JUnit XML."""
        from minires.oracle.adapters.documents import as_junit
        return as_junit(self)

    def markdown(self):
        """The report as Markdown."""
        from minires.oracle.adapters.documents import as_markdown
        return as_markdown(self)


def headline(report):
    """Verdict, port, profile, counts, time."""
    counts, suite = Counter(result.outcome for result in report.results), f", suite {report.suite[:12]}" if report.suite else ""
    said = ", ".join(f"{counts[word]} {WORDS[word]}" for word in WORDS if counts[word]) or "no case was run"
    return (f"{'PASSED' if report.passed else 'FAILED'} {report.subject}, {report.profile}{suite}: {said}; "
            f"{len(report.results)} cases in {report.seconds:.1f} s")


def described(result):
    """All that is said of one case."""
    verdict = result.verdict
    about = f"{precision(verdict.behaves_like)}; {coverage(verdict)}" if verdict.supplied else "no answer that can be judged"
    title = f"{result.outcome.upper()} {verdict.case}: {about}"
    lines = [f"reason    {result.reason}"] if result.reason else []
    lines += [f"problem   {line}" for line in verdict.problems]
    if not verdict.passed:
        lines += [line for direction in ("forward", "backward") for line in diverging(verdict, direction)]
        lines += causes(verdict) if verdict.first or verdict.causes else []
    return "\n".join([title, *(f"  {line}" for line in lines)])


def diverging(verdict, direction):
    """The first diverging tensor of a direction, in both scopes, with its numbers."""
    first = verdict.first.get(direction, {})
    if not any(first.values()):
        return []
    both, lines = first.get("global") == first.get("local"), []
    for scope in ("global",) if both else ("global", "local"):
        name = first.get(scope)
        where = "globally and locally" if both else f"{scope}ly"
        lines += [f"{direction:<9} {name} is the first that diverges, {where}"] if name else [
            f"{direction:<9} no tensor diverges {where}"]
        lines += [f"          {clause(name)}"] if clause(name) else []
        lines += [f"          {numbers(row)}" for row in verdict.rows if row.name == name and (both or row.scope == scope)]
    return lines


def causes(verdict):
    """The mistake that explains the answer, or that none does and which it resembles."""
    lines = [] if any(cause.explains for cause in verdict.causes) else ["cause     no known mistake fits"]
    for cause in verdict.causes:
        word = "cause     " if cause.explains else "resembles "
        lines.append(f"{word}{' and '.join(cause.names)}: amplitude {cause.amplitude:.3f}, likelihood "
                     f"{cause.likelihood:.3g}, z rms {cause.residual:.3g} is left")
        lines += [f"          {word}: {said}" for word, said in
                  (("does", cause.does), ("fix", cause.fix), ("seen", "; ".join(cause.seen)),
                   ("same", f"{', '.join(cause.same)} on this case" if cause.same else "")) if said]
    return lines
