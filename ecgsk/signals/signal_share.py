"""Share of a record's samples that carry a signal, and the reason where it is too small."""

from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError
from ecgsk.signals._array import ECGArray
from ecgsk.signals.record_quality import describe_signals
from ecgsk.signals.screening import FLAT_MV, is_clean, screen

#: Reason of a record that is missing in the column.
NO_RECORD = "missing record"
_BATCH_BYTES = 32 << 20  # of samples in memory at once
# A lead is flat for at least this time where an electrode is off: the signal between two beats
# has noise.
_FLAT_S = 1.0


@np.errstate(invalid="ignore")  # infinite samples
def signal_share(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the share of samples, over all leads, that carry a signal; 0 for a refused record.

    `signals` has shape (n_records, n_leads, n_samples), in mV. A sample carries no signal if it
    is missing, implausible (see `ecgsk.signals.screening`) or in a flat second of its lead.
    """
    odd = ~is_clean(signals)
    if odd.any():
        signals = signals.copy()
        signals[odd], refused = screen(signals[odd])
        signals[np.flatnonzero(odd)[refused != ""]] = np.nan
    n_held = max(round(_FLAT_S * sampling_rate), 2)
    n_whole = signals.shape[2] // n_held
    seconds = signals[:, :, : n_whole * n_held].reshape(*signals.shape[:2], n_whole, n_held)
    flat = seconds.max(axis=3) - seconds.min(axis=3) < FLAT_MV  # never with a missing sample
    without = np.isnan(signals).sum(axis=(1, 2)) + n_held * flat.sum(axis=(1, 2))
    return 1 - without / (signals.shape[1] * signals.shape[2])


def has_quality(share: np.ndarray, min_quality: float) -> np.ndarray:
    """Return which records have a share of at least `min_quality`, and above 0."""
    return (share >= min_quality) & (share > 0)


def check_min_quality(caller: str, min_quality: Any) -> None:
    """Raise unless `min_quality` is a share."""
    is_number = isinstance(min_quality, (int, float, np.number))
    if not (is_number and 0 <= min_quality <= 1):
        raise ECGError(
            f"{caller}: expected min_quality from 0 to 1, got {min_quality!r}. It is a share of "
            "samples, such as min_quality=0.5."
        )


def describe_shares(ecg: ECGArray, min_quality: float, index: Any = None) -> pd.DataFrame:
    """Return ``quality`` and ``reason`` of each record, read in batches.

    The reason is empty for a record of the quality.
    """
    batch_size = max(_BATCH_BYTES // (4 * len(ecg.leads) * ecg.n_samples), 1)
    quality, reason = np.zeros(len(ecg)), np.full(len(ecg), "", dtype=object)
    for start in range(0, len(ecg), batch_size):
        batch = slice(start, start + batch_size)
        signals = ecg[batch].read()
        quality[batch] = signal_share(signals, ecg.sampling_rate)
        low = ~has_quality(quality[batch], min_quality)
        if low.any():
            found = describe_signals(signals[low], ecg.leads, ecg.sampling_rate)["problem"]
            # Leads that are flat for seconds have no words there.
            reason[batch][low] = [problem or "leads flat for seconds" for problem in found]
    reason[ecg.isna()] = NO_RECORD
    return pd.DataFrame({"quality": quality, "reason": reason}, index=index)
