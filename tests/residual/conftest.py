"""An option of a variant keeps its equation, row and initial values in every run; what all variants share is under `slow`."""

import pytest

SHARED = ("test_residual_laws.py", "test_residual_decoding.py")


def pytest_collection_modifyitems(items):
    """Mark the general laws of the cases "variant option" as slow."""
    for item in items:
        if item.path.name in SHARED and " " in str(getattr(item, "callspec", None) and item.callspec.params.get("name", "")):
            item.add_marker(pytest.mark.slow)
