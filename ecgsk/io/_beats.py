"""R-peak detection in one ECG."""

import importlib
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals.gaps import bridge_gaps
from ecgsk.signals.resampling import resample
from ecgsk.signals.units import check_sampling_rate

# GQRS finds most beats at this rate; its integer filters are too coarse below.
_DETECTION_RATE_HZ = 250.0
# Band of the QRS complex: above P, T and drift, below muscle noise.
_QRS_BAND_HZ = (5.0, 20.0)
# Mirrored before and after: the detector needs a second to settle.
_MARGIN_SECONDS = 2.0
# GQRS marks the onset of a complex; its peak follows within this time.
_QRS_SECONDS = 0.12
# Smallest standard deviation in the band of a lead with beats.
_MIN_SD_MV = 0.005
# Smallest median height of the complexes, in standard deviations of the lead: it is 3.3 and
# more on LUDB, and at most 2.9 in white noise.
_MIN_HEIGHT_SD = 3.0


def find_beats(signal: Any, sampling_rate: float) -> np.ndarray:
    """Find the R peaks of one ECG.

    Runs PhysioNet's GQRS at 250 Hz on the lead with the most energy between 5
    and 20 Hz, mirrored at both ends so that the first and the last beat are
    found too. Each mark is moved to the largest deflection that follows.

    Parameters
    ----------
    signal : array-like of shape (n_leads, n_samples) or (n_samples,)
        One ECG in mV; NaN where missing.
    sampling_rate : float
        Hz.

    Returns
    -------
    ndarray of shape (n_beats,), float64
        Seconds from the first sample, ascending. Empty when no lead has a
        signal, no complex is above the noise, or the record is shorter than
        one second.

    Raises
    ------
    SamplingRateError
        If the rate is not a positive number.
    ValueError
        If the signal is not of one or two dimensions.

    Notes
    -----
    On LUDB's 1,453 annotated beats of 157 patients the sensitivity is 98.7 %
    within 75 ms and the precision 99.0 %, at 500 Hz and at 100 Hz. On lead II
    at 100 Hz, GQRS alone finds 93 % and XQRS 82 %.

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
    bridged = resample(bridged, sampling_rate, _DETECTION_RATE_HZ).astype(np.float64)
    lead, filtered = _strongest_lead(bridged)
    if filtered.std() < _MIN_SD_MV:
        return np.empty(0)
    margin = int(min(_MARGIN_SECONDS * _DETECTION_RATE_HZ, len(lead) - 1))
    marks = _detect(np.pad(lead, margin, mode="reflect")) - margin
    return _peaks(marks, filtered) / _DETECTION_RATE_HZ


def _strongest_lead(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lead with the most energy in the QRS band, unfiltered and filtered."""
    sos = butter(2, _QRS_BAND_HZ, "bandpass", fs=_DETECTION_RATE_HZ, output="sos")
    filtered = sosfiltfilt(sos, signal, axis=1)
    strongest = int(filtered.std(axis=1).argmax())
    return signal[strongest], filtered[strongest]


def _detect(lead: np.ndarray) -> np.ndarray:
    load_wfdb()
    processing = importlib.import_module("wfdb.processing")
    return np.asarray(processing.gqrs_detect(lead, _DETECTION_RATE_HZ), dtype=int)


def _peaks(marks: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Move marks to the largest deflection of their complex; drop all when they are noise."""
    size, reach = np.abs(filtered), round(_QRS_SECONDS * _DETECTION_RATE_HZ)
    inside = marks[(marks > -reach) & (marks < len(size))]
    starts = np.maximum(inside, 0)
    ends = inside + reach
    found = np.unique([a + size[a:b].argmax() for a, b in zip(starts, ends, strict=True)])
    if len(found) == 0 or np.median(size[found.astype(int)]) < _MIN_HEIGHT_SD * filtered.std():
        return np.empty(0)
    return found
