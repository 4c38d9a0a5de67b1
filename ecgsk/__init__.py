"""Pre-train ECG encoders with clinical tables; predict from the ECG alone."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Import on first use: reading a folder of ECGs needs no torch, which is slow to import.
_PUBLIC = {
    "ECGDiagnosisClassifier": "ecgsk.estimators",
    "JointEmbeddingPretrainer": "ecgsk.estimators",
    "LabAbnormalityExplainer": "ecgsk.estimators",
    "check_table": "ecgsk.checks",
    "compare_arms": "ecgsk.evaluation",
    "export": "ecgsk.deployment",
    "load": "ecgsk.persistence",
    "save": "ecgsk.persistence",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
