"""The conversations' part of the tour: a question whose answer lies in what was said before."""

import os

import numpy as np

from minires.commands.conversation.toy import draw_comparison, mood_flip_comparison
from minires.report import table

COLUMNS = {"model": "reservoir ResFormer", "accuracy": "accuracy", "spread": "+-", "chance": "chance"}
SHOWS = {
    "mood-flip": "A reservoir hears a whole conversation, a short Transformer reads its last sentence and must say whether the "
                 "latest mood was flipped or kept: with the memory it learns to, without it cannot. It does not show a good "
                 "memory (an average that fades would do for much of it), nor a gain on real conversations: on MELD and "
                 "EmoryNLP we see none (minires conversation benchmark).",
}


def calls(seeds):
    """What is to be run: both trainings of each seed."""
    return [(mood_flip_comparison, seed) for seed in range(seeds)]


def report(results, folder):
    """The results of `calls`, as numbers and a picture."""
    accuracy = {model: [result["accuracy"][model] for result in results] for model in results[0]["accuracy"]}
    path = os.path.join(folder, "tour-mood-flip.png")
    title = f"mood flip: {results[0]['conversations']} conversations, {results[0]['steps']} steps"
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    figures.save(draw_comparison(results, title), path)
    return {"mood_flip": {"accuracy": accuracy, "chance": results[0]["chance"], "steps": results[0]["steps"]},
            "pictures": {"mood-flip": path}}


def readable(result):
    """A row for each model."""
    flip = result["mood_flip"]
    rows = [{"model": model, "accuracy": float(np.mean(values)), "spread": float(np.std(values)), "chance": flip["chance"]}
            for model, values in flip["accuracy"].items()]
    return (f"{table(rows, COLUMNS)}\n\nmood flip, 2000 test conversations, mean and spread of "
            f"{len(next(iter(flip['accuracy'].values())))} seeds after {flip['steps']} steps")
