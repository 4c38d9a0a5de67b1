"""Transformers: resampling, filtering, leads, windows, quality, tables, laboratory values."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.preprocessing._abnormality import LabAbnormality
    from ecgsk.preprocessing._bandpass import BandpassFilter
    from ecgsk.preprocessing._clinical_scaler import ClinicalScaler
    from ecgsk.preprocessing._quality_gate import QualityGate
    from ecgsk.preprocessing._resample import Resample
    from ecgsk.preprocessing._select_leads import SelectLeads
    from ecgsk.preprocessing._windows import cut_windows

__all__ = [
    "BandpassFilter",
    "ClinicalScaler",
    "LabAbnormality",
    "QualityGate",
    "Resample",
    "SelectLeads",
    "cut_windows",
]
__getattr__, __dir__ = import_on_first_use(__name__)
