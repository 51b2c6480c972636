"""Names of other libraries: the way there for what a port is given, the way back for what it answers.

A table is a list of rules; the first that fits a name holds. A name is a pattern: {n} stands for a whole number, {path}
for anything, any other {word} for what has no dot or slash. `grad/` in front of a name stays where it is, and a
gradient has the layout of what it is the gradient of.
"""

import re
from typing import NamedTuple

import numpy as np

from minires.errors import one_of, require
from minires.oracle.adapters.layouts import LAYOUTS

LINEAR = ("W_q", "W_k", "W_v", "W_o", "W_1", "W_2", "W_gate")  # x W, of the Transformers


class Rule(NamedTuple):
    """One array of the port, and the arrays of the library that it holds."""

    theirs: str            # pattern
    ours: tuple            # patterns, more than one where the layout is fused
    layout: str = "in,out"


def fit(pattern, name):
    """What the words of the pattern stand for in the name, or None where it does not fit.

    >>> fit("layers.{n}.attention.W_{letter}", "layers.12.attention.W_q")
    {'n': '12', 'letter': 'q'}
    """
    if pattern not in FOUND:
        kinds = {"n": r"\d+", "path": ".+"}
        parts = re.split(r"\{(\w+)\}", pattern)
        FOUND[pattern] = re.compile("".join(f"(?P<{part}>{kinds.get(part, '[^./]+')})" if i % 2 else re.escape(part)
                                            for i, part in enumerate(parts)))
    match = FOUND[pattern].fullmatch(name)
    return match and match.groupdict()


FOUND = {}  # pattern -> its regular expression


def to(arrays, table, K=1):
    """Arrays by the library's names -> by the port's, in its layout. What no rule is about stays as it is."""
    found, groups = {}, {}
    for name, array in arrays.items():
        prefix, bare = prefixed(name)
        rule, words = next(((rule, words) for rule in table for ours in rule.ours
                            if (words := fit(ours, bare)) is not None), (None, None))
        if rule is None:
            require(name not in found, f"two arrays have the port's name {name!r}: expected one")
            found[name] = array
        else:
            groups.setdefault((prefix, rule, tuple(words.items())), []).append(bare)
    for (prefix, rule, words), there in groups.items():
        theirs, ours = prefix + rule.theirs.format(**dict(words)), [name.format(**dict(words)) for name in rule.ours]
        missing = [name for name in ours if name not in there]
        require(not missing, f"{theirs} holds {', '.join(ours)}: expected all of them, {', '.join(missing)} is missing")
        require(theirs not in found, f"two arrays have the port's name {theirs!r}: expected one")
        found[theirs] = LAYOUTS[rule.layout].join([np.asarray(arrays[prefix + name]) for name in ours], K)
    return found


def back(name, array, table, shapes, K=1):
    """One array of the port -> {name of the library: array}; shapes = {name of the library: shape}, as far as known."""
    prefix, bare = prefixed(name)
    rule, words = next(((rule, words) for rule in table if (words := fit(rule.theirs, bare)) is not None), (None, None))
    if rule is None:
        return {name: array}
    ours = [pattern.format(**words) for pattern in rule.ours]
    layout, known = LAYOUTS[rule.layout], [shapes.get(one) for one in ours]
    if None in known:
        unknown = ours[known.index(None)]
        require(len(ours) == 1, f"holds {unknown}, which the case does not have")
        return {prefix + unknown: array}  # judged under this name, where it is said what is wrong with it
    expected = layout.join([np.empty(shape) for shape in known], K).shape
    require(np.shape(array) == expected, f"shape {np.shape(array)}, expected {expected} ({rule.layout})")
    return dict(zip([prefix + one for one in ours], layout.split(array, known, K)))


def prefixed(name):
    """("grad/" or "", the rest of the name)."""
    return ("grad/", name[5:]) if name.startswith("grad/") else ("", name)


def checked(rules):
    """The rules; ValueError where a layout is unknown or the words of the two sides differ."""
    for rule in rules:
        one_of("layout", rule.layout, LAYOUTS)
        words = [sorted(set(re.findall(r"\{(\w+)\}", pattern))) for pattern in (rule.theirs, *rule.ours)]
        require(all(each == words[0] for each in words),
                f"alias {rule.theirs!r}: {', '.join(rule.ours)!r}: expected the same words in braces on both sides")
    return list(rules)


def table(aliases=None, layout=None):
    """The rules that `aliases` and `layout` ask for.

    aliases: a name of TABLES, or {their pattern: our pattern, or a list of ours where several are fused in one};
    layout: of the weights of all projections, such as "out,in", or {our pattern: layout}.
    """
    from minires.oracle.adapters.tables import TABLES
    require(aliases is None or isinstance(aliases, (str, dict)),
            f"aliases={aliases!r}: expected a dict of patterns or one of {', '.join(TABLES)}")
    if isinstance(aliases, str):
        return checked(one_of("table of aliases", aliases, TABLES) + by_layout(layout))
    given = [Rule(theirs, *((ours,), "in,out") if isinstance(ours, str) else (tuple(ours), "fused in,out"))
             for theirs, ours in (aliases or {}).items()]
    where = {rule.ours[0]: rule.layout for rule in by_layout(layout)}
    whole = isinstance(layout, str)
    return checked([rule._replace(layout=wanted(rule, where, whole)) for rule in given] + by_layout(layout))


def by_layout(layout):
    """Rules that keep the names and set the layout."""
    if isinstance(layout, str):
        layout = {**{f"{{path}}.{name}": layout for name in LINEAR}, "head.W": layout}
    return [Rule(ours, (ours,), each) for ours, each in (layout or {}).items()]


def wanted(rule, where, whole):
    """The layout of a rule that was given without one: what stands in `where` under its pattern, or under its last word."""
    last = "{path}." + rule.ours[0].rsplit(".", 1)[-1] if whole else rule.ours[0]
    layout = where.get(rule.ours[0], where.get(last, rule.layout))
    return layout if len(rule.ours) == 1 or layout.startswith("fused") else f"fused {layout}"
