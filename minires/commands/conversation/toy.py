"""One toy with and without memory, in seconds: what `minires tour` and the pictures of the toys show."""

import time

from minires.commands.conversation.data import Source
from minires.commands.conversation.measured import cascade, last_sentence
from minires.commands.conversation.settings import Settings
from minires.training.conversations import RECIPE

CHANCE = {"cue_recall": 1 / 4, "mood_flip": 1 / 2, "evidence_count": 1 / 2}  # of the toys' default options


def mood_flip_comparison(seed, steps=500, conversations=2000):
    """`toy_comparison` of mood_flip: is the latest mood of the history flipped by the last sentence, or kept?"""
    return toy_comparison("mood_flip", seed, steps, conversations)


def toy_comparison(task, seed, steps, conversations):
    """Test accuracies of one toy after two trainings, one with memory and one without; JSON-able.

    {"task", "seed", "steps", "conversations", "chance", "accuracy": {predictor: accuracy}, "parameters", "seconds"}
    """
    began = time.perf_counter()
    recipe = RECIPE._replace(steps=steps, dtype="float32", evaluate_every=steps)
    settings = Settings(Source(task=task, conversations=conversations), {}, recipe)
    found = {**cascade(settings, seed), **last_sentence(settings, seed)}
    accuracy = {what: found[what]["test"]["accuracy"] for what in ("cascade", "memory silent at test", "last sentence only")}
    return {"task": task, "seed": seed, "steps": steps, "conversations": conversations, "chance": CHANCE[task],
            "accuracy": accuracy, "parameters": found["cascade"]["parameters"], "seconds": time.perf_counter() - began}


def draw_comparison(results, title):
    """The figure of some `toy_comparison`s: a group of bars per task, a point per seed."""
    from minires.figures import conversations as figures  # matplotlib is slow to import: only where a picture is drawn
    tasks = dict.fromkeys(result["task"] for result in results)
    own = {task: [result for result in results if result["task"] == task] for task in tasks}
    values = {task: {what: [result["accuracy"][what] for result in own[task]] for what in own[task][0]["accuracy"]}
              for task in tasks}
    return figures.comparison(values, {task: {"chance": own[task][0]["chance"]} for task in tasks}, title, "test accuracy")
