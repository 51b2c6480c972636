"""The published files, where they are at hand: counts of MELD and EmoryNLP, and the level that needs no reading.

They are not part of this repository. Set MINIRES_DATA to a folder with meld/ and emorynlp/, which hold them under their names.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from minires.tasks.conversations import encode_corpus, make_vocabulary, naive_bayes, read, scores

DATA = Path(os.environ.get("MINIRES_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
# format, folder -> {split: (conversations, utterances, most frequent class and how often)}
PUBLISHED = {
    ("meld", "meld"): {"train": (1038, 9989, "neutral", 4710), "dev": (114, 1109, "neutral", 470),
                       "test": (280, 2610, "neutral", 1256)},
    ("emorynlp", "emorynlp"): {"dev": (99, 1344, "Neutral", 393), "test": (85, 1328, "Neutral", 349)},
    ("emorynlp_csv", "emorynlp"): {"train": (659, 7551, "Neutral", 2485), "dev": (89, 954, "Neutral", 322),
                                   "test": (79, 984, "Neutral", 288)},
}


def published(format, folder):
    if not (DATA / folder).is_dir():
        pytest.skip(f"no published files in {DATA / folder}: set MINIRES_DATA to the folder that holds {folder}/")
    return read(DATA / folder, format)


@pytest.mark.parametrize("format, folder", PUBLISHED)
def test_the_published_counts_are_found(format, folder):
    corpus = published(format, folder)
    for split, (conversations, utterances, most, times) in PUBLISHED[format, folder].items():
        labels = [u.label for c in corpus.splits[split] for u in c.utterances]
        assert (len(corpus.splits[split]), len(labels)) == (conversations, utterances)
        assert max(set(labels), key=labels.count) == most and labels.count(most) == times
        assert all(u.speaker for c in corpus.splits[split] for u in c.utterances)
    assert len(corpus.labels) == 7


def test_saying_neutral_reaches_481_thousandths_of_meld_and_naive_bayes_more():
    corpus = published("meld", "meld")
    data = encode_corpus(corpus, make_vocabulary(corpus))
    labels, most = data["test"].labels, scores.majority(data["train"].labels, 7)
    assert corpus.labels[most] == "neutral"
    assert round(scores.all_scores(labels, np.full(labels.shape, most), 7)["accuracy"], 3) == 0.481
    found = scores.all_scores(labels, naive_bayes.predict(naive_bayes.fit(data["train"]), data["test"]), 7)
    assert 0.57 < found["accuracy"] < 0.61 and 0.50 < found["weighted_f1"] < 0.55


def test_the_csv_of_emorynlp_has_no_scene_that_its_json_lacks():
    whole = {c.name: {u.text for u in c.utterances} for c in published("emorynlp", "emorynlp").splits["dev"]}
    part = {c.name: c.utterances for c in published("emorynlp_csv", "emorynlp").splits["dev"]}
    assert set(part) <= set(whole)
