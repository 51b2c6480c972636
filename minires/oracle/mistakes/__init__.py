"""The catalogue of mistakes: each exists once, and serves the diagnosis, the decoys and our own tests."""

from minires.oracle.mistakes import (
    conversation, conversation_answer, conversation_fusion, conversation_readout, reservoir, reservoir_carry, reservoir_form,
    reservoir_gradient, reservoir_learning, reservoir_output, reservoir_time,
    activation, carry, carry_arithmetic, carry_heads, chains, conventions, gradient, heads, hidden_depth,
    hidden_depth_attention,
    hidden_gates, hidden_inner_norms, hidden_laurel, hidden_manifolds, hidden_norms, hidden_posts, hidden_scales,
    hidden_streams, hidden_wiring, mask, memory_of_scores, norm, norm_values, positions, softmax,
    scores_variants, series, value_decode, value_layers, value_places, value_sharing, value_sources, value_tables, value_tokens,
    value_weights)
from minires.oracle.mistakes.mistake import Mistake, planted

FILES = (
    conversation, conversation_answer, conversation_fusion, conversation_readout, reservoir, reservoir_carry, reservoir_form,
    reservoir_gradient, reservoir_learning, reservoir_output, reservoir_time,
    mask, softmax, heads, norm, norm_values, activation, positions, gradient, carry, carry_arithmetic, carry_heads, chains,
    memory_of_scores,
    hidden_norms, hidden_inner_norms, hidden_posts, hidden_scales, hidden_gates, hidden_laurel, hidden_streams,
    hidden_manifolds, hidden_depth, hidden_depth_attention, hidden_wiring,
    scores_variants, value_decode, value_layers, value_places, value_sharing, value_sources, value_tables, value_tokens,
    value_weights, conventions, series)
MISTAKES = {name: mistake for file in FILES for name, mistake in file.MISTAKES.items()}

__all__ = ["MISTAKES", "Mistake", "planted"]
