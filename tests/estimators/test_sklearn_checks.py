"""scikit-learn's own checks, for all three stages."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.encoders import ResNet1d

_TINY = ResNet1d(10, width=4)
_PRETRAINER = JointEmbeddingPretrainer(_TINY, max_epochs=1, verbose=False, device="cpu")
_ESTIMATORS = [
    _PRETRAINER,
    # The checks ask for an accuracy that one epoch does not reach.
    ECGDiagnosisClassifier(_TINY, max_epochs=20, verbose=False, device="cpu"),
    LabAbnormalityExplainer(_PRETRAINER),
]
# May pass on another machine, so no strict expected failure.
_EXPECTED_FAILURES = {
    ("LabAbnormalityExplainer", "check_methods_subset_invariance"): "The check allows 1e-7; "
    "embeddings are float32, and torch sums a batch of one in another order than one of many.",
}


@parametrize_with_checks(_ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    try:
        check(estimator)
    except AssertionError:
        reason = _EXPECTED_FAILURES.get((type(estimator).__name__, check.func.__name__))
        if reason is None:
            raise
        pytest.xfail(reason)
