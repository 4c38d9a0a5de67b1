"""Resampling to another rate, lead by lead."""

from fractions import Fraction
from functools import lru_cache

import numpy as np

from ecgsk.exceptions import SamplingRateError
from ecgsk.signals.spectral import filter_spectrum, low_pass_gain
from ecgsk.signals.units import check_sampling_rate, format_hertz

# Resampling by up / down takes memory for as many samples as the larger of both.
_MAX_FACTOR = 50_000
# Shift allowed where a ratio is rounded: 3.6 ms in an hour.
_MAX_RELATIVE_ERROR = 1e-6


@lru_cache(64)
def resampling_ratio(from_rate: float, to_rate: float) -> Fraction:
    """Return the ratio of two sampling rates as written: 360.1 Hz means 3601/10.

    A ratio of larger numbers than 50,000, such as that of 100 to 1000/3.9 Hz, is replaced by
    the nearest ratio of smaller ones.
    """
    rates = (check_sampling_rate(to_rate), check_sampling_rate(from_rate))
    to_fraction, from_fraction = (Fraction(repr(rate)) for rate in rates)
    exact = to_fraction / from_fraction
    if max(exact.numerator, exact.denominator) <= _MAX_FACTOR:
        return exact
    if exact > 1:
        ratio = 1 / (1 / exact).limit_denominator(_MAX_FACTOR)
    else:
        ratio = exact.limit_denominator(_MAX_FACTOR)
    if abs(ratio / exact - 1) > _MAX_RELATIVE_ERROR:
        raise SamplingRateError(
            f"cannot resample {format_hertz(from_rate)} to {format_hertz(to_rate)}: their ratio is "
            f"no fraction of whole numbers up to {_MAX_FACTOR:,}. The nearest rate possible is "
            f"{float(from_fraction * ratio):.6g} Hz."
        )
    return ratio


def resampled_length(n_samples: int, from_rate: float, to_rate: float) -> int:
    """Return the number of samples after `resample`: ``ceil(n_samples * to_rate / from_rate)``."""
    ratio = resampling_ratio(from_rate, to_rate)
    return -(-n_samples * ratio.numerator // ratio.denominator)


def resample(signals: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Resample along the last axis, with an anti-aliasing filter at half the lower rate.

    The dtype is kept, and equal rates return the input itself. An output sample is
    NaN when an input sample that is nearest to it, or to which it is nearest, is.
    """
    ratio = resampling_ratio(from_rate, to_rate)
    if ratio == 1:
        return signals
    return filter_spectrum(
        signals,
        from_rate,
        low_pass_gain(min(from_rate, to_rate) / 2),
        up=ratio.numerator,
        down=ratio.denominator,
    )
