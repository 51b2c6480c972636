"""Expected failures: which cases a port is known to fail, and why.

A file has a line per pattern of ids, the reason after a #:
    transformer/altup*    # not written yet
"""

from fnmatch import fnmatchcase
from pathlib import Path

from minires.errors import require


class Expected:
    """The patterns with their reasons; remembers which of them were of use."""

    def __init__(self, reasons, strict):
        self.reasons, self.strict, self.used = reasons, strict, set()

    def reason(self, id):
        """Why a case is expected to fail, "" where it is not."""
        pattern = next((one for one in self.reasons if fnmatchcase(id, one)), None)
        self.used |= {pattern}
        return self.reasons.get(pattern, "")

    def of(self, verdict):
        """The outcome of a verdict and the reason: passed, failed, xfailed (expected), xpassed (expected to fail)."""
        reason = self.reason(verdict.case)
        if not reason:
            return ("passed" if verdict.passed else "failed"), ""
        if not verdict.passed:
            return "xfailed", reason
        return ("failed", f"passed, expected to fail: {reason}") if self.strict else ("xpassed", reason)

    def unused(self):
        """A line for each pattern that fits no case that was run."""
        return [f"expected failure {pattern!r} fits no case that was run" for pattern in self.reasons
                if pattern not in self.used]


def outcomes(xfails, strict=False):
    """Expected from {pattern: reason}, from a file of such lines, or from None."""
    if xfails is None or isinstance(xfails, dict):
        require(all(isinstance(reason, str) and reason for reason in (xfails or {}).values()),
                f"xfails={xfails!r}: expected a reason for each pattern")
        return Expected(dict(xfails or {}), strict)
    path = Path(xfails)
    require(path.is_file(), f"expected failures {str(xfails)!r}: no such file")
    reasons = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        pattern, mark, reason = (part.strip() for part in line.partition("#"))
        require(not pattern or reason, f"{path}, line {number}: {line.strip()!r}: expected a reason after a #")
        reasons.update({pattern: reason} if pattern else {})
    return Expected(reasons, strict)
