"""What a bootstrap returns, and the share of a gap that it can judge."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ecgsk.exceptions import ECGError


@dataclass(frozen=True, eq=False, repr=False)
class BootstrapResult:
    """A score with its bootstrap interval, over labels (macro) and for each label.

    ``a - b`` is the paired difference of two results on the same resamples: same groups,
    same Y, same integer `random_state`, same `n_resamples`.

    Parameters
    ----------
    statistic : str
        Name of the score.
    estimate : float
        Macro score of the data as they are.
    low, high : float
        Bounds of the percentile interval of the macro score.
    distribution : ndarray of shape (n_resamples,)
        Macro score of each resample.
    label_names : tuple of str
        Names of the labels.
    label_estimate, label_low, label_high : ndarray of shape (n_labels,)
        The same for each label; NaN for a label with a single class.
    label_distribution : ndarray of shape (n_resamples, n_labels)
        Score of each label in each resample; NaN where only one class was drawn.
    confidence_level : float
        Coverage aimed at.
    n_patients : int
        Number of patients that were resampled.
    resamples : str
        Identity of the resamples: results can be subtracted where it is equal.

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
        """Number of labels without a score, since they have a single class."""
        return int(np.isnan(self.label_estimate).sum())

    def to_frame(self) -> Any:
        """Return a DataFrame with one row a label: estimate, low, high, n_resamples."""
        import pandas as pd  # here alone: scoring arrays needs no pandas

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
    """Share of a gap that was closed: 0 is none, 1 is all of it, below 0 a loss.

    Parameters
    ----------
    estimate : float
        The share; NaN where the multimodal arm is not better than the signal-only arm.
    low, high : float
        Bounds of the interval; infinite on the side where the data set no bound.
    distribution : ndarray of shape (n_resamples,)
        Share in each resample; NaN where the gap is zero or negative.
    gap : BootstrapResult
        The gap itself: multimodal - signal only.
    """

    estimate: float
    low: float
    high: float
    distribution: np.ndarray = field(repr=False)
    gap: BootstrapResult

    @property
    def bounded(self) -> bool:
        """Whether both bounds are finite."""
        return bool(np.isfinite([self.low, self.high]).all())


def gap_closed(
    ours: BootstrapResult, signal_only: BootstrapResult, multimodal: BootstrapResult
) -> GapClosed:
    """Return (ours - signal only) / (multimodal - signal only) with a bootstrap interval.

    The three results must share their resamples: same Y, groups, `n_resamples` and integer
    `random_state` in :func:`patient_bootstrap`.

    Parameters
    ----------
    ours : BootstrapResult
        The arm that learned from tables and sees the ECG alone.
    signal_only : BootstrapResult
        The arm that knows no table; trained for as long as `ours` in total.
    multimodal : BootstrapResult
        The arm that sees ECG and table: the upper bound.

    Returns
    -------
    GapClosed
        Share with interval, distribution, and the gap it refers to.

    Raises
    ------
    ECGError
        The results are not on the same resamples, or not of one statistic.

    Notes
    -----
    A share of a gap means something only where there is a gap. Resamples where multimodal is
    not better than signal only are NaN in the distribution and count as minus infinity for
    the lower bound and as plus infinity for the upper one. If more than ``(1 -
    confidence_level) / 2`` of the resamples are such, both bounds are therefore infinite:
    the data do not tell how much was closed (as Fieller's interval of a ratio is unbounded
    where its denominator is not distinguishable from zero). The bounds are values of the
    distribution, without interpolation. If the estimated gap is not positive, the estimate
    is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import gap_closed, patient_bootstrap
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(500), 2)
    >>> y = rng.integers(2, size=1000)
    >>> arms = {}
    >>> noise = rng.normal(size=1000)
    >>> for arm, spread in {"signal": 2.0, "ours": 1.6, "multimodal": 1.2}.items():
    ...     arms[arm] = patient_bootstrap(y, y + spread * noise, groups, random_state=0)
    >>> share = gap_closed(arms["ours"], arms["signal"], arms["multimodal"])
    >>> share.bounded, round(share.estimate, 2)
    (True, 0.39)
    """
    _check_same_resamples("gap_closed", ours, signal_only)
    _check_same_resamples("gap_closed", ours, multimodal)
    gain, gap = ours - signal_only, multimodal - signal_only
    share = np.full(len(gap.distribution), np.nan)
    exists = gap.distribution > 0
    share[exists] = gain.distribution[exists] / gap.distribution[exists]
    tail = (1 - ours.confidence_level) / 2
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
    """Average over labels and take percentiles over resamples."""
    distribution = mean_over_labels(label_distribution)
    low, high = interval(distribution[:, np.newaxis], confidence_level)
    label_low, label_high = interval(label_distribution, confidence_level)
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
    """Mean of each row over its labels that are not NaN; NaN where all are."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=1)
    count = known.sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def interval(distribution: np.ndarray, confidence_level: float) -> np.ndarray:
    """Percentile interval of each column over the resamples where it is known: (2, n)."""
    tail = (1 - confidence_level) / 2
    bounds = np.full((2, distribution.shape[1]), np.nan)
    for j, column in enumerate(distribution.T):
        known = column[~np.isnan(column)]
        if known.size:
            bounds[:, j] = np.quantile(known, [tail, 1 - tail])
    return bounds


def _check_same_resamples(caller: str, a: BootstrapResult, b: BootstrapResult) -> None:
    if a.resamples != b.resamples or a.statistic != b.statistic:
        raise ECGError(
            f"{caller} expected results of one statistic on the same resamples; got "
            f"{a.statistic} and {b.statistic}, resamples {a.resamples} and {b.resamples}. "
            "Bootstrap both with the same Y, groups, n_resamples and an integer random_state."
        )
