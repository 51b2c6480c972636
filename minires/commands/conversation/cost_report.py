"""What `minires conversation cost` says and draws."""

from minires.commands.conversation.report import draw as write
from minires.report import table

COUNTED = {"utterances": "utterances", "steps": "reservoir steps", "scores": "scores", "state_bytes": "state, bytes",
           "full": "full: scores", "full_cached": "with cache", "full_bytes": "cache, bytes", "window": "window: scores",
           "window_cached": "with cache", "window_bytes": "cache, bytes"}
MEASURED = {"utterances": "utterances", "seconds": "s/utterance", "peak_bytes": "peak, bytes", "held_bytes": "held, bytes",
            "full_seconds": "full: s/utterance", "full_peak": "full: peak, bytes"}


def flat(row):
    """A row of the result under the keys of the two tables."""
    own, full, window = row["cascade"], row["full history"], row["sliding window"]
    return {"utterances": row["utterances"], **own, "full": full["scores"], "full_cached": full["scores_cached"],
            "full_bytes": full["cached_bytes"], "window": window["scores"], "window_cached": window["scores_cached"],
            "window_bytes": window["cached_bytes"], "full_seconds": full.get("seconds"), "full_peak": full.get("peak_bytes")}


def readable(result):
    """What is counted, what is measured, where the picture is."""
    rows, network = [flat(row) for row in result["rows"]], result["network"]
    heading = (f"one more utterance of {result['tokens']} tokens: {network['units']} units, width {network['width']}, "
               f"{network['heads']} heads, {network['layers']} layers; window of {result['window']} utterances")
    return (f"{heading}\n\ncounted: score entries of all heads and layers\n{table(rows, COUNTED)}\n\n"
            f"measured: seconds are medians, peak and held bytes are of tracemalloc; -: not measured, as it grows as U^2\n"
            f"{table(rows, MEASURED)}\n\n" + "\n".join(f"{name}: {path}" for name, path in result["picture"].items()))


def draw(result, folder):
    """The picture; returns name -> path."""
    from minires.figures import conversations as figures  # matplotlib is slow to import: only where a picture is drawn
    rows = result["rows"]
    every = lambda kind, what: [(row["utterances"], row[kind][what]) for row in rows if what in row[kind]]
    curve = lambda kind, what, measured: (*map(list, zip(*every(kind, what))), measured)
    panels = {"seconds per utterance": {("cascade", "measured"): "seconds", ("full history", "measured"): "seconds"},
              "bytes": {("cascade", "peak, measured"): "peak_bytes", ("full history", "peak, measured"): "peak_bytes",
                        ("cascade", "state, counted"): "state_bytes",
                        ("full history", "keys and values, counted"): "cached_bytes",
                        ("sliding window", "keys and values, counted"): "cached_bytes"},
              "score entries per utterance": {(kind, "counted"): "scores"
                                              for kind in ("cascade", "full history", "sliding window")}}
    made = {label: {f"{kind}: {how}": curve(kind, what, "measured" in how) for (kind, how), what in curves.items()
                    if every(kind, what)} for label, curves in panels.items()}
    title = f"one more utterance of {result['tokens']} tokens"
    return write({"cost": figures.cost(made, title)}, folder, "stream")
