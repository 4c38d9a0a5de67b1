"""Quality gate: records without enough signal become missing records."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import SignalQualityWarning
from ecgsk.preprocessing._base import Leads, RateAwareTransformer
from ecgsk.signals import ECGArray
from ecgsk.signals.columns import ecg_column, restore_ecg_column
from ecgsk.signals.signal_share import check_min_quality, describe_shares, has_quality, signal_share


class QualityGate(RateAwareTransformer):
    """Make records below a quality missing, so that no model learns from or predicts them.

    A step of a scikit-learn pipeline keeps its number of rows. The gate therefore
    replaces a record by ``pd.NA``, and the estimators leave missing records out of training
    and answer NaN in prediction, both with a warning that counts them.
    `ecgsk.deployment.predict_records` states the reason of each.

    .. versionadded:: 0.1

    Parameters
    ----------
    min_quality : float, default=0.5
        Smallest share of samples, over all leads, that carry a signal. Records that the
        estimators refuse, such as those in microvolts, have a quality of 0 and never pass.
    input_sampling_rate : float, optional
        Hz. Required for plain arrays, of which refused records become NaN; an ECG column has
        its own.

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
    cut_windows : The same quality for windows of long recordings, which are dropped.
    ecgsk.signals.quality : Everything that is known of the quality of a record.

    Notes
    -----
    A sample carries no signal if it is missing, implausible (see "Implausible samples
    and records" in the guide) or in a second in which its lead is flat. Noise counts as signal.

    The gate reads every record once in `transform`. Put it first, as filters hide what it
    looks for, and before ``SelectLeads(missing="mask")``, whose masked leads count as
    missing.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(3, 2, 1000))
    >>> x[1] = 0
    >>> X = pd.DataFrame({"ecg": ECGArray.from_numpy(x, leads=["I", "V2"], sampling_rate=100)})
    >>> gate = QualityGate()
    >>> gate.describe(X)
       quality           reason
    0      1.0
    1      0.0  every lead flat
    2      1.0
    >>> with warnings.catch_warnings(action="ignore"):
    ...     gate.fit_transform(X)["ecg"].isna().tolist()
    [False, True, False]
    """

    n_jobs = None  # reading is the work, and is done in order

    def __init__(self, min_quality: float = 0.5, *, input_sampling_rate: float | None = None):
        self.min_quality = min_quality
        self.input_sampling_rate = input_sampling_rate

    def describe(self, X: Any) -> pd.DataFrame:
        """Return the quality of each record, and the reason for refusing it.

        Parameters
        ----------
        X : DataFrame with one ECG column, Series or ECGArray
            One row per record.

        Returns
        -------
        DataFrame
            With the index of X: ``quality``, the share of samples that carry a signal, and
            ``reason``, empty for a record that passes.

        Raises
        ------
        ECGError
            When X has no ECG column, or `min_quality` is no share.
        """
        X = restore_ecg_column(X, name="QualityGate")
        check_min_quality("QualityGate", self.min_quality)
        ecg = ecg_column(X, name="QualityGate")
        return describe_shares(ecg, self.min_quality, getattr(X, "index", None))

    def transform_signals(
        self, signals: np.ndarray, leads: Leads, sampling_rate: float
    ) -> tuple[np.ndarray, Leads, float]:
        """Set refused records to NaN; see `SignalTransformer.transform_signals`."""
        self._check_input(leads, sampling_rate)
        return self._filter(signals, sampling_rate), leads, sampling_rate

    def _check_input(self, leads: Leads | None, sampling_rate: float | None) -> None:
        super()._check_input(leads, sampling_rate)
        check_min_quality("QualityGate", self.min_quality)

    def _check_rate(self, column: ECGArray) -> None:
        """Accept any rate."""

    def _filter(self, signals: np.ndarray, rate: float) -> np.ndarray:
        passes = has_quality(signal_share(signals, rate), self.min_quality)
        return np.where(passes[:, None, None], signals, signals.dtype.type(np.nan))

    def _transform_column(self, column: ECGArray) -> ECGArray:
        reasons = describe_shares(column, self.min_quality)["reason"].to_numpy()
        refused = (reasons != "") & ~column.isna()
        if not refused.any():
            return column
        first = np.argmax(refused)
        warnings.warn(
            f"QualityGate: {refused.sum()} of {len(column)} records have a signal in less than "
            f"{self.min_quality:.0%} of their samples, and become missing records; row {first}: "
            f"{reasons[first]}. describe(X) states the reason of each.",
            SignalQualityWarning,
            stacklevel=4,
        )
        return ECGArray(column.storage, np.where(refused, -1, column.rows))
