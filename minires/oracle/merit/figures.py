"""The figures of a measurement, as rows of tables."""

import numpy as np

from minires.oracle.mistakes import MISTAKES

FAINT = 1.0  # power below which a mistake is the same function at a precision: no test could tell them apart


def figures(found):
    """{title of a table: rows} of what `sweep.measure` gave."""
    return {"kill rate, by precision": by(found, "precision"), "kill rate, by family": by(found, "family"),
            "correct programs": calibration(found["right"]), "survivors": survivors(found),
            "not named": misnamed(found), "not localised": astray(found)}


def final(found):
    """{(mistake, precision): its last row}."""
    return {(row["mistake"], row["precision"]): row for row in found["wrong"]}


def equivalent(row, found):
    """Whether a survivor is the same function at its precision, as far as any case can see."""
    power = found["power"][row["mistake"]]
    return not row["killed"] and power["float32"] * 2.0 ** 29 < FAINT if row["precision"] == "float64" else (
        not row["killed"] and power["float32" if row["precision"] == "float32" else "bfloat16"] < FAINT)


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
                      **{key: max(row[key] for row in own) for key in ("rms", "max", "share")},
                      "where": [f"{row['who']} {row['case']}: {'; '.join(row['where'])}" for row in own if not row["passed"]]})
    return table


def survivors(found):
    """Mistakes that no case killed, and why."""
    return [{"mistake": row["mistake"], "precision": row["precision"], "case": row["case"],
             "power": found["power"][row["mistake"]].get(row["precision"], found["power"][row["mistake"]]["bfloat16"]),
             "why": "the same function at this precision" if equivalent(row, found) else "survives",
             "does": MISTAKES[row["mistake"]].does} for row in final(found).values() if not row["killed"]]


def misnamed(found):
    """Mistakes that were killed and called something else."""
    return [{key: row.get(key) for key in ("mistake", "precision", "case", "cause", "amplitude", "residual")}
            for row in final(found).values() if row.get("named") is False]


def astray(found):
    """Mistakes whose first local divergence is at a step that they do not touch."""
    return [{key: row.get(key) for key in ("mistake", "precision", "case", "first", "who")}
            for row in final(found).values() if row.get("located") is False]
