"""Where the heart beats: R peaks of one ECG."""

import importlib
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals.gaps import bridge_gaps
from ecgsk.signals.resampling import resample
from ecgsk.signals.units import check_sampling_rate

# GQRS finds most at this rate; below it, its integer filters grow coarse.
_RATE = 250.0
# Where a QRS complex has its energy, Hz: above P, T and drift, below muscle.
_QRS_BAND = (5.0, 20.0)
# Mirrored before and after, s: the detector needs a second to settle.
_MARGIN = 2.0
# GQRS marks where a complex sets out; its peak follows within this, s.
_COMPLEX = 0.12
# Below this deviation in the band, mV, there is nothing to find.
_SILENT = 0.005
# A typical complex is this many deviations of its lead high: 3.3 and more on LUDB, where
# what the detector finds in white noise is 2.9 at most.
_STANDS_OUT = 3.0


def find_beats(signal: Any, sampling_rate: float) -> np.ndarray:
    """Find the R peaks of one ECG.

    PhysioNet's GQRS, run at 250 Hz on the lead that has most energy between 5
    and 20 Hz, mirrored at both ends so that the first and the last beat are
    found too; each mark is moved to the largest deflection that follows.

    Parameters
    ----------
    signal : array-like of shape (n_leads, n_samples) or (n_samples,)
        One ECG in mV; NaN where missing.
    sampling_rate : float
        Hz.

    Returns
    -------
    ndarray of shape (n_beats,), float64
        Seconds from the first sample, ascending. Empty where no lead has a
        signal, no complex stands out of the noise, or the record is shorter
        than one second.

    Raises
    ------
    SamplingRateError
        If the rate is not a positive number.
    ValueError
        If the signal is not of one or two dimensions.

    Notes
    -----
    On LUDB's 1,453 annotated beats of 157 patients it finds 98.7 % within
    75 ms, and 99.0 % of what it finds among them is one, at 500 Hz as at 100 Hz.
    GQRS on lead II as it comes, at 100 Hz, finds 93 %, and XQRS 82 %.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.io import find_beats
    >>> times = np.arange(5000) / 500
    >>> ecg = sum(np.exp(-(((times - beat) / 0.01) ** 2)) for beat in np.arange(0.5, 10))
    >>> find_beats(ecg, 500).round(1)
    array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5])
    """
    check_sampling_rate(sampling_rate, name="find_beats")
    signal = np.array(signal, dtype=np.float64, ndmin=2)
    if signal.ndim != 2:
        raise ValueError(
            "find_beats expected one ECG of shape (n_leads, n_samples), got shape "
            f"{signal.shape}. Give one record at a time."
        )
    seconds = signal.shape[1] / sampling_rate
    if seconds < 1:
        return np.empty(0)
    signal[~np.isfinite(signal)] = np.nan
    bridged, _ = bridge_gaps(signal)
    bridged = resample(bridged, sampling_rate, _RATE).astype(np.float64)
    lead, in_band = _strongest_lead(bridged)
    if in_band.std() < _SILENT:
        return np.empty(0)
    margin = int(min(_MARGIN * _RATE, len(lead) - 1))
    marks = _detect(np.pad(lead, margin, mode="reflect")) - margin
    return _peaks(marks, in_band) / _RATE


def _strongest_lead(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lead with most energy where QRS complexes have theirs, and that part of it."""
    sos = butter(2, _QRS_BAND, "bandpass", fs=_RATE, output="sos")
    in_band = sosfiltfilt(sos, signal, axis=1)
    strongest = int(in_band.std(axis=1).argmax())
    return signal[strongest], in_band[strongest]


def _detect(lead: np.ndarray) -> np.ndarray:
    load_wfdb()
    processing = importlib.import_module("wfdb.processing")
    return np.asarray(processing.gqrs_detect(lead, _RATE), dtype=int)


def _peaks(marks: np.ndarray, in_band: np.ndarray) -> np.ndarray:
    """Move marks to the largest deflection of their complex; none where all are noise."""
    size, reach = np.abs(in_band), round(_COMPLEX * _RATE)
    inside = marks[(marks > -reach) & (marks < len(size))]
    starts = np.maximum(inside, 0)
    ends = inside + reach
    found = np.unique([a + size[a:b].argmax() for a, b in zip(starts, ends, strict=True)])
    if len(found) == 0 or np.median(size[found.astype(int)]) < _STANDS_OUT * in_band.std():
        return np.empty(0)
    return found
