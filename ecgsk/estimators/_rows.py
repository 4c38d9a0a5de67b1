"""The rows of a fit: in an order that is not X's, each as often as it weighs.

A fit depends on what X holds, not on how its rows stand; and a record of weight 2
is that record twice. So sorted and repeated rows are the same fit, bit by bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.estimators._inputs import Inputs
from ecgsk.estimators._signals import Signals

# Weights outside are a mistake of scale: an epoch would have too many steps, or none.
_MEAN_WEIGHT = (0.01, 100.0)


@dataclass(frozen=True)
class Rows:
    """What a fit learns from: rows of X, ordered and repeated.

    Attributes
    ----------
    signals : Signals or None
        None for a model of the table alone.
    table : DataFrame or None
        The clinical columns; None where there are none.
    groups : ndarray of shape (n_rows,)
        Numbers of the patients. Where X names none, each distinct signal is one.
    numbers : ndarray of shape (n_rows,)
        The number that each row has in X.
    weight : ndarray of shape (n_rows,)
        Share of the epochs in which a row takes part, in (0, 1].
    scale : tuple of two ndarray of shape (n_leads,)
        Mean and standard deviation of each lead, in mV; empty without signals.
    """

    signals: Signals | None
    table: pd.DataFrame | None
    groups: np.ndarray
    numbers: np.ndarray
    weight: np.ndarray
    scale: tuple[np.ndarray, np.ndarray]


def arrange(inputs: Inputs, sample_weight: Any, owner: str) -> Rows:
    """Order and repeat the rows of a fit, and measure the leads' scale on the way.

    Every signal is read once, which also finds those that cannot be used and
    warns of what is missing. A table without signals keeps its order.

    Parameters
    ----------
    inputs : Inputs
        X as it stands.
    sample_weight : array-like of shape (n_records,) or None
        How often each record counts; fractions are drawn by chance, epoch by epoch.
    owner : str
        The estimator's name, for messages.

    Returns
    -------
    Rows
        A record of weight w stands ceil(w) times, each of weight w / ceil(w).
    """
    weight = check_weights(sample_weight, len(inputs), owner)
    used = np.flatnonzero(weight)
    signals, moments = inputs.signals, np.empty((len(used), 3, 0))
    groups = np.arange(len(used)) if inputs.groups is None else inputs.groups[used]
    if signals is not None:
        moments = signals.moments(used)
        signals.warn_of_missing()
        # Different signals differ in their sums; equal ones keep their order.
        sums = moments[:, 1:].sum(axis=2)
        order = np.lexsort(sums.T)
        used, moments, groups = used[order], moments[order], groups[order]
        if inputs.groups is None:  # the same record on both sides of a split would leak
            groups = np.unique(sums[order], axis=0, return_inverse=True)[1].reshape(-1)
    copies = np.ceil(weight[used]).astype(int)
    numbers, share = np.repeat(used, copies), np.repeat(weight[used] / copies, copies)
    return Rows(
        None if signals is None else signals.take(numbers),
        None if inputs.table is None else inputs.table.iloc[numbers],
        np.repeat(groups, copies),
        numbers,
        share,
        _scale(np.repeat(moments, copies, axis=0), share),
    )


def check_weights(sample_weight: Any, n_records: int, owner: str) -> np.ndarray:
    """Return one weight per record; ones for None."""
    if sample_weight is None:
        return np.ones(n_records)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_records,):
        raise ValueError(
            f"{owner} expected sample_weight of shape ({n_records},), one weight per record; got "
            f"{weight.shape}."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError(
            f"{owner} expected sample_weight to be finite and not negative. Give a record that "
            "is to take no part the weight 0."
        )
    if not weight.any():
        raise ValueError(f"{owner}: every sample_weight is zero; there is nothing to learn from.")
    mean = weight[weight > 0].mean()
    if not _MEAN_WEIGHT[0] <= mean <= _MEAN_WEIGHT[1]:
        raise ValueError(
            f"{owner}: a sample_weight says how often an epoch sees a record, and these are "
            f"{mean:.3g} on average. Divide them by their mean."
        )
    return weight


def _scale(moments: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each lead, from the records' moments."""
    count, total, squares = np.einsum("rml,r->ml", moments, share)
    count = np.maximum(count, np.finfo(float).tiny)
    mean = total / count
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
    # A lead that never moves, or is never there, stays as it is.
    scale[scale < 1e-6] = 1.0
    return mean, scale
