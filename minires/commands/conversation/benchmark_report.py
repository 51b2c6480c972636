"""What `minires conversation benchmark` says and draws."""

from statistics import stdev

import numpy as np

from minires.commands.conversation.report import draw as write
from minires.commands.conversation.scoring import SCORES, facts
from minires.report import table

ORDER = ("majority", "naive Bayes", "last sentence only", "memory silent at test", "cascade", "full history")
MEASURES = {"hearing": "s to hear", "seconds": "s to train", "peak_mib": "peak MiB", "parameters": "parameters"}
EXPLAINED = """last sentence only: memory silent in training and test. It is also the cascade trained with zeroed memory, as
the readout of a state that is always 0 is a learnt constant: same parameters, batches, steps, encoder.
+- is the standard deviation over the seeds (n - 1); F1 dev is the weighted F1 of the dev split.
peak MiB: what tracemalloc sees of 10 training steps, a look at dev and the scoring of the test, without the corpus."""


def summary(settings, data, results, split):
    """A row for each predictor: mean and standard deviation over the seeds of its scores on a split, and what it took."""
    there = [what for what in ORDER if all(what in each for each in results.values())]
    rows = [{"what": what, **spread([each[what] for each in results.values()], split)} for what in there]
    return {"conversations": data.name, "toy": settings.source.task is not None, "split": split, "seeds": list(results),
            "facts": facts(data.splits[split]), "network": settings.network, "recipe": settings.recipe._asdict(),
            "labels": data.label_names, "rows": rows, "runs": results}


def spread(runs, split):
    """Mean and deviation of the scores, mean of the measures of runs with several seeds."""
    row = {}
    for score in SCORES:
        values = [run[split][score] for run in runs]
        row[score] = float(np.mean(values))
        row[f"{score}_sd"] = stdev(values) if len(values) > 1 else None
    row["dev"] = float(np.mean([run["dev"]["weighted_f1"] for run in runs]))
    for name in MEASURES:
        values = [run.get(name) for run in runs]
        row[name] = None if None in values else float(np.mean(values))
    return {**row, "parameters": runs[0].get("parameters")}


def columns():
    """Each score beside its deviation, then what it took."""
    scored = {key: heading for score, name in SCORES.items() for key, heading in ((score, name), (f"{score}_sd", "+-"))}
    return {"what": "", **scored, "dev": "F1 dev", **MEASURES}


def readable(result):
    """The table, what its words mean, where things are."""
    told, recipe = result["facts"], result["recipe"]
    heading = (f"{result['conversations']}, {result['split']}: {told['utterances']} labelled utterances in "
               f"{told['conversations']} conversations, {len(result['seeds'])} seeds, {recipe['steps']} steps of "
               f"{recipe['batch']} utterances in {recipe['dtype']}")
    paths = {**result["pictures"], "numbers": result["numbers"]}
    return (f"{heading}\n\n{table(result['rows'], columns())}\n\n{EXPLAINED}\n\n"
            + "\n".join(f"{name}: {path}" for name, path in paths.items()))


def draw(result, data, results, folder):
    """The bars with their seeds, and the confusion matrix of the first seed; returns name -> path."""
    from minires.figures import conversations as figures  # matplotlib is slow to import: only where a picture is drawn
    name, split, toy = (result[key] for key in ("conversations", "split", "toy"))
    score, (seed, *_) = "accuracy" if toy else "weighted_f1", results
    there = [row["what"] for row in result["rows"] if row["what"] not in ORDER[:2]]
    seeds = {what: [each[what][split][score] for each in results.values()] for what in reversed(there)}
    levels = {row["what"]: row[score] for row in result["rows"] if row["what"] in ORDER[:2]}
    levels = {"chance": 1 / len(data.label_names)} if toy else levels
    bars = figures.comparison({name: seeds}, {name: levels}, f"{name}, {split}: {len(results)} seeds", SCORES[score])
    matrix = figures.confusion(np.array(results[seed]["cascade"]["confusion"][split]), data.label_names,
                               f"{name}, {split}: cascade, seed {seed}")
    return write({"benchmark": bars, "benchmark-confusion": matrix}, folder, name)
