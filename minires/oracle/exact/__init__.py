"""Exact truth: the model source in ball arithmetic, every float64 proved, every gradient confirmed by differences."""
