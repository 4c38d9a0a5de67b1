"""The ECG column: signals that carry their leads, sampling rate and unit.

`ECGArray` is a pandas extension array, a view of row numbers over an `ECGStorage`;
``series.ecg`` is its accessor. Signals are in millivolts, rates in hertz, times in seconds.
"""

from ecgsk.signals._accessor import ECGAccessor
from ecgsk.signals._array import ECGArray
from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals._record import ECGRecord
from ecgsk.signals.leads import STANDARD_12_LEADS
from ecgsk.signals.record_quality import quality
from ecgsk.signals.storage import ECGStorage

__all__ = [
    "STANDARD_12_LEADS",
    "ECGAccessor",
    "ECGArray",
    "ECGDtype",
    "ECGRecord",
    "ECGStorage",
    "quality",
]
