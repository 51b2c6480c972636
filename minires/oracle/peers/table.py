"""What is printed of a trial: a line or two, a dict for JSON, a row of a Markdown table."""

HEADINGS = ("package", "version", "what was tried", "verdict", "first divergence", "named cause", "what it is")
UNEXPECTED = "NOT AS DECLARED: "


def row(outcome):
    """Everything that is said of an outcome, as JSON has it."""
    trial, verdict = outcome.trial, outcome.verdict
    causes = [{"names": list(cause.names), "amplitude": cause.amplitude, "residual": cause.residual}
              for cause in verdict.causes]
    return {"id": outcome.id, "package": trial.package, "version": outcome.version, "tried": trial.what,
            "case": verdict.case, "profile": trial.profile, "agrees": verdict.passed, "as_declared": outcome.expected,
            "kind": trial.kind, "reason": trial.reason, "place": trial.place, "tensors": len(verdict.supplied),
            "first": outcome.first, "cause": outcome.cause, "causes": causes, "behaves_like": verdict.behaves_like,
            "problems": verdict.problems, "seconds": outcome.seconds}


def as_text(outcome):
    """The verdict on a line; below it, of a difference, where it begins, its cause and what was declared."""
    trial, verdict = outcome.trial, outcome.verdict
    given = f"{len(verdict.supplied)} tensors, {outcome.seconds:.1f} s"
    lines = [f"{'' if outcome.expected else UNEXPECTED}{'agrees ' if verdict.passed else 'differs'} {trial.package} "
             f"{outcome.version}  {trial.what} ({outcome.id}; {given})"]
    if not verdict.passed:
        lines += [f"        problem  {line}" for line in verdict.problems]
        lines += [f"        first    {outcome.first}", f"        cause    {cause_of(outcome)}"]
    if trial.kind:
        lines += [f"        {trial.kind:<8} {trial.reason}", f"        place    {trial.place}"]
    return "\n".join(lines)


def cause_of(outcome):
    """The named cause with its amplitude, or that none explains the answer."""
    if not outcome.cause:
        return "none of the catalogue explains it"
    first = outcome.verdict.causes[0]
    same = f"; the same here: {', '.join(first.same)}" if first.same else ""
    return f"{outcome.cause} (amplitude {first.amplitude:.3f}, z rms {first.residual:.2f} is left{same})"


def as_markdown(outcomes):
    """A table, a row per trial."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *map(cells, outcomes)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(outcome):
    """The cells of a row."""
    trial, passed = outcome.trial, outcome.verdict.passed
    verdict = ("" if outcome.expected else UNEXPECTED) + ("agrees" if passed else "differs")
    first, cause = ("", "") if passed else (outcome.first, outcome.cause or "none fits")
    return (trial.package, outcome.version, trial.what, verdict, code(first), ", ".join(map(code, cause.split(" and "))),
            f"{trial.kind}: {trial.reason}" if trial.kind else "")


def code(name):
    """A name as code, nothing as nothing."""
    return f"`{name}`" if name and name != "none fits" else name
