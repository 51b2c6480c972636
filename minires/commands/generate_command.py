"""Continue a text with a trained character model, token by token from its cache.

Only a model of the task `characters` writes text: a masked model has nothing to continue, recall has no letters.
"""

import numpy as np

from minires.decoding import decode, generate
from minires.errors import require
from minires.report import as_json
from minires.tasks import decode as spell
from minires.tasks import encode
from minires.training import load

EXAMPLE = "minires generate minires-output/resformer-characters-0.npz --prompt 'The '"


def arguments(parser):
    """CHECKPOINT and --prompt."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a file that `minires train` wrote")
    parser.add_argument("--prompt", default="The ", metavar="TEXT", help="what to continue; default: 'The '")
    parser.add_argument("--tokens", type=int, default=200, help="how many to add; default: 200")
    parser.add_argument("--temperature", type=float, default=0.8, help="below 1 sharper; 0: always the likeliest")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments):
    """Print the prompt and its continuation."""
    require(arguments.prompt, "--prompt is empty: expected at least one character")
    require(arguments.tokens >= 1, f"--tokens {arguments.tokens}: expected at least 1")
    require(arguments.seed >= 0, f"--seed {arguments.seed}: expected 0 or more")
    found = load(arguments.checkpoint)
    require(found.model.kind == "decoder",
            f"checkpoint {arguments.checkpoint!r} is of kind {found.model.kind}: only a decoder continues a text")
    require(found.task["name"] == "characters",
            f"checkpoint {arguments.checkpoint!r} is of the task {found.task['name']}: expected characters")
    text = continue_text(found.model, found.params, found.task["symbols"], arguments.prompt, arguments.tokens,
                         arguments.temperature, arguments.seed)
    _, cache = decode(found.model, found.params, np.zeros((1, 1), dtype=int))
    result = {"prompt": arguments.prompt, "text": text, "variant": found.model.variant,
              "cache_bytes_per_token": cache.bytes_per_token()}
    print(as_json(result) if arguments.json else text)


def continue_text(model, params, symbols, prompt, tokens, temperature, seed):
    """The prompt and `tokens` more symbols."""
    ids = encode(symbols, prompt)[None]  # (B, T), B = 1
    if temperature == 0:
        return spell(symbols, generate(model, params, ids, tokens)[0])
    return spell(symbols, generate(model, params, ids, tokens, np.random.default_rng(seed), temperature)[0])
