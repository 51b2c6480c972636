"""The figures of a measurement, as rows of tables."""

import numpy as np

from minires.oracle.judgement.profiles import PROFILES
from minires.oracle.judgement.tolerance import coarse
from minires.oracle.mistakes import MISTAKES

BARS = {  # precision -> the least share; beside these no false alarm, and the core pack within SECONDS on two cores
    "float64": {"killed": 1.0, "localised": 0.97}, "float32": {"killed": 1.0, "named": 0.97, "localised": 0.97},
    "bfloat16": {"killed": 0.96, "named": 0.95, "localised": 0.97},
}
SECONDS = 30.0
FAINT = 1.0  # power below which a mistake is the same function at a precision: no test could tell them apart


def figures(found):
    """{title of a table: rows} of what `sweep.measure` gave."""
    return {"kill rate, by precision": by(found, "precision"), "kill rate, by family": by(found, "family"),
            "correct programs": calibration(found["right"]), "false alarms": alarms(found["right"]),
            "survivors": survivors(found), "not named": misnamed(found), "not localised": astray(found)}


def final(found):
    """{(mistake, precision): its last row}."""
    return {(row["mistake"], row["precision"]): row for row in found["wrong"]}


def equivalent(row, found):
    """Whether a survivor is the same function at its precision: the same numbers, or below what any case can see."""
    return not row["killed"] and (row.get("identical", False) or power(row, found) < FAINT)


def power(row, found):
    """The largest power of a case in the precision of a row, from that in float32 or bfloat16."""
    own, u = found["power"][row["mistake"]], PROFILES[row["precision"]]
    return own["bfloat16"] if coarse(u) else own["float32"] * PROFILES["float32"].store / u.store


def by(found, key):
    """Rates of the mistakes, for each value of a column."""
    rows = list(final(found).values())
    return [{key: value, **rates([row for row in rows if row[key] == value], found)}
            for value in dict.fromkeys(row[key] for row in rows)]


def rates(rows, found):
    """Killed, named and localised, in shares of those where it can be said."""
    visible = [row for row in rows if not equivalent(row, found)]
    share = lambda values: float(np.mean(values)) if len(values) else None
    return {"mistakes": len(rows), "equivalent": len(rows) - len(visible), "killed": share([row["killed"] for row in visible]),
            "named": share([row["named"] for row in visible if "named" in row]),
            "localised": share([row["located"] for row in visible if row.get("located") is not None])}


def calibration(rows):
    """Correct programs by precision: false alarms and how near they come to the limits."""
    table = []
    for precision in dict.fromkeys(row["precision"] for row in rows):
        own = [row for row in rows if row["precision"] == precision]
        table.append({"precision": precision, "runs": len(own), "programs": len({row["who"] for row in own}),
                      "alarms": sum(not row["passed"] for row in own),
                      **{key: max(row[key] for row in own) for key in ("rms", "max", "share")}})
    return table


def alarms(rows):
    """Correct programs that were rejected."""
    return [{key: row[key] for key in ("who", "precision", "case", "where")} for row in rows if not row["passed"]]


def missed(found):
    """A line for each bar that is missed."""
    lines = [f"{row['precision']}: {key} {row[key]:.4f}, expected {least} or more" for row in by(found, "precision")
             for key, least in BARS.get(row["precision"], {}).items() if row[key] is not None and row[key] < least]
    lines += [f"{row['precision']}: {row['alarms']} false alarms" for row in calibration(found["right"]) if row["alarms"]]
    return lines + [f"{precision}: {seconds:.0f} s for one port on the core pack, expected {SECONDS:.0f} or less"
                    for precision, seconds in found["seconds"].items() if seconds > SECONDS]


def survivors(found):
    """Mistakes that no case killed, and why."""
    return [{"mistake": row["mistake"], "precision": row["precision"], "case": row["case"],
             "power": power(row, found), "why": why(row, found),
             "does": MISTAKES[row["mistake"]].does} for row in final(found).values() if not row["killed"]]


def why(row, found):
    """Why a mistake survives."""
    if row.get("identical"):
        return "the same numbers"
    return "below the rounding" if equivalent(row, found) else "survives"


def misnamed(found):
    """Mistakes that were killed and called something else."""
    return [{key: row.get(key) for key in ("mistake", "precision", "case", "cause", "amplitude", "residual")}
            for row in final(found).values() if row.get("named") is False]


def astray(found):
    """Mistakes whose first local divergence is at a step that they do not touch."""
    return [{key: row.get(key) for key in ("mistake", "precision", "case", "first", "who")}
            for row in final(found).values() if row.get("located") is False]
