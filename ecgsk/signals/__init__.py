"""The ECG column: signals that travel with their leads, sampling rate and unit.

`ECGArray` is a pandas extension array, a view of row numbers over an `ECGStorage`;
``series.ecg`` is its accessor. Everything inside is millivolt, hertz and seconds.
"""

from ecgsk.signals._accessor import ECGAccessor
from ecgsk.signals._array import ECGArray
from ecgsk.signals._columns import ecg_column, find_ecg_column
from ecgsk.signals._concat import ConcatStorage
from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals._gaps import bridge_gaps
from ecgsk.signals._leads import (
    KNOWN_LEADS,
    STANDARD_12_LEADS,
    canonical_lead,
    canonical_leads,
    lead_positions,
)
from ecgsk.signals._quality import (
    FLAT_MV,
    IMPLAUSIBLE_SD,
    check_millivolt,
    describe_signals,
    quality,
)
from ecgsk.signals._record import ECGRecord
from ecgsk.signals._resample import resample, resampled_length
from ecgsk.signals._spectral import bandpass
from ecgsk.signals._storage import INT16_NAN, ArrayStorage, ECGStorage, LeadSelection, NpyStorage
from ecgsk.signals._units import (
    MILLIVOLTS_PER_UNIT,
    check_sampling_rate,
    format_hertz,
    to_millivolt,
)

__all__ = [
    "FLAT_MV",
    "IMPLAUSIBLE_SD",
    "INT16_NAN",
    "KNOWN_LEADS",
    "MILLIVOLTS_PER_UNIT",
    "STANDARD_12_LEADS",
    "ArrayStorage",
    "ConcatStorage",
    "ECGAccessor",
    "ECGArray",
    "ECGDtype",
    "ECGRecord",
    "ECGStorage",
    "LeadSelection",
    "NpyStorage",
    "bandpass",
    "bridge_gaps",
    "canonical_lead",
    "canonical_leads",
    "check_millivolt",
    "check_sampling_rate",
    "describe_signals",
    "ecg_column",
    "find_ecg_column",
    "format_hertz",
    "lead_positions",
    "quality",
    "resample",
    "resampled_length",
    "to_millivolt",
]
