"""Predictions for windows of recordings, combined to those of records or patients."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgsk._alignment import check_row_order
from ecgsk._patients import number_patients

_NAME = "aggregate_windows"
_HOW = ("mean", "max", "noisy_or")


def aggregate_windows(P: Any, groups: ArrayLike, how: str = "mean") -> pd.DataFrame | pd.Series:
    r"""Combine probabilities of windows to those of records or patients.

    .. versionadded:: 0.1

    Parameters
    ----------
    P : DataFrame, Series or array-like of shape (n_windows, n_labels) or (n_windows,)
        Probabilities. Windows that are NaN, as those which a
        :class:`~ecgsk.preprocessing.QualityGate` refused, are left out, label by label.
    groups : array-like of shape (n_windows,)
        Record or patient of each window, such as ``windows["record"]`` or
        ``windows["subject_id"]`` of `ecgsk.preprocessing.cut_windows`.
    how : {"mean", "max", "noisy_or"}, default="mean"
        ``"mean"`` is the probability of an average window, for what is there throughout: a
        bundle branch block, a laboratory value. It does not depend on the number of windows,
        and so it is the default. ``"max"`` is the most likely window, and
        ``"noisy_or"`` the probability that any window has it, :math:`1 - \prod_i (1 - p_i)`,
        if windows were independent [1]_. Both are for what comes and goes, such as
        paroxysmal atrial fibrillation. Both grow with the number of windows, so their
        thresholds must be chosen on recordings of the same length.

    Returns
    -------
    DataFrame or Series
        One row per group, in the order in which groups occur in `groups`; a Series for P of
        one dimension. NaN where no window has a probability.

    Raises
    ------
    ValueError
        For another `how`, or P that are no probabilities.
    ECGError
        When `groups` has another length or is incomplete.

    See Also
    --------
    ecgsk.preprocessing.cut_windows : Cut recordings into windows.

    References
    ----------
    .. [1] Pearl, "Probabilistic reasoning in intelligent systems", 1988, section 4.3.

    Examples
    --------
    >>> P = pd.DataFrame({"AF": [0.2, 0.4, 0.9, np.nan]})
    >>> aggregate_windows(P, ["a", "a", "b", "b"])
        AF
    a  0.3
    b  0.9
    >>> aggregate_windows(P, ["a", "a", "b", "b"], how="noisy_or")
         AF
    a  0.52
    b  0.90
    """
    if how not in _HOW:
        raise ValueError(f"{_NAME}: expected how to be one of {_HOW}, got {how!r}.")
    check_row_order(_NAME, P, "P", groups=groups)
    frame = pd.DataFrame(P).astype(np.float64)
    numbers, names = number_patients(_NAME, groups, len(frame))
    values = frame.to_numpy()
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(
            f"{_NAME}: expected probabilities from 0 to 1 or NaN, got {values[outside][0]:g}. Pass "
            "predict_proba of a model."
        )
    # In the order in which the groups occur.
    first = np.unique(numbers, return_index=True)[1]
    order = np.argsort(first)
    with np.errstate(divide="ignore"):  # a window of probability 1
        values = np.log1p(-values) if how == "noisy_or" else values
    grouped = pd.DataFrame(values, columns=frame.columns).groupby(numbers)
    if how == "noisy_or":
        logs = grouped.sum(min_count=1)
        out = pd.DataFrame(-np.expm1(logs.to_numpy()), columns=logs.columns)
    else:
        out = grouped.mean() if how == "mean" else grouped.max()
    name = groups.name if isinstance(groups, (pd.Series, pd.Index)) else None
    out = out.iloc[order].set_axis(pd.Index(names[order], name=name))
    if np.ndim(P) == 1:
        return out.iloc[:, 0].rename(getattr(P, "name", None))
    return out
