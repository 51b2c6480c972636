"""The pytest plugin of minires: one test per golden case for the port that `--minires-subject package.module:run` names.

    pytest --minires-subject package.module:run --minires-dtype float32 --minires-cases 'transformer/*'

Files of tests that are named beside are collected too; without any, the cases are all that is run. The failure message is
the report. It stands outside the package so that pytest starts without NumPy: a run without the option pays nothing.
"""

import pytest


def pytest_addoption(parser):
    """The options."""
    group = parser.getgroup("minires", "golden cases of minires for a port")
    group.addoption("--minires-subject", metavar="PACKAGE.MODULE:NAME", help="the port: a function of a case, or a class")
    group.addoption("--minires-dtype", metavar="PROFILE", default="float32",
                    help="the precision that it declares: float64, float32 (default), tf32, bfloat16, float16")
    group.addoption("--minires-cases", metavar="PATTERN", help="of ids, such as 'transformer/*'; all by default")
    group.addoption("--minires-pack", metavar="DIR", help="a folder of cases instead of those in the package")
    group.addoption("--minires-xfails", metavar="FILE", help="lines of expected failures: PATTERN # reason")
    group.addoption("--minires-strict-xfails", action="store_true", help="an expected failure that passes is a failure")
    group.addoption("--minires-aliases", metavar="TABLE", help="a ready table of names, such as state_dict or gpt2")
    group.addoption("--minires-layout", metavar="LAYOUT", help="of the weights, such as out,in")


def pytest_configure(config):
    """Load the port and the cases, only where a port is named."""
    if not config.getoption("minires_subject"):
        return
    from minires.oracle.adapters.plugin import Subject
    option = lambda name: config.getoption(f"minires_{name}")
    try:
        subject = Subject(option("subject"), option("dtype"), option("cases"), option("pack"), option("xfails"),
                          option("aliases"), option("layout"))
    except (ValueError, ImportError) as error:
        raise pytest.UsageError(f"minires: {error}") from None
    if config.args_source != config.ArgsSource.ARGS:
        config.args = []  # nothing was asked for by name: the cases are all
    config.pluginmanager.register(Cases(subject, option("strict_xfails")), "minires-cases")


class Cases:
    """The hooks of a run with a port."""

    def __init__(self, subject, strict):
        self.subject, self.strict = subject, strict

    def pytest_report_header(self):
        """The port, its profile, the suite."""
        return self.subject.header()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session, items):
        """A test per case, before all others; an expected failure is marked as one."""
        tests = [CaseTest.from_parent(session, name=golden.case.id, golden=golden, subject=self.subject)
                 for golden in self.subject.goldens]
        for test in tests:
            reason = self.subject.expected.reason(test.name)
            if reason:
                test.add_marker(pytest.mark.xfail(reason=reason, strict=self.strict))
        items[:0] = tests


class CaseTest(pytest.Item):
    """One case."""

    def __init__(self, *, name, parent, golden, subject):
        super().__init__(name, parent, nodeid=f"minires::{name}")
        self.golden, self.subject = golden, subject

    def runtest(self):
        """Ask the port and judge the answer."""
        failure = self.subject.failure(self.golden)
        if failure:
            raise Diverged(failure)

    def repr_failure(self, excinfo, style=None):
        """The report, not where it was raised."""
        return str(excinfo.value) if excinfo.errisinstance(Diverged) else super().repr_failure(excinfo, style)

    def reportinfo(self):
        """Where the test is: in no file, the case's id is all."""
        return self.path, None, self.name


class Diverged(Exception):
    """A port fails a case; the message is the report."""
