"""Zero-phase Butterworth band-pass filter."""

import numpy as np

from ecgsk.exceptions import SamplingRateError
from ecgsk.preprocessing._base import RateAwareTransformer
from ecgsk.signals.spectral import bandpass
from ecgsk.signals.units import format_hertz


class BandpassFilter(RateAwareTransformer):
    """Filter ECGs with a zero-phase Butterworth band-pass.

    The filter runs forwards and backwards over each lead, so that no wave is
    shifted in time; it attenuates by 6 dB at `low` and `high`.

    .. versionadded:: 0.1

    Parameters
    ----------
    low : float or None
        Lower edge, Hz; None keeps everything below `high`, also drift.
    high : float or None
        Upper edge, Hz, below half the sampling rate; None keeps everything above
        `low`.
    order : int
        Order of the Butterworth filter, which is applied twice.
    input_sampling_rate : float, optional
        Hz. Required for plain arrays; an ECG column has its own.
    n_jobs : int, optional
        Threads.

    Attributes
    ----------
    leads_in_ : tuple of str or None
        Leads seen in `fit`; None for plain arrays.
    sampling_rate_in_ : float
        Sampling rate seen in `fit`, Hz.
    n_features_in_ : int
        Columns of a frame, leads of a 3-D array or times of a 2-D one.
    feature_names_in_ : ndarray of str
        Columns of the frame seen in `fit`; absent for arrays.

    See Also
    --------
    Resample : Resample ECGs to one sampling rate.

    Notes
    -----
    The squared response multiplies the spectrum of the record and its mirror
    image, which is several times as fast as running the filter and as accurate
    at the edges. Missing samples are bridged by a line for filtering and are NaN
    again afterwards; a lead without any sample stays NaN.

    Columns larger than memory are filtered when they are read; see `Resample`.

    Examples
    --------
    >>> t = np.arange(0, 10, 1 / 100)
    >>> beat, drift = np.sin(2 * np.pi * 10 * t), np.sin(2 * np.pi * 0.05 * t)
    >>> band = BandpassFilter(0.5, 40, input_sampling_rate=100)
    >>> filtered = band.fit_transform((beat + drift)[None])
    >>> bool(np.abs(filtered - beat)[0, 200:-200].max() < 0.02)
    True
    """

    def __init__(
        self,
        low: float | None = 0.5,
        high: float | None = 40.0,
        *,
        order: int = 3,
        input_sampling_rate: float | None = None,
        n_jobs: int | None = None,
    ):
        self.low = low
        self.high = high
        self.order = order
        self.input_sampling_rate = input_sampling_rate
        self.n_jobs = n_jobs

    def _check_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        super()._check_input(leads, sampling_rate)
        rate = float(sampling_rate or 0)
        low = 0.0 if self.low is None else self.low
        high = rate / 2 if self.high is None else self.high
        if self.low is None and self.high is None:
            raise ValueError("BandpassFilter: low and high are both None; give at least one edge.")
        if self.high is not None and high >= rate / 2:
            raise SamplingRateError(
                f"BandpassFilter: expected high below {rate / 2:g} Hz, half the sampling rate of "
                f"{format_hertz(rate)}, got high={high:g}. Lower it, or use high=None."
            )
        if not 0 <= low < high or self.low == 0:
            raise ValueError(
                f"BandpassFilter: expected 0 < low < high in Hz, got low={self.low}, "
                f"high={self.high}. Use low=None to keep the lowest frequencies."
            )
        if not isinstance(self.order, int | np.integer) or self.order < 1:
            raise ValueError(
                f"BandpassFilter: expected order, a whole number of at least 1, got {self.order!r}."
            )

    def _filter(self, signals: np.ndarray, rate: float) -> np.ndarray:
        return bandpass(signals, rate, self.low, self.high, order=self.order)
