"""Resampling to another rate, lead by lead."""

from fractions import Fraction
from functools import lru_cache

import numpy as np

from ecgsk.signals.spectral import filter_spectrum, low_pass_gain
from ecgsk.signals.units import check_sampling_rate


@lru_cache(64)
def _ratio(from_rate: float, to_rate: float) -> Fraction:
    """Return the exact ratio of two sampling rates as written: 360.1 Hz means 3601/10."""
    rates = (check_sampling_rate(to_rate), check_sampling_rate(from_rate))
    to_fraction, from_fraction = (Fraction(repr(rate)) for rate in rates)
    return to_fraction / from_fraction


def resampled_length(n_samples: int, from_rate: float, to_rate: float) -> int:
    """Return the number of samples after `resample`: ``ceil(n_samples * to_rate / from_rate)``."""
    ratio = _ratio(from_rate, to_rate)
    return -(-n_samples * ratio.numerator // ratio.denominator)


def resample(signals: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Resample along the last axis, with an anti-aliasing filter at half the lower rate.

    The dtype is kept, and equal rates return the input itself. An output sample is
    NaN when an input sample that is nearest to it, or to which it is nearest, is.
    """
    ratio = _ratio(from_rate, to_rate)
    if ratio == 1:
        return signals
    return filter_spectrum(
        signals,
        from_rate,
        low_pass_gain(min(from_rate, to_rate) / 2),
        up=ratio.numerator,
        down=ratio.denominator,
    )
