"""Splits by patient that balance many labels."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.model_selection._split import (
        MultilabelGroupKFold,
        check_patient_split,
        patient_split,
    )

__all__ = ["MultilabelGroupKFold", "check_patient_split", "patient_split"]
__getattr__, __dir__ = import_on_first_use(__name__)
