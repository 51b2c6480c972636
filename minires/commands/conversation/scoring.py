"""From a trained model and conversations to classes and scores, beside what one would say without reading anything."""

import numpy as np

from minires.commands.conversation.data import unknown_share
from minires.errors import Diverged
from minires.tasks.conversations import scores
from minires.training.conversations import labelled, predict_utterances, train_conversations, without_memory
from minires.training.states import kept_states

SCORES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1"}
SILENT = {"cascade": lambda utterances: utterances, "memory silent at test": without_memory}


def silenced(params):
    """The same parameters with a memory that hears nothing: W_in = 0 and b = 0, so that its state stays exactly 0.

    The readout of 0 is the same for every utterance, a constant that is learnt: a Transformer that reads the last sentence,
    with as many parameters as the cascade.
    """
    hush = lambda reservoir: {**reservoir, "W_in": np.zeros_like(reservoir["W_in"]), "b": np.zeros_like(reservoir["b"])}
    memory = params["memory"]
    return {**params, "memory": {**memory, "reservoirs": [hush(reservoir) for reservoir in memory["reservoirs"]]}}


def learn(model, params, data, recipe, folder=None, progress=False):
    """`train_conversations` on the training split, watched on dev; Diverged also where the last step spoils the dev loss."""
    with np.errstate(over="ignore", invalid="ignore"):  # Diverged says it
        params, history = train_conversations(model, data.splits["train"], recipe, data.splits["dev"], folder, progress, params)
    if not np.isfinite(history["validation_loss"][-1]):
        raise Diverged(f"training diverged at step {recipe.steps}: the loss on dev is {history['validation_loss'][-1]}")
    return params, history


def read_utterances(model, params, conversations, folder=None):
    """The labelled utterances with what the memory has heard before each."""
    return labelled(conversations, kept_states(model, params, conversations, folder))


def predicted(model, params, utterances):
    """The most probable class (R,) of each utterance."""
    return np.argmax(predict_utterances(model, params, utterances), axis=-1)  # (R,)


def score_rows(model, params, utterances, majority):
    """{"majority", "memory silent at test", "cascade": scores}, and the cascade's confusion matrix (q, q)."""
    labels, q = utterances.labels, model.classes
    classes = {"majority": np.full_like(labels, majority)}
    for name in reversed(SILENT):
        classes[name] = predicted(model, params, SILENT[name](utterances))
    rows = {name: scores.all_scores(labels, found, q) for name, found in classes.items()}
    return rows, scores.confusion_matrix(labels, classes["cascade"], q)


def counts_of(conversations):
    """How often each class is said, a tuple of q whole numbers."""
    labels = conversations.labels[conversations.labels >= 0]
    return tuple(np.bincount(labels, minlength=len(conversations.label_names)).tolist())


def facts(conversations):
    """How many conversations and labelled utterances there are, and the share of unknown words."""
    return {"conversations": len(conversations.tokens), "utterances": int(np.sum(conversations.labels >= 0)),
            "unknown_words": unknown_share(conversations)}
