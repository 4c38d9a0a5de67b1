"""scikit-learn's own checks, for all three stages."""

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


@parametrize_with_checks(_ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
