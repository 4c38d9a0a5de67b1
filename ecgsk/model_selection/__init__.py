"""Splits by patient that balance many labels."""

from ecgsk.model_selection._split import MultilabelGroupKFold, check_patient_split, patient_split

__all__ = ["MultilabelGroupKFold", "check_patient_split", "patient_split"]
