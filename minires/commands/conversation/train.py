"""Learn to classify the utterances of conversations; keeps the model, a learning curve and a confusion matrix.

The frozen memory hears the conversations once; its states are kept in OUT/states, where a further training with the same
memory finds them. The model is written when the training is done, in one move: an interruption leaves no half of it.
"""

import os
import time

from minires.commands.conversation.data import read_source
from minires.commands.conversation.options import add_data, add_network
from minires.commands.conversation.report import draw, pictures_of, readable
from minires.commands.conversation.scoring import counts_of, facts, learn, read_utterances, score_rows
from minires.commands.conversation.settings import settings_of
from minires.commands.options import OUT, add_out, add_recipe
from minires.files import writable_folder
from minires.parameters import count
from minires.report import as_json
from minires.tasks.conversations import scores
from minires.training.conversation_checkpoint import TrainedConversations, save_conversations

EXAMPLE = "minires conversation train --task mood_flip --steps 500"
TESTED = ("dev", "test")


def arguments(parser):
    """Conversations, model, recipe, --out."""
    add_data(parser)
    add_network(parser)
    add_recipe(parser)
    add_out(parser)


def run(arguments):
    """Train, keep, draw, print."""
    settings = settings_of(arguments)
    folder = writable_folder(arguments.out or OUT)
    data = read_source(settings.source, arguments.seed)
    kept, history, seconds = trained(settings, data, os.path.join(folder, "states"))
    path = os.path.join(folder, f"conversation-{data.name}-{arguments.seed}.npz")
    save_conversations(path, kept)
    tested = {split: tested_on(kept, data.splits[split], os.path.join(folder, "states")) for split in TESTED}
    confusion = tested["test"].pop("confusion")
    tested["dev"].pop("confusion")
    figures = pictures_of(data, history, confusion, tested)
    result = {"conversations": data.name, "steps": settings.recipe.steps, "seconds": seconds, "seed": arguments.seed,
              "parameters": count(kept.params), "words": len(data.symbols), "splits": tested, "labels": data.label_names,
              "confusion": confusion.tolist(), "model": path, "states": os.path.join(folder, "states"),
              "pictures": draw(figures, folder, f"{data.name}-{arguments.seed}")}
    print(as_json(result) if arguments.json else readable(result))


def trained(settings, data, folder=None, progress=True):
    """The TrainedConversations, the history, the seconds that hearing and training took together."""
    model, params = settings.begin(data)
    began = time.perf_counter()
    params, history = learn(model, params, data, settings.recipe, folder, progress)
    seconds = time.perf_counter() - began
    kept = TrainedConversations(model, params, settings.recipe, data.name, data.symbols, data.label_names,
                                counts_of(data.splits["train"]), settings.source.split_seed)
    return kept, history, seconds


def tested_on(kept, conversations, folder=None):
    """Facts of the conversations, the scores on them, F1 of each class, and under "confusion" the matrix."""
    utterances = read_utterances(kept.model, kept.params, conversations, folder)
    rows, confusion = score_rows(kept.model, kept.params, utterances, kept.majority)
    each = dict(zip(kept.label_names, scores.f1(confusion).tolist()))
    return {**facts(conversations), "scores": rows, "f1": each, "confusion": confusion}
