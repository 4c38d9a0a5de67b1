"""Screening of the records that a model gets, each by itself.

The rules, for records in mV (an ECG column):

* a sample further than 20 mV from the baseline, or than 300 mV from 0, is missing: a number
  that stands for "missing" (-9999, 9.97e36), an ADC's rail, an artefact;
* so is a sample at the largest or smallest value of a lead that is there in 5 % of its samples
  and moves by more than 5 mV: the lead is at the rails of its ADC;
* a lead with more than 5 % of samples beyond, of different values, is missing, and so is a flat
  lead;
* a record is refused if such leads are half or more of those with a signal (it is in uV), if
  no lead moves by 10 uV (it is in V), if no lead has a signal, or if a sample is infinite.

A plain array states no unit and may be normalised: samples beyond 1000 are missing, a record
with a standard deviation above 20 is refused, and nothing is flat.
"""

from typing import Any

import numpy as np

from ecgsk.exceptions import LeadMismatchError

#: Range in mV below which a lead is flat: 1 uV, below the resolution of clinical recorders
#: (5 uV).
FLAT_MV = 1e-3
#: Amplitude in mV above which a surface ECG is implausible, usually a detached electrode.
IMPLAUSIBLE_MV = 20.0
# Largest offset of an electrode in mV that recorders must accept (IEC 60601-2-25).
MAX_OFFSET_MV = 300.0
# Range in mV that some lead of a record in mV exceeds: a tenth of a small square of ECG paper.
SMALLEST_MV = 0.01
# Share of implausible samples above which a lead is missing. An ECG in uV has more: 21 % or
# more of the samples of half of its leads, in LUDB, Brugada-HUCA and simulated records.
MAX_SHARE = 0.05
# Range in mV and number of equal extremes from which a lead is at the rails of its ADC. Short or
# clipped waves have fewer.
RAIL_RANGE_MV, MIN_RAIL_SAMPLES = 5.0, 10
# Amplitude of a plain array above which a sample is missing. Normalised ECGs reach 20.
_IMPLAUSIBLE_NUMBER = 1000.0
# Standard deviation of a plain record above which it is not in mV. A surface ECG has 0.05-0.5 in
# mV and 50-500 in uV; normalised signals have 1.
_IMPLAUSIBLE_SD = 20.0

#: Reasons for refusing a record; "" is none.
INFINITE = "infinite samples"
TOO_LARGE = "amplitudes too large for mV"
TOO_SMALL = "amplitudes too small for mV"
NO_SIGNAL = "no lead with a signal"


# No ECG has both more leads and fewer samples than this: 32 samples are 0.3 s at 100 Hz.
_MANY_LEADS, _FEW_SAMPLES = 32, 32


def check_axes(X: Any, *, name: str) -> None:
    """Raise if a plain array, or nested list, has the shape of ECGs with the leads last."""
    shape: tuple[int, ...] = np.shape(X) if isinstance(X, list) else getattr(X, "shape", ())
    if len(shape) == 3 and shape[1] > _MANY_LEADS and shape[2] <= _FEW_SAMPLES:
        raise LeadMismatchError(
            f"{name}: expected an array of shape (n_records, n_leads, n_samples), got {shape}: "
            f"{shape[1]} leads of {shape[2]} samples. The axes look swapped: try "
            "X.transpose(0, 2, 1)."
        )


def is_clean(x: np.ndarray, *, in_millivolt: bool = True) -> np.ndarray:
    """Return which records of (n_records, n_leads, n_samples) need no screening."""
    high, low = x.max(axis=2), x.min(axis=2)  # NaN and infinity propagate to them
    limit = IMPLAUSIBLE_MV if in_millivolt else _IMPLAUSIBLE_SD  # no SD exceeds the amplitude
    clean = ((high <= limit) & (low >= -limit)).all(axis=1)
    if in_millivolt:
        with np.errstate(invalid="ignore"):
            spread = high - low
        clean &= (spread >= FLAT_MV).all(axis=1) & (spread >= SMALLEST_MV).any(axis=1)
        wide = np.flatnonzero(clean & (spread > RAIL_RANGE_MV).any(axis=1))
        clean[wide] = ~_at_rails(x[wide], high[wide], low[wide]).any(axis=(1, 2))
    return clean


def screen(x: np.ndarray, *, in_millivolt: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Screen records, each by itself.

    Parameters
    ----------
    x : ndarray of float, shape (n_records, n_leads, n_samples)
        Samples, NaN where missing; not changed.
    in_millivolt : bool
        False for a plain array, which states no unit.

    Returns
    -------
    ndarray like x
        Implausible samples and leads without a signal are NaN.
    ndarray of str, shape (n_records,)
        Reason for refusing the record; empty if it can be used.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        infinite = np.isinf(x).any(axis=(1, 2))
        beyond = _beyond_offset(x) if in_millivolt else np.abs(x) > _IMPLAUSIBLE_NUMBER
        n_present = np.count_nonzero(~np.isnan(x), axis=2)
        # One repeated value encodes missing samples; another unit gives different values.
        large = np.count_nonzero(beyond, axis=2) > MAX_SHARE * n_present
        large &= _spread(np.where(beyond, x, np.nan)) > IMPLAUSIBLE_MV
        screened = np.where(beyond | large[:, :, None], x.dtype.type(np.nan), x)
        if in_millivolt:
            high, low = np.fmax.reduce(screened, axis=2), np.fmin.reduce(screened, axis=2)
            screened[_at_rails(screened, high, low)] = np.nan
        spread = _spread(screened)
        has_signal = ~np.isnan(spread)
        if in_millivolt:
            has_signal &= spread >= FLAT_MV
            screened[~has_signal] = np.nan
        else:
            large |= _deviation(screened) > _IMPLAUSIBLE_SD
    moving = large | (has_signal & (spread > 0))
    refused = np.full(len(x), "", dtype=object)
    if in_millivolt:
        refused[np.fmax.reduce(spread, axis=1, initial=0) < SMALLEST_MV] = TOO_SMALL
    refused[~has_signal.any(axis=1)] = NO_SIGNAL
    refused[large.any(axis=1) & (2 * large.sum(axis=1) >= moving.sum(axis=1))] = TOO_LARGE
    refused[infinite] = INFINITE
    return screened, refused


def screen_where_needed(x: np.ndarray, *, in_millivolt: bool = True) -> np.ndarray:
    """Return records with implausible samples as NaN; the input itself if all are clean.

    For filters, which would spread such a sample over the record. A record that is too large
    stays as it is: a filter may remove its drift, and one in uV is refused after it.
    """
    odd = ~is_clean(x, in_millivolt=in_millivolt)
    if not odd.any():
        return x
    screened, refused = screen(x[odd], in_millivolt=in_millivolt)
    kept = (refused != TOO_LARGE) & (refused != INFINITE)
    out = x.copy()
    out[np.flatnonzero(odd)[kept]] = screened[kept]
    return out


def _beyond_offset(x: np.ndarray) -> np.ndarray:
    """Return which samples are too far from the lead's baseline, or from 0.

    The baseline is 0, or the median of a lead that is hardly ever near 0: one with an offset.
    """
    size = np.abs(x)
    beyond = size > IMPLAUSIBLE_MV
    near = np.count_nonzero(size <= IMPLAUSIBLE_MV, axis=2)
    for record, lead in np.argwhere(near <= MAX_SHARE * (~np.isnan(x)).sum(axis=2)):
        trace = x[record, lead]
        possible = trace[size[record, lead] <= MAX_OFFSET_MV]
        if len(possible):
            beyond[record, lead] = np.abs(trace - np.median(possible)) > IMPLAUSIBLE_MV
    return beyond | (size > MAX_OFFSET_MV)


def _at_rails(x: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return which samples are at a value of an ADC's rail, from the extremes of each lead."""
    found = np.zeros(x.shape, dtype=bool)
    wide = high - low > RAIL_RANGE_MV
    if not wide.any():
        return found
    least = max(MAX_SHARE * x.shape[2], MIN_RAIL_SAMPLES)
    for extreme in (high, low):
        held = x == extreme[:, :, None]
        often = wide & (np.count_nonzero(held, axis=2) >= least)
        if often.any():
            found |= held & often[:, :, None]
    return found


def _spread(x: np.ndarray) -> np.ndarray:
    """Return the range of each lead; NaN without a sample. fmax and fmin ignore NaN."""
    return np.fmax.reduce(x, axis=2) - np.fmin.reduce(x, axis=2)


def _deviation(x: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each lead over its samples; 0 without one."""
    present = ~np.isnan(x)
    n_present = np.maximum(present.sum(axis=2, keepdims=True), 1)
    x64 = np.where(present, x, 0).astype(np.float64)
    centred = np.where(present, x64 - x64.sum(axis=2, keepdims=True) / n_present, 0)
    return np.sqrt(np.einsum("nls,nls->nl", centred, centred) / n_present[:, :, 0])
