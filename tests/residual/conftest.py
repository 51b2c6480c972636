"""Equations, rows, gradients and initial values are in every run; what all variants share is under `slow` for two sorts.

These are the options of a variant, and encoder-decoders: the first case of a variant, as an encoder and a decoder, stays.
"""

import pytest

SHARED = ("test_residual_laws.py", "test_residual_decoding.py")


def pytest_collection_modifyitems(items):
    """Mark the general laws of the cases "variant option" and of encoder-decoders as slow."""
    for item in items:
        told = item.callspec.params if hasattr(item, "callspec") else {}
        if item.path.name in SHARED and (" " in str(told.get("name", "")) or "encoder_decoder" in map(str, told.values())):
            item.add_marker(pytest.mark.slow)
