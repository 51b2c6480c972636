"""What memory is worth: the same training with and without it, over seeds, beside what counting words reaches.

    majority               the most frequent class of the training
    naive Bayes            the words of the last sentence, counted
    last sentence only     a Transformer whose memory is silent in training and test
    memory silent at test  the cascade, trained with memory, every state zero at the test
    cascade                the reservoir remembers, the Transformer reads
    full history           with --full-history: a Transformer that reads all that was said as one long utterance

Last sentence only is at the same time the cascade trained with zeroed memory: the readout of a state that is always 0 is a
learnt constant, the same for all utterances. So both have the same parameters, batches, steps and encoder.
"""

import json
import os

from minires.commands.conversation.benchmark_report import draw, readable, summary
from minires.commands.conversation.data import read_source
from minires.commands.conversation.measured import baselines, cascade, full_history, last_sentence
from minires.commands.conversation.options import add_data, add_network
from minires.commands.conversation.settings import settings_of
from minires.commands.options import OUT, add_out, add_recipe
from minires.errors import one_of, require
from minires.experiments import side_by_side
from minires.files import writable_folder, write_atomically
from minires.report import as_json, finite

EXAMPLE = "minires conversation benchmark --task cue_recall --seeds 2"


def arguments(parser):
    """Conversations, model, recipe, --seeds, --jobs, --split, --out."""
    add_data(parser)
    add_network(parser)
    add_recipe(parser)
    parser.add_argument("--seeds", type=int, default=3, metavar="K", help="from --seed on; default: %(default)s")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; default: one per core")
    parser.add_argument("--full-history", action="store_true", help="one more row, and the slowest: attention to all of it")
    parser.add_argument("--split", default="test", help="that the scores are of: dev, or test (default)")
    add_out(parser)


def run(arguments):
    """Train all, print the table, draw, keep the numbers."""
    require(arguments.seeds >= 1, f"--seeds {arguments.seeds}: expected at least 1")
    one_of("split", arguments.split, {"dev": True, "test": True})
    settings = settings_of(arguments)
    folder = writable_folder(arguments.out or OUT)
    data = read_source(settings.source, arguments.seed)
    settings.begin(data)  # a mistake shows before the first run, not after it
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    functions = (cascade, last_sentence, baselines, full_history)[:4 if arguments.full_history else 3]
    calls = [(function, settings, seed) for function in functions for seed in seeds]
    found = side_by_side(calls, arguments.jobs, f"{data.name}: {len(calls)} runs")
    results = {seed: {what: run for own in found[i::len(seeds)] for what, run in own.items()} for i, seed in enumerate(seeds)}
    result = summary(settings, data, results, arguments.split)
    result["pictures"] = draw(result, data, results, folder)
    result["numbers"] = os.path.join(folder, f"conversation-{data.name}-benchmark.json")
    write_atomically(result["numbers"], lambda file: file.write(json.dumps(finite(result)).encode()))
    print(as_json(result) if arguments.json else readable(result))
