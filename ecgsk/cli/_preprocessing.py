"""Preprocessing of the commands: resample and band-pass filter."""

from collections.abc import Sequence
from typing import Any

from ecgsk.preprocessing import BandpassFilter, Resample

SAMPLING_RATE = 100.0  # Hz
BAND = (0.5, 40.0)  # Hz


def preprocessing_steps(
    sampling_rate: float | None = SAMPLING_RATE, band: Sequence[float] | None = BAND
) -> list[Any]:
    """Return the steps that are wanted; a band edge of 0 Hz is open."""
    steps: list[Any] = [] if sampling_rate is None else [Resample(sampling_rate)]
    if band is not None and any(band):
        low, high = (edge or None for edge in band)
        steps.append(BandpassFilter(low, high))
    return steps
