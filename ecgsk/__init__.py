"""Pre-train ECG encoders with clinical tables; predict from the ECG alone."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.checks import check_table
    from ecgsk.deployment import export
    from ecgsk.estimators import (
        ECGDiagnosisClassifier,
        JointEmbeddingPretrainer,
        LabAbnormalityExplainer,
    )
    from ecgsk.evaluation import compare_arms
    from ecgsk.persistence import load, save

__version__ = "0.1.0"

__all__ = [
    "ECGDiagnosisClassifier",
    "JointEmbeddingPretrainer",
    "LabAbnormalityExplainer",
    "__version__",
    "check_table",
    "compare_arms",
    "export",
    "load",
    "save",
]
__getattr__, __dir__ = import_on_first_use(__name__)
