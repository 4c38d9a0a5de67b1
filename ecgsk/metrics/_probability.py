"""Brier score and calibration error per label, over measured labels alone."""

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import Average, LabelScore, masked_score

Strategy = Literal["quantile", "uniform"]
N_BINS = 10


def masked_brier_score(
    Y: ArrayLike,
    P: ArrayLike,
    average: Average = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | np.ndarray:
    """Brier score per label: mean squared difference of probability and label.

    Equal to :func:`sklearn.metrics.brier_score_loss` if no label is missing; lower is better.
    Predicting the prevalence q for every record scores q (1 - q), so any model has a small
    score on a rare label. Compare models label by label.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities in [0, 1].
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, score of all measured cells pooled, or one value for
        each label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in [0, 1]; NaN for a label without measured records. A label with a single class
        has a score.

    Raises
    ------
    ECGError
        If the input is malformed, a score is outside [0, 1], or no label is measured.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import masked_brier_score
    >>> masked_brier_score([[0, 1], [1, np.nan]], [[.5, .5], [.5, 0]])
    0.25
    """
    return masked_score("masked_brier_score", BRIER, Y, P, average, sample_weight)


def masked_calibration_error(
    Y: ArrayLike,
    P: ArrayLike,
    average: Average = "macro",
    sample_weight: ArrayLike | None = None,
    *,
    n_bins: int = N_BINS,
    strategy: Strategy = "quantile",
) -> float | np.ndarray:
    """Calibration error (ECE) per label: mean gap of predicted and observed frequency.

    ``sum over bins of |sum of (p - y) in the bin| / n`` (Naeini et al., AAAI 2015). By default
    the bins hold equal numbers of records. The scores of rare labels lie near 0, where bins of
    equal width would put them all into one bin (Nixon et al., CVPR workshops 2019). Equal
    scores share a bin, so ties reduce the number of bins. The bins are those of
    :func:`ecgsk.metrics.calibration_curve`.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities in [0, 1].
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, score of all measured cells pooled, or one value for
        each label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record. The edges of the bins ignore the weights.
    n_bins : int, default=10
        Number of bins.
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins with equal numbers of measured records, or of equal width over [0, 1].

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in [0, 1], 0 is best; NaN for a label without measured records. A label
        with a single class has a score.

    Raises
    ------
    ECGError
        If the input is malformed, a score is outside [0, 1], or no label is measured.

    Notes
    -----
    On finite data a perfectly calibrated model has an error above 0, about
    ``sqrt(2 q (1 - q) n_bins / (pi n))`` for a label of prevalence q on n records. A bootstrap
    adds this noise again, so its interval may lie above the estimate. Compare two models on
    the same records instead of one model with 0.

    Examples
    --------
    >>> from ecgsk.metrics import masked_calibration_error
    >>> round(masked_calibration_error([0, 0, 1, 1], [.1, .1, .7, .9], n_bins=2), 3)
    0.15
    """
    check_bins("masked_calibration_error", n_bins, strategy)
    function = partial(_calibration_error, n_bins=n_bins, strategy=strategy)
    score = CALIBRATION_ERROR._replace(function=function)
    return masked_score("masked_calibration_error", score, Y, P, average, sample_weight)


def check_bins(caller: str, n_bins: int, strategy: str) -> None:
    """Raise ECGError if the number of bins or the strategy is invalid."""
    if n_bins < 1 or strategy not in ("quantile", "uniform"):
        raise ECGError(
            f"{caller} expected n_bins >= 1 and strategy 'quantile' or 'uniform'; "
            f"got {n_bins} and {strategy!r}. The defaults are 10 and 'quantile'."
        )


def bin_scores(p: np.ndarray, n_bins: int = N_BINS, strategy: Strategy = "quantile") -> np.ndarray:
    """Return the bin of each score, in [0, n_bins), as scikit-learn's calibration_curve does."""
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    return np.searchsorted(np.quantile(p, inner) if strategy == "quantile" else inner, p)


def _brier(y: np.ndarray, p: np.ndarray, sample_weight: np.ndarray) -> float:
    return float(np.average((p - y) ** 2, weights=sample_weight))


def _calibration_error(
    y: np.ndarray,
    p: np.ndarray,
    sample_weight: np.ndarray,
    n_bins: int = N_BINS,
    strategy: Strategy = "quantile",
) -> float:
    gap = np.bincount(bin_scores(p, n_bins, strategy), weights=sample_weight * (p - y))
    return float(np.abs(gap).sum() / sample_weight.sum())


BRIER = LabelScore(_brier, needs_both_classes=False, of_probabilities=True)
CALIBRATION_ERROR = LabelScore(_calibration_error, needs_both_classes=False, of_probabilities=True)
