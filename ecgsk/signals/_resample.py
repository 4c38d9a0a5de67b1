"""Bring samples to another rate, each lead by itself, keeping gaps as gaps."""

from fractions import Fraction

import numpy as np

from ecgsk.signals._gaps import bridge_gaps
from ecgsk.signals._units import check_sampling_rate


def resampling_ratio(from_rate: float, to_rate: float) -> Fraction:
    """Exact ratio of two sampling rates, as written: 360.1 Hz means 3601/10."""
    rates = (check_sampling_rate(to_rate), check_sampling_rate(from_rate))
    to_fraction, from_fraction = (Fraction(repr(rate)) for rate in rates)
    return to_fraction / from_fraction


def resampled_length(n_samples: int, from_rate: float, to_rate: float) -> int:
    """Count what `resample` makes of some samples: ``ceil(n_samples * to_rate / from_rate)``."""
    ratio = resampling_ratio(from_rate, to_rate)
    return -(-n_samples * ratio.numerator // ratio.denominator)


def resample(signals: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Resample along the last axis by polyphase filtering.

    The anti-aliasing filter keeps what lies below half the lower rate and removes
    the rest, so that nothing folds back.

    Parameters
    ----------
    signals : ndarray of float, shape (..., n_samples)
        NaN where missing.
    from_rate, to_rate : float
        Sampling rates in Hz.

    Returns
    -------
    ndarray, shape (..., ceil(n_samples * to_rate / from_rate))
        Same dtype. A sample is NaN when a sample of the input that is nearest to
        it, or to which it is nearest, is. The input itself when the rates agree.

    See Also
    --------
    ecgsk.preprocessing.Resample : The transformer.

    Examples
    --------
    >>> t = np.arange(0, 10, 1 / 500)
    >>> out = resample(np.sin(2 * np.pi * t), 500, 100)
    >>> out.shape, bool(np.abs(out - np.sin(2 * np.pi * t[::5])).max() < 0.01)
    ((1000,), True)
    """
    from scipy.signal import resample_poly  # here, as it costs a quarter second to import

    ratio = resampling_ratio(from_rate, to_rate)
    if ratio == 1:
        return signals
    bridged, missing = bridge_gaps(signals)
    # Taking off the line between the ends keeps them from ringing; one sample makes no line.
    padding = "line" if signals.shape[-1] > 1 else "mean"
    out = resample_poly(bridged, ratio.numerator, ratio.denominator, axis=-1, padtype=padding)
    if missing is not None:
        out[_resampled_gaps(missing, out.shape[-1], float(ratio))] = np.nan
    return out


def _resampled_gaps(missing: np.ndarray, n_out: int, ratio: float) -> np.ndarray:
    nearest_in = np.rint(np.arange(n_out) / ratio).astype(int)
    gaps = missing[..., np.minimum(nearest_in, missing.shape[-1] - 1)]
    *lead, time = np.nonzero(missing)
    nearest_out = np.minimum(np.rint(time * ratio).astype(int), n_out - 1)
    gaps[(*lead, nearest_out)] = True
    return gaps
