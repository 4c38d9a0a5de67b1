"""Results of the patient bootstrap, and the share of a gap closed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ecgsk.exceptions import ECGError


@dataclass(frozen=True, eq=False, repr=False)
class BootstrapResult:
    """Score with its bootstrap interval: macro mean over labels, and each label.

    ``a - b`` is the paired difference of two results on the same resamples, that is with the
    same groups, Y, integer `random_state` and `n_resamples`.

    .. versionadded:: 0.1

    Parameters
    ----------
    statistic : str
        Name of the score.
    estimate : float
        Macro score of the original data.
    low, high : float
        Bounds of the percentile interval of the macro score.
    distribution : ndarray of shape (n_resamples,)
        Macro score of each resample.
    label_names : tuple of str
        Names of the labels.
    label_estimate, label_low, label_high : ndarray of shape (n_labels,)
        The same for each label; NaN for a label with a single class.
    label_distribution : ndarray of shape (n_resamples, n_labels)
        Score of each label in each resample; NaN if only one class was drawn.
    confidence_level : float
        Nominal coverage of the intervals.
    n_patients : int
        Number of resampled patients.
    resamples : str
        Hash of the resamples: results can be subtracted if it is equal.

    Examples
    --------
    >>> from ecgsk.metrics import patient_bootstrap
    >>> result = patient_bootstrap(
    ...     [0, 1, 0, 1, 1, 0], [.2, .9, .4, .3, .8, .1], groups=[1, 1, 2, 2, 3, 3],
    ...     n_resamples=200, random_state=0,
    ... )
    >>> result.to_frame().round(3)
       estimate  low  high  n_resamples
    0     0.889  0.0   1.0          200
    """

    statistic: str
    estimate: float
    low: float
    high: float
    distribution: np.ndarray
    label_names: tuple[str, ...]
    label_estimate: np.ndarray
    label_low: np.ndarray
    label_high: np.ndarray
    label_distribution: np.ndarray
    confidence_level: float
    n_patients: int
    resamples: str

    @property
    def n_labels_skipped(self) -> int:
        """Number of labels without a score."""
        return int(np.isnan(self.label_estimate).sum())

    def to_frame(self) -> Any:
        """Return a DataFrame with one row for each label: estimate, low, high, n_resamples."""
        import pandas as pd  # imported late: scoring arrays needs no pandas

        return pd.DataFrame(
            {
                "estimate": self.label_estimate,
                "low": self.label_low,
                "high": self.label_high,
                "n_resamples": (~np.isnan(self.label_distribution)).sum(axis=0),
            },
            index=list(self.label_names),
        )

    def __sub__(self, other: "BootstrapResult") -> "BootstrapResult":
        if not isinstance(other, BootstrapResult):
            return NotImplemented
        _check_same_resamples("BootstrapResult.__sub__", self, other)
        return summarise(
            f"difference of {self.statistic}",
            self.label_names,
            self.label_estimate - other.label_estimate,
            self.label_distribution - other.label_distribution,
            confidence_level=self.confidence_level,
            n_patients=self.n_patients,
            resamples=self.resamples,
        )

    def __repr__(self) -> str:
        return (
            f"{self.statistic} {self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}] "
            f"({100 * self.confidence_level:g} % interval, {len(self.distribution)} resamples "
            f"of {self.n_patients} patients)"
        )


@dataclass(frozen=True, eq=False)
class GapClosed:
    """Share of a gap closed: 0 is none, 1 is all, and below 0 is a loss.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimate : float
        The share; NaN if the multimodal arm is not better than the signal-only arm.
    low, high : float
        Bounds of the interval; infinite if the data set no bound on that side.
    distribution : ndarray of shape (n_resamples,)
        Share in each resample; NaN if its gap is zero or negative.
    gap : BootstrapResult
        The gap: multimodal - signal only.
    """

    estimate: float
    low: float
    high: float
    distribution: np.ndarray = field(repr=False)
    gap: BootstrapResult

    @property
    def bounded(self) -> bool:
        """True if both bounds are finite."""
        return bool(np.isfinite([self.low, self.high]).all())


def gap_closed(
    joint: BootstrapResult, signal_only: BootstrapResult, multimodal: BootstrapResult
) -> GapClosed:
    """Share of the gap closed: (joint - signal only) / (multimodal - signal only).

    The three results must share their resamples: same Y, groups, `n_resamples` and integer
    `random_state` in :func:`patient_bootstrap`.

    .. versionadded:: 0.1

    Parameters
    ----------
    joint : BootstrapResult
        Joint embedding: pre-trained on ECG and table, predicts from the ECG.
    signal_only : BootstrapResult
        Baseline: trained on the ECG alone.
    multimodal : BootstrapResult
        Multimodal reference: predicts from ECG and table. It is no upper bound: another
        multimodal model may score higher. Of several, the best makes the share smallest.

    Returns
    -------
    GapClosed
        Share with its interval, distribution and gap.

    Raises
    ------
    ECGError
        If the results differ in resamples or statistic.

    Notes
    -----
    The share needs a gap. Resamples in which multimodal is not better than signal only are
    NaN in the distribution. They count as minus infinity for the lower bound and as plus
    infinity for the upper bound. If they exceed ``(1 - confidence_level) / 2`` of the
    resamples, both bounds are infinite, as is Fieller's interval of a ratio whose denominator
    may be zero. The bounds are values of the distribution, without interpolation. If the
    estimated gap is not positive, the estimate is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import gap_closed, patient_bootstrap
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(500), 2)
    >>> y = rng.integers(2, size=1000)
    >>> arms = {}
    >>> noise = rng.normal(size=1000)
    >>> for arm, spread in {"signal": 2.0, "joint": 1.6, "multimodal": 1.2}.items():
    ...     arms[arm] = patient_bootstrap(y, y + spread * noise, groups=groups, random_state=0)
    >>> share = gap_closed(arms["joint"], arms["signal"], arms["multimodal"])
    >>> share.bounded, round(share.estimate, 2)
    (True, 0.39)
    """
    _check_same_resamples("gap_closed", joint, signal_only)
    _check_same_resamples("gap_closed", joint, multimodal)
    gain, gap = joint - signal_only, multimodal - signal_only
    share = np.full(len(gap.distribution), np.nan)
    exists = gap.distribution > 0
    share[exists] = gain.distribution[exists] / gap.distribution[exists]
    tail = (1 - joint.confidence_level) / 2
    return GapClosed(
        estimate=gain.estimate / gap.estimate if gap.estimate > 0 else np.nan,
        low=float(np.quantile(np.where(exists, share, -np.inf), tail, method="lower")),
        high=float(np.quantile(np.where(exists, share, np.inf), 1 - tail, method="higher")),
        distribution=share,
        gap=gap,
    )


def summarise(
    statistic: str,
    label_names: tuple[str, ...],
    label_estimate: np.ndarray,
    label_distribution: np.ndarray,
    *,
    confidence_level: float,
    n_patients: int,
    resamples: str,
) -> BootstrapResult:
    """Average over labels and take percentile intervals over resamples."""
    distribution = mean_over_labels(label_distribution)
    low, high = percentile_interval(distribution[:, np.newaxis], confidence_level)
    label_low, label_high = percentile_interval(label_distribution, confidence_level)
    return BootstrapResult(
        statistic=statistic,
        estimate=float(mean_over_labels(label_estimate[np.newaxis])[0]),
        low=float(low[0]),
        high=float(high[0]),
        distribution=distribution,
        label_names=label_names,
        label_estimate=label_estimate,
        label_low=label_low,
        label_high=label_high,
        label_distribution=label_distribution,
        confidence_level=confidence_level,
        n_patients=n_patients,
        resamples=resamples,
    )


def mean_over_labels(values: np.ndarray) -> np.ndarray:
    """Average each row, leaving out NaN; NaN for a row without values."""
    count = (~np.isnan(values)).sum(axis=1)
    return np.nansum(values, axis=1) / np.where(count > 0, count, np.nan)


def percentile_interval(distribution: np.ndarray, confidence_level: float) -> np.ndarray:
    """Return the percentile interval of each column, leaving out NaN: (2, n_columns)."""
    tail = (1 - confidence_level) / 2
    defined = ~np.isnan(distribution).all(axis=0)
    bounds = np.full((2, distribution.shape[1]), np.nan)
    bounds[:, defined] = np.nanquantile(distribution[:, defined], [tail, 1 - tail], axis=0)
    return bounds


def _check_same_resamples(caller: str, a: BootstrapResult, b: BootstrapResult) -> None:
    """Raise ECGError if two results differ in statistic or resamples."""
    if a.resamples != b.resamples or a.statistic != b.statistic:
        raise ECGError(
            f"{caller} expected results of one statistic on the same resamples; got "
            f"{a.statistic} and {b.statistic}, resamples {a.resamples} and {b.resamples}. "
            "Bootstrap both with the same Y, groups, n_resamples and an integer random_state."
        )
