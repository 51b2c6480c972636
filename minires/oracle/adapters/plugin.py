"""What the pytest plugin asks of a port; `minires_pytest`, beside the package, has pytest's side of it."""

import os
import sys
from importlib import import_module

from minires.errors import one_of, require
from minires.oracle.adapters import aliases as names
from minires.oracle.adapters.adapter import callable_of, verdict_of
from minires.oracle.adapters.ask import answered
from minires.oracle.adapters.expected import outcomes
from minires.oracle.adapters.report import Result, described
from minires.oracle.adapters.selection import matching, packed, suite_hash
from minires.oracle.judgement.profiles import PROFILES


class Subject:
    """A port and the cases that it is asked; ValueError or ImportError for a request that cannot be served."""

    def __init__(self, where, profile="float32", cases=None, folder=None, xfails=None, aliases=None, layout=None):
        one_of("profile", profile, PROFILES)
        self.where, self.profile, self.expected = where, profile, outcomes(xfails)
        self.run, self.rules = callable_of(loaded(where)), names.table(aliases, layout)
        self.goldens = matching(packed(folder), cases)

    def header(self):
        """One line: the port, its profile, the cases, and which expected failures fit none of them."""
        for golden in self.goldens:
            self.expected.reason(golden.case.id)
        return "; ".join([f"minires: {self.where}, {self.profile}, suite {suite_hash(self.goldens)[:12]}, "
                          f"{len(self.goldens)} cases", *self.expected.unused()])

    def failure(self, golden):
        """What is wrong with the answer to a case, "" where nothing is.

        It is asked twice, the second time after another case: what a port keeps from one call to the next shows.
        """
        first = answered(self.run, golden, self.rules)
        answered(self.run, self.goldens[self.goldens.index(golden) - 1], self.rules)
        verdict = verdict_of(golden, first, answered(self.run, golden, self.rules), self.profile, {})
        return "" if verdict.passed else described(Result(verdict, "failed"))


def loaded(where):
    """The object that "package.module:name" names, the working folder among the places where modules are sought."""
    module, _, name = where.partition(":")
    require(module and name, f"subject {where!r}: expected package.module:name")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found = import_module(module)
    for part in name.split("."):
        found = one_of(f"name in {module}", part, vars(found))
    return found
