"""The neighbours of the reservoir ResFormer: other models with a frozen random part beside a trained one.

    network = NEIGHBOURS["random_sentence"].build(vocabulary=11, classes=3)
    params = network.init(numpy.random.default_rng(0))
    logits = network.apply(params, tokens, real)
    frozen, trained = split(network, params)

Where the authors' code departs from what it says, there are two entries: as published, and corrected.
"""

from minires.errors import one_of
from minires.reservoir_resformer.neighbours import attention_enhanced, echo_state_transformer, frozen_layers, group_reservoir
from minires.reservoir_resformer.neighbours import nearest, random_sentence
from minires.reservoir_resformer.neighbours.record import Neighbour, Network, join, split

__all__ = ["NEIGHBOURS", "Neighbour", "Network", "join", "neighbour", "split"]

KOWSHER = "Kowsher, Khan, Xu 2024, 2402.09573"
KOESTER = "Koester & Uchida 2023, 2312.16503"
WIETING = "Wieting & Kiela 2019, 1901.10444"

NEIGHBOURS = {
    "group_reservoir": Neighbour(
        group_reservoir.corrected, "R = mean_q attention(x^q), x^q <- (1 - a) x^q + a tanh(...)", KOWSHER),
    "group_reservoir_published": Neighbour(
        group_reservoir.published, "R = mean_q W_out x^q, x^q <- ((1 - a) x^q + a tanh(...)) / R_0", KOWSHER),
    "frozen_layers": Neighbour(
        frozen_layers.frozen_layers, "x' = x + f(norm(x) W_1) W_2, never trained", "Shen et al. 2021, 2012.15045"),
    "echo_state_transformer": Neighbour(
        echo_state_transformer.echo_state_transformer, "S_k <- (1 - l_k) S_k + l_k tanh(...), l = softmax_k(v_k a_k / tau)",
        "Bendi-Ouis & Hinaut 2025, 2507.02917"),
    "attention_enhanced": Neighbour(
        attention_enhanced.attention_enhanced, "y_k = (1/N) sum_i (A_k s + c_k)_i s_i", KOESTER),
    "attention_enhanced_deep": Neighbour(
        attention_enhanced.attention_enhanced_deep, "y_k = (1/N) sum_i (A_k h + c_k)_i h_i, h = tanh(s W_h + b_h)", KOESTER),
    "bag_of_embeddings": Neighbour(random_sentence.bag_of_embeddings, "z = pool_t(e_t)", WIETING),
    "borep": Neighbour(random_sentence.borep, "z = pool_t(P e_t)", WIETING),
    "random_sentence": Neighbour(
        random_sentence.corrected, "z = pool_t(h_t), h_t = (1 - lambda) f(...) + lambda h_{t-1}", WIETING),
    "random_sentence_published": Neighbour(random_sentence.published, "the same from the third step on", WIETING),
    "ran": Neighbour(nearest.ran, "memory tokens as a prefix, no leak", "Leonhart 2026, 2606.15678"),
    "laerc": Neighbour(nearest.laerc, "g r + (1 - g) X, no leak, ||W||_2 = 0.9", "Koester, fekoester/LAERC"),
}


def neighbour(name):
    """The entry of that name; ValueError names the nearest.

    >>> neighbour("borep").file
    'minires/reservoir_resformer/neighbours/random_sentence.py'
    """
    return one_of("neighbour", name, NEIGHBOURS)
