"""Patient bootstrap of a score, and of the difference of two models' scores."""

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.metrics._result import BootstrapResult
from ecgsk.metrics.resampling import (
    Resamples,
    Statistic,
    bootstrap,
    bootstrap_pair,
    check_defined,
    check_statistic,
)
from ecgsk.metrics.validation import check_labels_and_scores


def patient_bootstrap(
    Y: ArrayLike,
    P: ArrayLike,
    *,
    groups: ArrayLike,
    statistic: Statistic = "roc_auc",
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> BootstrapResult:
    """Patient-bootstrap percentile interval of a score.

    The cluster bootstrap (Field and Welsh, *J. R. Stat. Soc. B* 69, 2007) draws patients with
    replacement, and each record gets its patient's count as weight. A bootstrap over records
    treats a patient's records as independent and gives intervals that are too narrow.

    The named statistics equal the ``masked_*`` functions of this module with their defaults.
    One sort or sum for each label serves all resamples, which is far faster than scikit-learn
    in a loop. The bins of the calibration error are those of the original data.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite, and in [0, 1] for the Brier score and the
        calibration error.
    groups : array-like of shape (n_samples,)
        Patient of each record.
    statistic : {"roc_auc", "average_precision", "f_max", "brier", "calibration_error"} or \
            callable, default="roc_auc"
        Score. A callable ``statistic(Y, P, sample_weight)`` takes arrays (Y may have NaN,
        weights may be 0) and returns a number or one value for each label, NaN where
        undefined. It is called once for each resample.
    n_resamples : int, default=1000
        Number of resamples.
    confidence_level : float, default=0.95
        Nominal coverage of the interval, in (0, 1).
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples. Results with the same integer, groups and Y share their
        resamples and can be subtracted; see :func:`paired_difference`.

    Returns
    -------
    BootstrapResult
        Macro score and per-label scores with intervals and distributions.

    Raises
    ------
    ECGError
        If the input is malformed, there are fewer than two patients, or no label has a score.

    Notes
    -----
    A resample may hold only one class of a rare label. The label is then NaN in that
    resample, and the macro mean leaves it out. The label's own interval is over the other
    resamples; ``to_frame()["n_resamples"]`` counts them.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import patient_bootstrap
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(100), 3)
    >>> Y = rng.integers(2, size=(300, 2))
    >>> auc = patient_bootstrap(Y, Y + 2 * rng.random((300, 2)), groups=groups, random_state=0)
    >>> print(auc)
    roc_auc 0.883 [0.858, 0.907] (95 % interval, 1000 resamples of 100 patients)
    """
    caller = "patient_bootstrap"
    data = check_labels_and_scores(caller, Y, P)
    check_statistic(caller, data, statistic)
    resamples = Resamples.from_groups(
        caller, groups, Y, data.Y, n_resamples, confidence_level, random_state
    )
    result = bootstrap(data, resamples, statistic)
    check_defined(caller, result, statistic)
    return result


def paired_difference(
    Y: ArrayLike,
    P_a: ArrayLike,
    P_b: ArrayLike,
    *,
    groups: ArrayLike,
    statistic: Statistic = "roc_auc",
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> BootstrapResult:
    """Patient-bootstrap percentile interval of the difference of two models' scores.

    Both models are scored on the same resampled patients. Their errors correlate, so the
    paired interval is narrower than two separate intervals suggest.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P_a, P_b : array-like or DataFrame of the same shape
        Scores of the two models; must be finite.
    groups : array-like of shape (n_samples,)
        Patient of each record.
    statistic, n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`.

    Returns
    -------
    BootstrapResult
        Score of `P_a` minus score of `P_b`: macro and for each label.

    Raises
    ------
    ECGError
        As in :func:`patient_bootstrap`.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import paired_difference
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(100), 3)
    >>> y = rng.integers(2, size=300)
    >>> better = y + rng.random(300)
    >>> worse = better + rng.random(300)
    >>> difference = paired_difference(y, better, worse, groups=groups, random_state=0)
    >>> bool(difference.low > 0)
    True
    """
    caller = "paired_difference"
    a, b = check_labels_and_scores(caller, Y, P_a), check_labels_and_scores(caller, Y, P_b)
    resamples = Resamples.from_groups(
        caller, groups, Y, a.Y, n_resamples, confidence_level, random_state
    )
    return bootstrap_pair(caller, a, b, resamples, statistic)[-1]
