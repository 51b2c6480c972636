"""Steps, bytes and seconds per utterance as a conversation grows: the cascade, and attention to all that was said.

Counted: reservoir steps (real tokens), bytes of the state, score entries, bytes of kept keys and values. Measured: seconds per
utterance (median of the last 16) and peak memory (tracemalloc) of the stream; of attention to the full history, worked out
anew for each utterance by the same encoder, up to --measured utterances. Beyond that it is counted only, as is the window.
"""

from minires.commands.conversation.cost_report import draw, readable
from minires.commands.conversation.counting import cascade_scores, counted
from minires.commands.conversation.options import add_network
from minires.commands.conversation.settings import network_changes
from minires.commands.conversation.stopwatch import full_history, speeds, stream_bytes, talk
from minires.commands.options import OUT, add_out
from minires.errors import whole_number
from minires.files import writable_folder
from minires.report import as_json
from minires.reservoir_resformer.model import ReservoirResFormer

EXAMPLE = "minires conversation cost --longest 1024"
VOCABULARY = 24  # of the random talk, as in the toys


def arguments(parser):
    """--longest, --tokens, --window, --measured, the model, --seed, --out."""
    for name, default, meaning in (("longest", 4096, "utterances of the conversation"), ("tokens", 6, "of each utterance"),
                                   ("window", 16, "utterances of the sliding window"),
                                   ("measured", 256, "utterances up to which attention to the full history is measured")):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="K", help=f"{meaning}; default: {default}")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the talk; default: 0")
    add_network(parser)
    add_out(parser)


def run(arguments):
    """Count, measure, print, draw."""
    for name in ("longest", "tokens", "window", "measured"):
        whole_number(f"--{name}", getattr(arguments, name))
    whole_number("--seed", arguments.seed, 0)
    model = ReservoirResFormer(vocabulary=VOCABULARY, **network_changes(arguments))
    model, params, tokens = talk(model, arguments.longest, arguments.tokens, arguments.seed)
    folder = writable_folder(arguments.out or OUT)
    rows = rows_of(model, params, tokens, arguments.window, arguments.measured)
    network = {name: value for name, value in model.as_dict().items() if name != "options"}
    result = {"tokens": arguments.tokens, "window": arguments.window, "network": network, "rows": rows}
    result["picture"] = draw(result, folder)
    print(as_json(result) if arguments.json else readable(result))


def rows_of(model, params, tokens, window, measured):
    """One row for each length; tokens (U, T) of the longest conversation."""
    U, T = tokens.shape
    at, itemsize = lengths(U), params["embedding"]["W_token"].itemsize
    seconds, memory = speeds(model, params, tokens, at), stream_bytes(model, params, tokens, at)
    rows = []
    for length in at:
        row = {"utterances": length, "tokens": length * T, **counted(model, length, T, window, itemsize)}
        row["cascade"] = {"seconds": seconds[length], **memory[length], "scores": cascade_scores(model, T)}
        if length <= measured:
            row["full history"].update(full_history(model, params, tokens[:length]))
        rows.append(row)
    return rows


def lengths(longest):
    """16, 64, 256, ... up to the longest, and the longest.

    >>> lengths(100), lengths(5)
    ([16, 64, 100], [5])
    """
    return sorted({longest, *(4 ** n for n in range(2, 16) if 4 ** n <= longest)})
