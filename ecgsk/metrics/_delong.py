"""DeLong's variance of AUROCs: a check that needs no resamples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from ecgsk.exceptions import ECGError
from ecgsk.metrics._validation import check_labels_and_scores


@dataclass(frozen=True, eq=False)
class DeLongResult:
    """AUROCs of one label with their covariance.

    Parameters
    ----------
    auc : ndarray of shape (n_models,)
        AUROC of each model: one or two.
    covariance : ndarray of shape (n_models, n_models)
        Covariance of the AUROCs.
    estimate : float
        AUROC of the model, or the first minus the second.
    variance : float
        Variance of `estimate`.
    low, high : float
        Bounds of its normal interval; those of an AUROC are kept in [0, 1].
    p_value : float
        Two-sided p-value of no difference; NaN for one model.
    """

    auc: np.ndarray
    covariance: np.ndarray
    estimate: float
    variance: float
    low: float
    high: float
    p_value: float


def delong(
    y: ArrayLike,
    p_a: ArrayLike,
    p_b: ArrayLike | None = None,
    *,
    confidence_level: float = 0.95,
) -> DeLongResult:
    """AUROC of one label, or the difference of two models', with DeLong's interval.

    A check, not the interval to report: it takes records for independent, and a patient's
    records are not. With one record a patient it agrees with :func:`patient_bootstrap` and
    :func:`paired_difference`; with several it is too narrow.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Label: 0, 1 or NaN where not measured.
    p_a : array-like of shape (n_samples,)
        Scores of a model.
    p_b : array-like of shape (n_samples,), optional
        Scores of a second model for the same records.
    confidence_level : float, default=0.95
        Coverage aimed at by the interval, in (0, 1).

    Returns
    -------
    DeLongResult
        AUROCs, covariance, estimate, variance, low, high, p_value.

    Raises
    ------
    ECGError
        The input is malformed or has fewer than two measured records of either class.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (*Biometrics* 44, 1988), by midranks in n log n (Sun and
    Xu, *IEEE Signal Process. Lett.* 21, 2014).

    Examples
    --------
    >>> from ecgsk.metrics import delong
    >>> result = delong([0, 0, 0, 1, 1, 1], [.1, .3, .5, .4, .6, .9], [.1, .9, .5, .4, .6, .7])
    >>> result.auc.round(3), round(result.estimate, 3), round(result.p_value, 3)
    (array([0.889, 0.556]), 0.333, 0.317)
    """
    caller = "delong"
    if not 0 < confidence_level < 1:
        raise ECGError(f"{caller} expected 0 < confidence_level < 1; got {confidence_level}.")
    models = [check_labels_and_scores(caller, y, p) for p in (p_a, p_b) if p is not None]
    labels = models[0].Y
    if labels.shape[1] != 1:
        raise ECGError(
            f"{caller} expected one label; got {labels.shape[1]}. Call it label by label."
        )
    positive, negative = labels[:, 0] == 1, labels[:, 0] == 0
    if positive.sum() < 2 or negative.sum() < 2:
        raise ECGError(
            f"{caller} expected two measured records of each class at least; got "
            f"{positive.sum()} of 1 and {negative.sum()} of 0."
        )
    components = [_components(data.P[positive, 0], data.P[negative, 0]) for data in models]
    of_positives, of_negatives = (np.stack(part) for part in zip(*components, strict=True))
    auc = of_positives.mean(axis=1)
    covariance = np.atleast_2d(np.cov(of_positives)) / positive.sum()
    covariance += np.atleast_2d(np.cov(of_negatives)) / negative.sum()
    contrast = np.array([1, -1])[: len(models)]
    estimate, variance = contrast @ auc, max(contrast @ covariance @ contrast, 0)
    half = norm.isf((1 - confidence_level) / 2) * np.sqrt(variance)
    low, high = estimate - half, estimate + half
    if len(models) == 1:
        low, high = max(low, 0), min(high, 1)
    return DeLongResult(
        auc,
        covariance,
        float(estimate),
        float(variance),
        float(low),
        float(high),
        p_value=_p_value(estimate, variance) if len(models) == 2 else np.nan,
    )


def _components(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the other class that each positive beats, and each negative is beaten by."""
    m, n = len(positives), len(negatives)
    ranks = rankdata(np.concatenate([positives, negatives]))
    beaten = (ranks[:m] - rankdata(positives)) / n
    return beaten, 1 - (ranks[m:] - rankdata(negatives)) / m


def _p_value(difference: float, variance: float) -> float:
    if variance > 0:
        return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))
    return float(difference == 0)
