"""Which of the checks are left to the slow tests."""

from pathlib import Path

import pytest

SLOW = (
    "check_classifiers_train(readonly_memmap",  # as on plain arrays, in fits of many epochs
    "JointEmbeddingPretrainer-check_survives_a_new_process",  # one that holds it stays
    "ECGDiagnosisClassifier-check_survives_a_new_process",
    "test_an_estimator_is_not_changed",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        is_here = item.path.parent == Path(__file__).parent
        if is_here and any(name in item.name for name in SLOW):
            item.add_marker(pytest.mark.slow)
