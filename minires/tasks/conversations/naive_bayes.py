"""The baseline that reads the words of the present utterance and nothing else: multinomial naive Bayes.

    log P(class k | words) = log pi_k + sum_words log theta_kw + constant
    pi_k     = n_k / n                                       n_k labelled utterances of class k
    theta_kw = (N_kw + a) / (sum_v N_kv + a (V - 2))          N_kw times word w is said in class k; a = 1 is Laplace's rule

Closed form: counting is the whole training. The order of the words and the history play no part: what a model gains over this
comes from there. Words that training did not hear (id 1) and padding (id 0) are left out.
Source: Maron 1961, J. ACM 8(3), 404; McCallum & Nigam 1998, AAAI workshop on learning for text categorization, the multinomial
model.
Letters of the shapes: C conversations, U utterances, T tokens, V vocabulary, q classes.
"""

import numpy as np

from minires.errors import positive, require
from minires.tasks.conversations.vocabulary import SPECIAL


def fit(conversations, smoothing=1.0):
    """{"log_pi": (q,), "log_theta": (q, V)} from the labelled utterances; a class without any gets log_pi = -inf.

    log_theta is 0 for padding and unknown.
    """
    smoothing, labels = positive("smoothing", smoothing), conversations.labels
    q, V, first = len(conversations.label_names), conversations.vocabulary, len(SPECIAL)
    require(V > first, f"a vocabulary of {V} ids: expected {first + 1} or more, of which the first {first} are no words")
    require(np.any(labels >= 0), "no labelled utterance: expected one at least")
    counted = conversations.real & (labels >= 0)[..., None]  # (C, U, T)
    label_of = np.broadcast_to(labels[..., None], counted.shape)  # (C, U, T)
    N = np.zeros((q, V))  # (q, V)
    np.add.at(N, (label_of[counted], conversations.tokens[counted]), 1.0)
    N = N[:, first:] + smoothing  # (q, V-2)
    log_theta = np.log(N) - np.log(N.sum(axis=1, keepdims=True))  # (q, V-2)
    n = np.bincount(labels[labels >= 0], minlength=q)  # (q,)
    with np.errstate(divide="ignore"):  # a class that never occurs is never predicted
        log_pi = np.log(n / n.sum())  # (q,)
    return {"log_pi": log_pi, "log_theta": np.pad(log_theta, ((0, 0), (first, 0)))}


def log_joint(params, conversations):
    """log P(class, words) (C, U, q) of every utterance."""
    q, V = params["log_theta"].shape
    require((q, V) == (len(conversations.label_names), conversations.vocabulary),
            f"fitted for {q} classes and {V} ids: given {len(conversations.label_names)} and {conversations.vocabulary}, "
            "expected the same vocabulary and classes")
    # one conversation at a time, which takes little memory
    said = [np.sum(params["log_theta"].T[tokens], axis=1, where=real[..., None])  # (U, q)
            for tokens, real in zip(conversations.tokens, conversations.real)]
    return params["log_pi"] + np.stack(said)  # (C, U, q)


def predict(params, conversations):
    """The most probable class (C, U) of every utterance, the first of several; where no utterance is, that means nothing."""
    return np.argmax(log_joint(params, conversations), axis=-1)  # (C, U)
