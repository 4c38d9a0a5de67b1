"""Training rows in an order independent of X's, repeated by ``sample_weight``.

A fit depends on the records and not on their order, and a record of weight 2 is that record
twice: sorted and repeated rows give the same fit, bit by bit.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import ecgsk.estimators._engine as engine
from ecgsk._missing_rows import check_some_records, warn_of_missing_records
from ecgsk.checks.signals import count_repeats
from ecgsk.estimators._inputs import Inputs
from ecgsk.exceptions import TableWarning
from ecgsk.training.signals import Signals

# Mean weights outside are an error of scale: an epoch would have too many steps, or none.
_MIN_MEAN_WEIGHT, _MAX_MEAN_WEIGHT = 0.01, 100.0
# A lead whose amplitude is more than this many times that of the median record does not count
# for the scale. None is in PTB-XL and LUDB, and 3 of 922 simulated records have such a lead.
_MAX_AMPLITUDE_RATIO = 5.0


@dataclass(frozen=True)
class TrainingRows:
    """Rows of X, ordered and repeated.

    `signals` is None for a model of the table alone, `table` if there are no clinical columns.
    `groups` are patient numbers; if X names none, each distinct signal is a patient. `numbers`
    are rows of X, and `weight` is the share of the epochs in which a row takes part, in (0, 1].
    `scale` is mean and standard deviation of each lead, in mV; empty without signals.
    """

    signals: Signals | None
    table: pd.DataFrame | None
    groups: np.ndarray
    numbers: np.ndarray
    weight: np.ndarray
    scale: tuple[np.ndarray, np.ndarray]

    def __len__(self) -> int:
        return len(self.numbers)

    def dataset(
        self, table: np.ndarray | None = None, targets: np.ndarray | None = None
    ) -> engine.BatchDataset:
        """Return the dataset of all rows, with a scaled table and targets."""
        return engine.BatchDataset(self.signals, table, targets, self.weight)


def order_training_rows(
    inputs: Inputs, weight: np.ndarray, *, digest: bool = False
) -> TrainingRows:
    """Order and repeat the rows of a fit, and estimate the scale of the leads.

    A record of weight w is repeated ceil(w) times, each of weight w / ceil(w); fractions are
    sampled epoch by epoch. Every signal is read once, which also finds those that cannot be
    used and warns of missing samples; `digest` hashes it too, for a checkpoint. A table without
    signals keeps its order.
    """
    used = np.flatnonzero(weight)
    signals, moments = inputs.signals, np.empty((len(used), 3, 0))
    groups = np.arange(len(used)) if inputs.groups is None else inputs.groups[used]
    if signals is not None:
        moments = signals.moments(used, digest=digest)
        signals.warn_of_missing()
        # Different signals differ in their sums; equal ones keep their order.
        sums = moments[:, 1:].sum(axis=2)
        if inputs.groups is not None:
            _warn_of_copies(sums, groups, signals.owner)
        order = np.lexsort(sums.T)
        used, moments, groups = used[order], moments[order], groups[order]
        if inputs.groups is None:  # the same record on both sides of a split would leak
            groups = np.unique(sums[order], axis=0, return_inverse=True)[1].reshape(-1)
    copies = np.ceil(weight[used]).astype(int)
    numbers, share = np.repeat(used, copies), np.repeat(weight[used] / copies, copies)
    return TrainingRows(
        None if signals is None else signals.take(numbers),
        None if inputs.table is None else inputs.table.iloc[numbers],
        np.repeat(groups, copies),
        numbers,
        share,
        _scale(np.repeat(moments, copies, axis=0), share),
    )


def _warn_of_copies(sums: np.ndarray, groups: np.ndarray, owner: str) -> None:
    """Warn of equal signals of different patients, which a split would put on both sides.

    Records are compared by their sums and sums of squares, which were computed anyway.
    """
    keys = pd.util.hash_pandas_object(pd.DataFrame(sums), index=False).to_numpy()
    _, n_copies = count_repeats(np.where(sums.any(axis=1), keys, 0), groups)
    if n_copies:
        warnings.warn(
            f"{owner}: {n_copies} records have the signal of an earlier one of another patient. "
            "Check the patients: a copy in training and test is a leak. check_table(X) finds "
            "them.",
            TableWarning,
            stacklevel=5,
        )


def training_weights(sample_weight: Any, inputs: Inputs, owner: str) -> np.ndarray:
    """Return one weight per record, 0 for a missing one; warn of their number."""
    weight = check_weights(sample_weight, len(inputs), owner)
    if inputs.signals is not None and (missing := inputs.signals.missing).any():
        check_some_records(owner, missing | (weight == 0))
        warn_of_missing_records(owner, missing, "left out of training")
        weight = np.where(missing, 0.0, weight)
    return weight


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
            f"{owner} expected sample_weight to be finite and not negative. Give the weight 0 to "
            "a record that is to take no part."
        )
    if not weight.any():
        raise ValueError(f"{owner}: every sample_weight is zero. Give some records a weight.")
    mean = weight[weight > 0].mean()
    if not _MIN_MEAN_WEIGHT <= mean <= _MAX_MEAN_WEIGHT:
        raise ValueError(
            f"{owner}: a sample_weight is how often an epoch uses a record, and these are "
            f"{mean:.3g} on average. Divide them by their mean."
        )
    return weight


def _scale(moments: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each lead, without records of outlying amplitude."""
    count, total, squares = np.einsum("rml,r->ml", moments * _is_typical(moments), share)
    count = np.maximum(count, np.finfo(float).tiny)
    mean = total / count
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
    # A lead that is constant or missing in all records is not scaled.
    scale[scale < 1e-6] = 1.0
    return mean, scale


def _is_typical(moments: np.ndarray) -> np.ndarray:
    """Return which records count for the scale of a lead, of shape (n_rows, 1, n_leads).

    An amplitude is the root mean square about the middle mean of all records. The lower
    median is one of the values, so that it is robust in two records too.
    """
    count, total, squares = np.moveaxis(moments, 1, 0)
    present = count > 0
    count = np.maximum(count, 1)
    means = total / count
    centre = _lower_median(means, present)
    amplitude = np.sqrt(np.maximum(squares / count - 2 * centre * means + centre**2, 0))
    return (amplitude <= _MAX_AMPLITUDE_RATIO * _lower_median(amplitude, present))[:, None]


def _lower_median(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return the lower median of each column's present values; 0 without one."""
    ordered = np.sort(np.where(present, values, np.inf), axis=0)
    middle = np.maximum(present.sum(axis=0) - 1, 0) // 2
    median = np.take_along_axis(ordered, middle[None], axis=0)[0]
    return np.where(present.any(axis=0), median, 0)
