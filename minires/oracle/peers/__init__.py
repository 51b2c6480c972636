"""Public implementations on trial: the weights of a case in their own code, and the verdict on what they give.

    from minires.oracle.peers import PEERS, tried
    tried("x-transformers/*")                    # [Outcome]

Each difference is declared beside its trial, a convention or a defect, with its reason; the first divergence and the named
cause come from the judge. The packages are those of the extra `peers`, in the versions pinned there.
"""

from minires.errors import require
from minires.oracle.cases import chosen
from minires.oracle.peers import (deep_cross_attention, hugging_face, hugging_face_streams, hyper_connections, ngpt, pyrcn,
                                  reformer, reservoirpy, reservoirpy_datasets, rezero, x_transformers, x_transformers_options)
from minires.oracle.peers.table import UNEXPECTED, as_markdown, as_text, row
from minires.oracle.peers.trial import KINDS, Outcome, Trial, attempt
from minires.report import as_json

FILES = (x_transformers, x_transformers_options, hyper_connections, rezero, ngpt, reformer, deep_cross_attention, hugging_face,
         hugging_face_streams, reservoirpy, reservoirpy_datasets, pyrcn)
PEERS = {id: trial for file in FILES for id, trial in file.TRIALS.items()}


def tried(pattern="*", diagnose=True):
    """The Outcomes of the trials whose ids fit the pattern, in order; ImportError where a package is not installed."""
    return [attempt(id, PEERS[id], diagnose) for id in chosen(pattern, PEERS)]


def arguments(parser):
    """--trial, --markdown."""
    parser.add_argument("--trial", default="*", metavar="GLOB", help="ids, e.g. 'reservoirpy/*'; default: all")
    parser.add_argument("--markdown", action="store_true", help="a table for a README")


def run(arguments):
    """Print a row per trial as it ends; exit code 1 where one is not as declared, or its package is not installed."""
    require(not (arguments.json and arguments.markdown), "--json and --markdown: expected one of them")
    outcomes, missing = [], []
    for id in chosen(arguments.trial, PEERS):
        try:
            outcomes.append(attempt(id, PEERS[id]))
            said = as_text(outcomes[-1])
        except ImportError as error:
            said = f"{UNEXPECTED}{id}: {error}"
            missing.append(said)
        if not (arguments.json or arguments.markdown):
            print(said, flush=True)
    if arguments.json:
        print(as_json({"trials": [row(outcome) for outcome in outcomes], "missing": missing}))
    if arguments.markdown:
        print("\n".join([as_markdown(outcomes), *missing]))
    return int(bool(missing) or not all(outcome.expected for outcome in outcomes))


__all__ = ["KINDS", "PEERS", "Outcome", "Trial", "arguments", "attempt", "run", "tried"]
