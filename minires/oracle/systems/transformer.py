"""Every Transformer of the library as a system of the oracle: forward, loss, and the steps of decoding.

    inputs  tokens (B, T), targets (B, T), weights (B, T); as `Transformer.apply` has them: source, padding, source_padding,
            segments, bias; mask.0, mask.1, .. one per layer; earlier.*: of a call before this one, which must leave no trace
    tensors layers.0.attention.query_heads, .. all that the trace names; logits; loss;
            decode.0, decode.1, .. (B, 1, V): the logits of the last tokens, one step at a time, where config["decode"] says
            how many
"""

from minires.decoding import advance
from minires.forward import forward
from minires.layers import cross_entropy
from minires.model import Transformer
from minires.parameters import flatten


def run(config, params, inputs):
    """The tensors of one call."""
    model = Transformer(**config["model"])
    earlier = {name[8:]: value for name, value in inputs.items() if name.startswith("earlier.")}
    if earlier:
        forward(model, params, **arguments(earlier))
    logits, trace = forward(model, params, **arguments(inputs))
    traces = trace if isinstance(trace, dict) else {"": trace}
    named = {name: tensor for prefix, layers in traces.items()
             for name, tensor in flatten({"layers": layers}, prefix).items()}
    loss = cross_entropy(logits, inputs["targets"], inputs["weights"])
    return {**named, "logits": logits, "loss": loss, **decoded(model, params, inputs, config.get("decode", 0))}


def arguments(inputs):
    """The inputs as `forward` takes them."""
    own = {name: value for name, value in inputs.items()
           if name not in ("targets", "weights") and not name.startswith(("mask.", "earlier."))}
    masks = [value for name, value in inputs.items() if name.startswith("mask.")]
    return {**own, "mask": masks} if masks else own


def decoded(model, params, inputs, steps):
    """The logits of the last `steps` tokens, read one at a time after a prompt of all the others."""
    tokens, cache, found = inputs["tokens"], None, {}
    if not steps:
        return found
    prompt = tokens.shape[1] - steps
    first = arguments({name: value for name, value in inputs.items() if name != "bias"})
    first.update({name: first[name][:, :prompt] for name in ("tokens", "padding", "segments") if name in first})
    _, cache = advance(model, params, first.pop("tokens"), None, first)
    for i in range(steps):
        logits, cache = advance(model, params, tokens[:, prompt + i:prompt + i + 1], cache, {})  # (B, 1, V)
        found[f"decode.{i}"] = logits
    return found
