"""What of scikit-learn's checks is left to the slow tests."""

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Train on plain arrays alone: read-only memory maps, eight fits of many epochs, are slow."""
    for item in items:
        is_ours = item.path.parent == Path(__file__).parent
        if is_ours and "check_classifiers_train(readonly_memmap" in item.name:
            item.add_marker(pytest.mark.slow)
