"""What the tests against Hugging Face transformers 5.23 share: its models from configurations, no download, in float64."""

import contextlib
import importlib
from unittest import mock

import autograd.numpy as np
import torch
from torch_sublayers import TOKENS, assert_same, traced

from minires.forward import forward
from minires.differentiation import value_and_gradient
from minires.parameters import flatten, unflatten


def modeling(name):
    """transformers.models.<name>.modeling_<name>, imported when a test needs it; no images, so no torchvision and timm."""
    utils = importlib.import_module("transformers.utils")
    with contextlib.ExitStack() as hidden:
        for where in (utils, utils.import_utils):
            for library in ("torchvision", "timm"):
                hidden.enter_context(mock.patch.object(where, f"is_{library}_available", lambda: False))
        return importlib.import_module(f"transformers.models.{name}.modeling_{name}")


@contextlib.contextmanager
def float64():
    """The peer makes norms, softmax and rotations in float32 in any case: in here what it calls float32 is float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with (mock.patch.object(torch, "float32", torch.float64), mock.patch.object(torch, "float", torch.float64),
              mock.patch.object(torch.Tensor, "float", torch.Tensor.double)):
            yield
    finally:
        torch.set_default_dtype(before)


def load(module, named, left=("embed_tokens.weight",)):
    """The module with these parameters, all of them but what we have no use for, and no others."""
    result = module.load_state_dict({name: torch.tensor(np.array(array)) for name, array in named.items()}, strict=False)
    assert not result.unexpected_keys and set(result.missing_keys) <= set(left), result
    return module.eval()


def around(layer, **parts):
    """A layer of their class whose parts are these: what it does with them, its `forward`, is the peer's."""
    made = layer.__new__(layer)
    torch.nn.Module.__init__(made)
    for name, part in parts.items():
        setattr(made, name, part)
    return made.eval()


def with_no_weights(attention):
    """A function of their attention's kind: it takes whatever it is told besides x, and gives no probabilities."""
    return lambda x, **_: (attention(x), None)


def causal(T):
    """The additive mask that layers get when they run without their model, (1, 1, T, T)."""
    return torch.full((T, T), -torch.inf, dtype=torch.float64).triu(1)[None, None]


def unrotated(T, K):
    """cos and sin of no rotation."""
    return torch.ones(1, T, K, dtype=torch.float64), torch.zeros(1, T, K, dtype=torch.float64)


def linears(p, prefix, **ours):
    """{prefix.their name.weight: W^T, prefix.their name.bias: b} of the maps W_ours, b_ours; nn.Linear keeps (out, in)."""
    named = {f"{prefix}.{theirs}.weight": p["W_" + own].T for theirs, own in ours.items()}
    return {**named, **{f"{prefix}.{theirs}.bias": p["b_" + own] for theirs, own in ours.items() if "b_" + own in p}}


def norm(own, name, one=0.0):
    """A norm's parameters; their weight is the gain minus `one`."""
    return {f"{name}.weight": own["gain"] - one, **({f"{name}.bias": own["bias"]} if "bias" in own else {})}


def without_attention_biases(params):
    """The parameters with zero biases in attention, for peers that have none there."""
    return unflatten({name: 0 * array if ".attention.b_" in name else array for name, array in flatten(params).items()})


def gradients(model, params, probe):
    """Of sum(final * probe), in the tree of the parameters."""
    def loss(p):
        return np.sum(forward(model, p, TOKENS)[1][-1]["final"] * probe)
    return unflatten(value_and_gradient(loss, params)[1])


def assert_stack_agrees(model, params, stack, names, one=0.0, left=("embed_tokens.weight",), given=None):
    """A whole stack: the output of each layer, the end, and the gradient of each parameter, all to 12 digits.

    names(params, one) are our parameters under their names; of the gradients alike, where nothing is subtracted. They are
    `given` our embedded tokens, or something else; `left`: parameters of theirs that have no part in this.
    """
    trace = traced(model, params)
    probe = np.random.default_rng(9).standard_normal(trace[-1]["final"].shape)
    load(stack, names(params, one), left)
    given = given or {"inputs_embeds": torch.tensor(trace[0]["input"])}
    with float64():
        run = stack(**given, output_hidden_states=True)
        (run.last_hidden_state * torch.tensor(probe)).sum().backward()
    assert_same(trace[-1]["final"], run.last_hidden_state)
    for layer, theirs in zip(trace[:-1], run.hidden_states[1:]):
        assert_same(layer["output"], theirs)
    for name, expected in names(gradients(model, params, probe), 0.0).items():
        assert_same(expected, stack.get_parameter(name).grad)
