"""Two models that differ from the reservoir ResFormer by settings: RAN and LAERC, as near as its options come.

    ran     x <- tanh(W x + W_in u), one tick for each utterance; the memory tokens are a prefix of keys and values
    laerc   x <- tanh(W x + W_in u); r = MLP(x); g * r + (1 - g) * X with a gate g = sigmoid(...)

RAN, the Reservoir Attention Network (Leonhart, 2606.15678; EmmaLeonhart/reservoiragent): no bias. The author reports that the
memory was ignored where it was added to the stream (fusion="addition"), recall 0.17, chance, and 1.00 as a prefix; that is not
verified here. An off switch must hide the keys (first="masked"): zero keys still take their share of the softmax. Unlike
here, its Transformer is pre-trained, and W is uniform before it is scaled.

LAERC (fekoester/LAERC at db12fe1): the radius that is set is the spectral norm, so that the true radius is about half of it; no
leak, no bias. Unlike here, it has no attention: a reservoir in each layer hears the normed stream, r is LayerNorm -> linear ->
GELU -> linear of its state times exp(a trained scale), the gate a GELU network of LayerNorm([X; r]), and the feed-forward
network is multiplied by a scalar that starts at zero (ReZero).

Both are functions that give a ReservoirResFormer; any of its fields can be given.
"""

from minires.reservoir_resformer.model import ReservoirResFormer


def ran(**fields):
    """The Reservoir Attention Network's memory: no leak, radius 0.9, a prefix, one step for each utterance."""
    return ReservoirResFormer(**{"leak": 1.0, "radius": 0.9, "density": 0.1, "bias_scale": 0.0, "input_scale": 0.16,
                                 "step": "sentence_mean", "fusion": "prefix", "first": "masked", **fields})


def laerc(**fields):
    """LAERC's reservoir and gate: no leak, the spectral norm for the radius, full W."""
    return ReservoirResFormer(**{"leak": 1.0, "radius": 0.9, "scaled_by": "spectral_norm", "density": 1.0, "bias_scale": 0.0,
                                 "fusion": "gate", **fields})
