"""The Transformers' part of the tour: gradient checks, the copy task, real text, attention."""

import os

import numpy as np

from minires.analysis import summary
from minires.commands.generate_command import continue_text
from minires.experiments import reached, run as train_one
from minires.gradients import check_variant
from minires.model import Transformer
from minires.parameters import unflatten
from minires.report import table
from minires.tasks import make_task

COPY = ("vanilla", "pre_norm", "realformer", "realformer_mean")   # vanilla is post-norm, as RealFormer is
TEXT = ("pre_norm", "realformer", "resformer", "svformer")        # all pre-norm: they differ in the residual alone
CHECKED = tuple(dict.fromkeys(COPY + TEXT))
COLUMNS = {"variant": "variant", "gradient": "gradient check", "copy_accuracy": "copy: accuracy",
           "copy_steps": "copy: steps to 95 %", "text_loss": "text: loss (nats)", "parameters": "text: parameters",
           "cache": "text: cache bytes/token"}
SHOWS = {
    "copy": "With hardly any warm-up, RealFormer's score edge makes a post-norm stack learn to copy where plain post-norm has "
            "not begun; pre-norm learns a little later. It does not show that post-norm never learns: with other seeds and "
            "learning rates (--learning-rate 3e-3), or every position masked (--task-option masked=1), it can.",
    "text": "Losses on held-out English text, against the entropies of single characters and of pairs. It does not show a "
            "ranking for larger models: one seed each, 300 steps; minires compare gives the spread over seeds.",
    "attention": "The attention (head 1) of the copying models after training: where it was learned, positions of one copy "
                 "look at the same place of the other. It does not show other heads, other sequences, or larger models.",
    "concentration": "How concentrated the text models' attention is: RealFormer's layers attend alike and most sharply. "
                     "It does not show what training taught, for that is partly arithmetic (its sums share terms, which "
                     "acts as a temperature too), nor the attention sinks of large models.",
}


def calls(seeds):
    """What is to be run: trainings on text, trainings to copy with each seed, checks."""
    text = [(train_one, variant, "characters", {}, {"placement": "pre"}, {"dtype": "float32"}) for variant in TEXT]
    copy = [(train_one, variant, "copy", {}, {}, {"dtype": "float32", "seed": seed})
            for variant in COPY for seed in range(seeds)]
    return text + copy + [(check_variant, variant, 0, "decoder", 3) for variant in CHECKED]


def report(results, folder):
    """The results of `calls`, as numbers and pictures."""
    text, copy, check = results[:len(TEXT)], results[len(TEXT):-len(CHECKED)], results[-len(CHECKED):]
    task = make_task("characters")
    sample = next(result for result in text if result["variant"] == "resformer")
    return {"rows": [row(variant, checks, copy, text) for variant, checks in zip(CHECKED, check)],
            "references": task.references, "sample": continue_text(*model_of(sample), task.symbols, "The ", 160, 0.7, 0),
            "pictures": draw(folder, copy, text, task)}


def row(variant, checks, copy, text):
    """All that was measured of one variant."""
    own = [result for result in copy if result["variant"] == variant]
    read = [result for result in text if result["variant"] == variant]
    return {"variant": variant, "gradient": max(max(line.reverse, line.forward) for line in checks),
            "copy_accuracy": float(np.mean([result["accuracy"] for result in own])) if own else None,
            "copy_steps": [reached(result["history"], 0.95) for result in own] if own else None,
            **({"text_loss": read[0]["loss"], "parameters": read[0]["parameters"],
                "cache": read[0]["cache_bytes_per_token"]} if read else {})}


def model_of(result):
    """The model and the parameters of a training."""
    return Transformer(**result["model"]), unflatten(result["params"])


def draw(folder, copy, text, task):
    """The four pictures; returns name -> path."""
    from minires import figures  # matplotlib is slow to import: only where a picture is drawn
    copying = make_task("copy")
    example = copying.validation(np.random.default_rng(5), 1)
    read = task.validation(np.random.default_rng(5), 16)
    first = {result["variant"]: result for result in reversed(copy)}
    first = {variant: first[variant] for variant in COPY}
    group = lambda results: {variant: [result["history"] for result in results if result["variant"] == variant]
                             for variant in dict.fromkeys(result["variant"] for result in results)}
    made = {
        "copy": figures.learning_curves(group(copy), "copy task", "accuracy", {"chance": copying.chance["accuracy"]}),
        "text": figures.learning_curves(group(text), "next character of Python's help topics", "loss", task.references),
        "attention": figures.attention_maps({variant: trace_of(result, example) for variant, result in first.items()},
                                            [copying.symbols[i].replace("[MASK]", "_") for i in example.inputs["tokens"][0]]),
        "concentration": figures.concentration({result["variant"]: summary(trace_of(result, read)) for result in text}),
    }
    paths = {name: os.path.join(folder, f"tour-{name}.png") for name in made}
    for name, figure in made.items():
        figures.save(figure, paths[name])
    return paths


def trace_of(result, batch):
    """The trace of a trained model on a batch."""
    model, params = model_of(result)
    return model.apply(params, **batch.inputs)[1]


def readable(result):
    """The table, the levels to compare with, the sample."""
    levels = ", ".join(f"{name} {loss:.4f}" for name, loss in result["references"].items())
    return (f"{table(result['rows'], COLUMNS)}\n\ngradient check: largest relative error against central differences, every "
            f"coordinate\ntext: {levels} nats per character of the whole text; losses are on its held-out tenth\n\n"
            f"ResFormer writes:\n{result['sample']}")
