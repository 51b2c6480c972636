"""What `minires conversation train` and `evaluate` say and draw."""

import os

from minires.commands.conversation.scoring import SCORES
from minires.report import table


def pictures_of(data, history, confusion, tested):
    """The figures of a training."""
    from minires.figures import conversations as figures  # matplotlib is slow to import: only where a picture is drawn
    level = {"majority": tested["dev"]["scores"]["majority"]["accuracy"]}
    return {"curves": figures.training_curves(history, f"{data.name}: learning, and the dev split", level),
            "confusion": confusion_of(data.name, "test", confusion, data.label_names, tested["test"])}


def confusion_of(name, split, confusion, label_names, tested):
    """The figure of a confusion matrix, with its scores in the title."""
    from minires.figures import conversations as figures
    told = ", ".join(f"{SCORES[score]} {value:.3f}" for score, value in tested["scores"]["cascade"].items())
    return figures.confusion(confusion, label_names, f"{name}, {split}\n{told}")


def draw(made, folder, label):
    """Write the figures {name: figure}; returns name -> path."""
    from minires.figures import save
    paths = {name: os.path.join(folder, f"conversation-{label}-{name}.png") for name in made}
    for name, figure in made.items():
        save(figure, paths[name])
    return paths


def readable(result):
    """A row for each split and predictor, F1 of each class, where things are."""
    splits = result["splits"]
    rows = [{"split": split, "what": what, **scores} for split, tested in splits.items()
            for what, scores in tested["scores"].items()]
    each = [{"label": label, **{split: tested["f1"][label] for split, tested in splits.items()}} for label in result["labels"]]
    counted = "\n".join(f"{split}: {tested['utterances']} labelled utterances in {tested['conversations']} conversations, "
                        f"{tested['unknown_words']:.2%} of the words unknown" for split, tested in splits.items())
    heading = f"{result['conversations']}: {result['parameters']} parameters, {result['words']} words and symbols, "
    heading += f"{result['steps']} steps" + (f" in {result['seconds']:.1f} seconds" if "seconds" in result else "")
    paths = {name: result[name] for name in ("model", "states") if name in result} | result["pictures"]
    return (f"{heading}\n{counted}\n\n{table(rows, {'split': 'split', 'what': 'what', **SCORES})}\n\n"
            f"{table(each, {'label': 'F1 of', **{split: split for split in splits}})}\n\n"
            + "\n".join(f"{name}: {path}" for name, path in paths.items()))
