"""The three stages as scikit-learn estimators."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
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
__getattr__, __dir__ = import_on_first_use(__name__)
