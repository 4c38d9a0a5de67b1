"""R-peak detection in one ECG."""

import importlib
from typing import Any

import numpy as np
from scipy.signal import butter, find_peaks, sosfiltfilt

from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals.gaps import bridge_gaps
from ecgsk.signals.resampling import resample
from ecgsk.signals.screening import screen_where_needed
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
# GQRS finds every second beat from 200 a minute on. Such a rhythm is regular: the signal
# resembles itself one beat later. A T wave as tall as the QRS complex makes half of it so.
_FAST_BEAT_SECONDS = (0.18, 0.32)
_FAST_WINDOW_SECONDS = 3.0
_MIN_RESEMBLANCE = 0.6
# Of the usual height and period of a fast rhythm.
_MIN_FAST_HEIGHT, _MIN_FAST_INTERVAL = 0.5, 0.7


def find_beats(signal: Any, sampling_rate: float) -> np.ndarray:
    """Find the R peaks of one ECG.

    Runs PhysioNet's GQRS at 250 Hz on the lead with the most energy between 5
    and 20 Hz, mirrored at both ends so that the first and the last beat are
    found too. Each mark is moved to the largest deflection that follows. Where
    the lead repeats itself every 0.18 to 0.32 s, the largest deflection of each
    period is the beat: GQRS has a refractory time of 0.28 s.

    .. versionadded:: 0.1

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

    Simulated beats are found from 30 to 300 a minute. From about 200 a minute on,
    only a regular rhythm is: of fast beats with irregular intervals, such as those
    of pre-excited atrial fibrillation, many are missed.

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
    bridged, _ = bridge_gaps(screen_where_needed(signal[None])[0])
    bridged = resample(bridged, sampling_rate, _DETECTION_RATE_HZ).astype(np.float64)
    lead, filtered = _strongest_lead(bridged)
    if filtered.std() < _MIN_SD_MV:
        return np.empty(0)
    margin = int(min(_MARGIN_SECONDS * _DETECTION_RATE_HZ, len(lead) - 1))
    marks = _detect(np.pad(lead, margin, mode="reflect")) - margin
    fast, period = _fast_parts(filtered)
    beats = _peaks(marks, filtered, fast)
    if period:
        beats = np.union1d(beats, _fast_peaks(filtered, fast, period))
    return beats / _DETECTION_RATE_HZ


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


def _peaks(marks: np.ndarray, filtered: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """Move marks to the largest deflection of their complex; drop all when they are noise."""
    size, reach = np.abs(filtered), round(_QRS_SECONDS * _DETECTION_RATE_HZ)
    inside = marks[(marks > -reach) & (marks < len(size))]
    starts = np.maximum(inside, 0)
    ends = inside + reach
    found = np.unique([a + size[a:b].argmax() for a, b in zip(starts, ends, strict=True)])
    found = found.astype(int)
    found = found[~fast[found]]
    if len(found) == 0 or np.median(size[found]) < _MIN_HEIGHT_SD * filtered[~fast].std():
        return np.empty(0)
    return found


def _fast_parts(filtered: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a mask of samples in a regular rhythm too fast for GQRS, and its period."""
    fast = np.zeros(len(filtered), bool)
    size = min(round(_FAST_WINDOW_SECONDS * _DETECTION_RATE_HZ), len(filtered))
    periods = []
    for start in range(0, len(filtered) - size // 2, size // 2):
        part = slice(min(start, len(filtered) - size), start + size)
        if period := _fast_period(filtered[part]):
            fast[part] = True
            periods.append(period)
    return fast, round(np.median(periods)) if periods else 0


def _fast_period(part: np.ndarray) -> int:
    """Return the samples between the beats of a fast regular rhythm; 0 where there is none."""
    shortest, longest = (round(seconds * _DETECTION_RATE_HZ) for seconds in _FAST_BEAT_SECONDS)
    if len(part) < 3 * longest:
        return 0
    resemblance = np.array([_resemblance(part[:-lag], part[lag:]) for lag in range(1, longest + 2)])
    peaks = np.flatnonzero(
        (resemblance[1:-1] > _MIN_RESEMBLANCE)
        & (resemblance[1:-1] >= resemblance[:-2])
        & (resemblance[1:-1] >= resemblance[2:])
    )
    # A still faster repetition is tremor or mains hum.
    period = peaks[0] + 2 if len(peaks) else 0
    return int(period) if period >= shortest else 0


def _resemblance(first: np.ndarray, second: np.ndarray) -> float:
    scale = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / scale) if scale else 0.0


def _fast_peaks(filtered: np.ndarray, fast: np.ndarray, period: int) -> np.ndarray:
    size = np.abs(filtered)
    least = _MIN_FAST_HEIGHT * np.quantile(size[fast], 1 - 1 / period)
    found, _ = find_peaks(size, height=least, distance=round(_MIN_FAST_INTERVAL * period))
    return found[fast[found]]
