"""One run of the benchmark: {predictor: {"dev" and "test": scores, "hearing", "seconds", "peak_mib", "parameters"}}.

Seconds are wall time. Peak memory is what tracemalloc sees of NumPy's and Python's allocations: of SAMPLE training steps,
a look at dev and the scoring of the test, apart from the run that is timed, as tracing is slow; the corpus is not in it.
"""

import tempfile
import time
import tracemalloc

import numpy as np

from minires.commands.conversation.data import read_source
from minires.commands.conversation.scoring import learn, predicted, read_utterances, silenced
from minires.parameters import count
from minires.tasks.conversations import joined, naive_bayes, scores
from minires.training.conversations import without_memory

SAMPLE = 10  # steps whose memory is measured
SPLITS = ("train", "dev", "test")
MIB = 2 ** 20


def cascade(settings, seed):
    """The cascade, and the same parameters with every state zero at the test."""
    model, params, data, measures = learnt(settings, seed, lambda params: params)
    tested = {split: read_utterances(model, params, data.splits[split]) for split in ("dev", "test")}
    silent = {split: score(model, params, without_memory(utterances)) for split, utterances in tested.items()}
    heard = {split: score(model, params, utterances) for split, utterances in tested.items()}
    confusion = {split: scores.confusion_matrix(utterances.labels, predicted(model, params, utterances), model.classes).tolist()
                 for split, utterances in tested.items()}
    return {"memory silent at test": silent, "cascade": {**heard, **measures, "confusion": confusion}}


def last_sentence(settings, seed):
    """The same model whose memory is silent in training and test."""
    model, params, data, measures = learnt(settings, seed, silenced)
    found = {split: score(model, params, without_memory(read_utterances(model, params, data.splits[split])))
             for split in ("dev", "test")}
    return {"last sentence only": {**found, **measures, "hearing": None}}


def full_history(settings, seed):
    """The same model with a silent memory, whose Transformer reads all that was said up to each label as one utterance."""
    longest = max(split.tokens.shape[2] for split in histories(read_source(settings.source, seed)).splits.values())
    settings = settings._replace(network={**settings.network, "maximum_length": longest})
    model, params, data, measures = learnt(settings, seed, silenced, histories)
    found = {split: score(model, params, read_utterances(model, params, data.splits[split])) for split in ("dev", "test")}
    return {"full history": {**found, **measures, "hearing": None}}


def histories(data):
    """The data with each labelled utterance joined to all that came before it."""
    return data._replace(splits={split: joined(conversations) for split, conversations in data.splits.items()})


def learnt(settings, seed, prepare, change=lambda data: data):
    """The model, its trained parameters, the data, and what the training took; prepare(params) comes before it."""
    settings = settings.with_seed(seed)
    data = change(read_source(settings.source, seed))
    model, params = settings.begin(data)
    params = prepare(params)
    with tempfile.TemporaryDirectory() as folder:  # hearing is timed apart from training, and again with each run
        began = time.perf_counter()
        for split in SPLITS:
            read_utterances(model, params, data.splits[split], folder)
        heard = time.perf_counter()
        trained, _ = learn(model, params, data, settings.recipe, folder)
        seconds = time.perf_counter() - heard
        short = settings.recipe._replace(steps=min(SAMPLE, settings.recipe.steps), warm_up=1)
        peak = peak_memory(lambda: predicted(model, learn(model, params, data, short, folder)[0],
                                             read_utterances(model, params, data.splits["test"], folder)))
    measures = {"parameters": count(params), "seconds": seconds, "hearing": heard - began, "peak_mib": peak}
    return model, trained, data, measures


def score(model, params, utterances):
    """The scores of a model."""
    return scores.all_scores(utterances.labels, predicted(model, params, utterances), model.classes)


def peak_memory(call):
    """MiB that tracemalloc saw at most, over what was there before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return (tracemalloc.get_traced_memory()[1] - before) / MIB
    finally:
        tracemalloc.stop()


def baselines(settings, seed):
    """The majority of the training, and naive Bayes."""
    data, began = read_source(settings.source, seed), time.perf_counter()
    params = naive_bayes.fit(data.splits["train"])
    seconds, q = time.perf_counter() - began, len(data.label_names)
    majority, bayes = {}, {}
    for split in ("dev", "test"):
        conversations = data.splits[split]
        constant = np.full(conversations.labels.shape, scores.majority(data.splits["train"].labels, q))
        majority[split] = scores.all_scores(conversations.labels, constant, q)
        bayes[split] = scores.all_scores(conversations.labels, naive_bayes.predict(params, conversations), q)
    peak = peak_memory(lambda: naive_bayes.predict(naive_bayes.fit(data.splits["train"]), data.splits["test"]))
    measures = {"parameters": sum(leaf.size for leaf in params.values()), "seconds": seconds, "peak_mib": peak}
    return {"majority": majority, "naive Bayes": {**bayes, **measures}}
