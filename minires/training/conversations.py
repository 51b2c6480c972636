"""Training the reservoir ResFormer: readout, fusion, encoder and head learn; what is under "memory" stays as it is drawn.

    loss = mean over the labelled utterances of cross-entropy(logits_i, label_i)

With the gradient stopped at the state, an utterance is an example of its own: (s_i, tokens) -> label, and the states are
worked out once (`states`). End to end, examples are whole conversations.
"""

import sys
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from minires.allocator import keep_freed_memory
from minires.differentiation import value_and_gradient
from minires.errors import require
from minires.layers import cross_entropy
from minires.parameters import flatten, unflatten
from minires.reservoir_resformer.model import classify
from minires.tasks.conversations import select, trim
from minires.training.loop import descend, extend, optimiser_of
from minires.training.state import Recipe, State
from minires.training.states import kept_states

RECIPE = Recipe(steps=1500, batch=64, learning_rate=3e-3, warm_up=30, weight_decay=0.01, evaluate_every=250)


class Utterances(NamedTuple):
    """The labelled utterances of a corpus, each with what was heard before it; letters: R utterances, T tokens, N units."""

    tokens: np.ndarray   # (R, T)
    real: np.ndarray     # (R, T)
    states: list         # of (R, N), one for each reservoir
    first: np.ndarray    # (R,) is it the first of its conversation?
    labels: np.ndarray   # (R,)


def labelled(data, states):
    """The utterances that have a label, in the order of the corpus."""
    c, u = np.nonzero(data.labels >= 0)
    require(len(c) > 0, "no labelled utterance: expected at least one")
    return Utterances(data.tokens[c, u], data.real[c, u], [s[c, u] for s in states], u == 0, data.labels[c, u])


def pick(utterances, i):
    """Some utterances, without the padding that all of them share."""
    T = int(utterances.real[i].any(axis=0).sum())
    return Utterances(utterances.tokens[i, :T], utterances.real[i, :T], [s[i] for s in utterances.states],
                      utterances.first[i], utterances.labels[i])


def logits_of(model, params, utterances, rng=None):
    """Logits (R, classes)."""
    return classify(model, params, utterances.tokens, utterances.real, utterances.states, utterances.first, rng)


def separated(params):
    """Flat dicts of what is trained and of what is frozen."""
    flat = flatten(params)
    frozen = {name: leaf for name, leaf in flat.items() if name.startswith("memory.")}
    return {name: leaf for name, leaf in flat.items() if name not in frozen}, frozen


def train_conversations(model, data, recipe=RECIPE, held_out=None, folder=None, progress=True, params=None, vectors=None):
    """Train on Conversations; the parameters and the history.

    held_out  Conversations for validation, or None
    folder    where the states of the memory are kept between trainings (`states.kept_states`)
    vectors   {"train": (C, U, r), "held_out": ...} with step="cls"
    Diverged: the loss or a gradient is not finite. Freed memory is kept from here on (`allocator`).
    """
    keep_freed_memory()
    rng, vectors = np.random.default_rng([recipe.seed, 1]), vectors or {}
    params = model.init(np.random.default_rng([recipe.seed, 0]), recipe.dtype) if params is None else params
    trained, frozen = separated(params)
    state = State(0, trained, optimiser_of(recipe).start(trained), None, {name: [] for name in HISTORY})
    whole = lambda free: unflatten({**flatten(free), **frozen})
    draw = examples(model, params, data, recipe, rng, folder, vectors.get("train"))
    test = None
    if held_out is not None:
        test = labelled(held_out, kept_states(model, params, held_out, folder, vectors.get("held_out")))
    with tqdm(total=recipe.steps, disable=not progress, file=sys.stderr, unit="step") as bar:
        for step in range(1, recipe.steps + 1):
            loss = draw()
            with np.errstate(all="ignore"):  # what overflows is found by descend, with its name
                value, gradient = value_and_gradient(lambda free: loss(whole(free)), unflatten(state.params))
                new, moments, rate, norm = descend(recipe, state, value, gradient)
            history = extend(state.history, step=step, loss=float(value), learning_rate=rate, gradient_norm=norm)
            if test is not None and (step % recipe.evaluate_every == 0 or step == recipe.steps):
                value, right = evaluate_utterances(model, whole(unflatten(new)), test)
                history = extend(history, validation_step=step, validation_loss=value, validation_accuracy=right)
            state = State(step, new, moments, None, history)
            bar.update()
    return whole(unflatten(state.params)), state.history


HISTORY = ("step", "loss", "learning_rate", "gradient_norm", "validation_step", "validation_loss", "validation_accuracy")


def examples(model, params, data, recipe, rng, folder, vectors):
    """A function that draws the loss of the next batch: utterances, or whole conversations end to end."""
    if model.gradient == "stopped":
        known = labelled(data, kept_states(model, params, data, folder, vectors))

        def utterances():
            batch = pick(known, rng.integers(len(known.labels), size=recipe.batch))
            return lambda params: mean_loss(logits_of(model, params, batch), batch.labels)
        return utterances
    require(model.reset == "conversation", "gradient='end_to_end' with reset='never': expected reset='conversation'")

    def conversations():
        chosen = rng.integers(len(data.tokens), size=recipe.batch)
        batch = trim(select(data, chosen))
        own = None if vectors is None else vectors[chosen, :batch.tokens.shape[1]]
        c, u = np.nonzero(batch.labels >= 0)
        require(len(c) > 0, "a batch of conversations without a label: expected more conversations per batch")
        return lambda params: mean_loss(model.apply(params, batch.tokens, batch.real, own)[c, u], batch.labels[c, u])
    return conversations


def mean_loss(logits, labels):
    """Mean cross-entropy in nats."""
    return cross_entropy(logits, labels, np.ones(len(labels)))


def predict_utterances(model, params, utterances, size=512):
    """Logits (R, classes), some at a time."""
    parts = [np.arange(start, min(start + size, len(utterances.labels))) for start in range(0, len(utterances.labels), size)]
    return np.concatenate([logits_of(model, params, pick(utterances, i)) for i in parts])


def evaluate_utterances(model, params, utterances):
    """Mean loss (nats) and accuracy."""
    logits = predict_utterances(model, params, utterances)
    return float(mean_loss(logits, utterances.labels)), float(np.mean(np.argmax(logits, axis=-1) == utterances.labels))


def without_memory(utterances):
    """The same utterances with every state zero: what the memory adds is what is lost by this."""
    return utterances._replace(states=[np.zeros_like(s) for s in utterances.states])
