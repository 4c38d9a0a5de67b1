"""Resampling to one sampling rate."""

import numpy as np

from ecgsk.preprocessing._base import Leads, RateAwareTransformer
from ecgsk.signals import ECGArray
from ecgsk.signals.resampling import resample, resampled_length
from ecgsk.signals.units import check_sampling_rate


class Resample(RateAwareTransformer):
    """Resample ECGs to another sampling rate, lead by lead.

    Resamples by the exact ratio of the two rates. The anti-aliasing filter passes
    what lies below half the lower rate and removes the rest.

    .. versionadded:: 0.1

    Parameters
    ----------
    sampling_rate : float
        Sampling rate of the output, Hz.
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
    BandpassFilter : Remove drift and noise.
    ecgsk.io.write_ecg_folder : Store the result.

    Notes
    -----
    Missing samples are bridged by a line for filtering and are NaN again
    afterwards: an output sample is missing when an input sample that is nearest
    to it, or to which it is nearest, was.
    The output has ``ceil(n * ratio)`` samples for n of the input.
    An ECG column may have another rate than in `fit`: a fitted pipeline accepts
    records of another hospital's device.

    A result larger than scikit-learn's ``working_memory`` (1 GiB by default, see
    :func:`sklearn.config_context`) and twice what the column holds in memory is
    not kept: its records are resampled whenever they are read. The samples are
    the same. Where many epochs read them, `ecgsk.io.write_ecg_folder` stores the
    result once.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from ecgsk.signals import ECGArray
    >>> x = np.random.default_rng(0).normal(size=(4, 2, 5000))
    >>> X = pd.DataFrame({"ecg": ECGArray.from_numpy(x, leads=["I", "II"], sampling_rate=500)})
    >>> Resample(100).fit_transform(X)["ecg"].dtype
    ecg[2x1000, 100 Hz: I II]
    """

    def __init__(
        self,
        sampling_rate: float = 100,
        *,
        input_sampling_rate: float | None = None,
        n_jobs: int | None = None,
    ):
        self.sampling_rate = sampling_rate
        self.input_sampling_rate = input_sampling_rate
        self.n_jobs = n_jobs

    def _check_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        super()._check_input(leads, sampling_rate)
        check_sampling_rate(self.sampling_rate, name="Resample")

    def _sampling_rate_out(self, rate: float) -> float:
        return float(self.sampling_rate)

    def _count_times(self, n_times: int, rate: float | None) -> int:
        return n_times if rate is None else resampled_length(n_times, rate, self.sampling_rate)

    def _check_rate(self, column: ECGArray) -> None:
        """Accept any rate."""

    def transform_signals(
        self, signals: np.ndarray, leads: Leads, sampling_rate: float
    ) -> tuple[np.ndarray, Leads, float]:
        """Resample; samples at this rate stay as they are, implausible ones too."""
        if sampling_rate == self.sampling_rate:
            self._check_input(leads, sampling_rate)
            return signals, leads, sampling_rate
        return super().transform_signals(signals, leads, sampling_rate)

    def _transform_column(self, column: ECGArray) -> ECGArray:
        if column.sampling_rate == self.sampling_rate:
            return column
        return super()._transform_column(column)

    def _filter(self, signals: np.ndarray, rate: float) -> np.ndarray:
        return resample(signals, rate, self.sampling_rate)
