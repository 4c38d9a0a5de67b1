"""Bring samples to another rate or length, lead by lead, keeping gaps as gaps."""

from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly


def resample_leads(signal: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Resample every lead by itself with an anti-aliasing polyphase filter.

    Parameters
    ----------
    signal : ndarray, shape (n_leads, n_times)
        Samples; NaN where missing.
    from_rate, to_rate : float
        Sampling rates in Hz.

    Returns
    -------
    ndarray of float64, shape (n_leads, ceil(n_times * to_rate / from_rate))
        A sample whose nearest sample before resampling is NaN is NaN.

    Notes
    -----
    Gaps are bridged by straight lines for the filter, which would spread one
    NaN over its whole length, and are opened again afterwards.
    """
    ratio = Fraction(to_rate / from_rate).limit_denominator(10_000)
    missing = np.isnan(signal)
    bridged = np.array(signal, np.float64)
    for lead, gap in zip(bridged, missing, strict=True):
        if gap.any():
            times = np.arange(len(lead))
            known = lead[~gap] if not gap.all() else np.zeros(len(lead))
            lead[gap] = np.interp(times[gap], times[~gap] if not gap.all() else times, known)
    # "line": the filter sees no step where the record starts and ends.
    out = resample_poly(bridged, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    if missing.any():
        nearest = np.rint(np.arange(out.shape[1]) * from_rate / to_rate).astype(np.int64)
        out[missing[:, np.minimum(nearest, signal.shape[1] - 1)]] = np.nan
    return out


def fit_length(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """Crop at the end, or pad the end with NaN, to ``n_samples`` per lead (float32)."""
    out = np.full((len(signal), n_samples), np.nan, np.float32)
    n_kept = min(n_samples, signal.shape[1])
    out[:, :n_kept] = signal[:, :n_kept]
    return out
