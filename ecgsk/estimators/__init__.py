"""The three stages as scikit-learn estimators."""

from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.estimators.labs import LabAbnormalityExplainer
from ecgsk.estimators.pretrainer import JointEmbeddingPretrainer
from ecgsk.estimators.recipe import Recipe

__all__ = [
    "ECGDiagnosisClassifier",
    "JointEmbeddingPretrainer",
    "LabAbnormalityExplainer",
    "Recipe",
]
