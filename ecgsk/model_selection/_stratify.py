"""Iterative stratification of patients: each fold gets its share of every label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ecgsk.exceptions import ECGError


def label_matrix(caller: str, Y: Any, n_samples: int) -> np.ndarray:
    """Return what is to be balanced as a 0/1 matrix with one column a kind of record.

    A label gives one column, the records where it is 1. A label with NaN gives a second one,
    the records where it is 0: otherwise one fold could get all the unmeasured records. A
    one-dimensional multi-class target gives one column a class.

    Raises
    ------
    ECGError
        Y is missing, has another number of rows, or values other than 0, 1 and NaN.
    """
    if Y is None:
        raise ECGError(
            f"{caller} expected Y, the labels to balance; got None. Pass Y, or use "
            "sklearn.model_selection.GroupKFold where there are no labels."
        )
    if hasattr(Y, "columns"):  # nullable columns spell a missing value pd.NA
        Y = Y.to_numpy(dtype=float, na_value=np.nan)
    labels = np.asarray(Y)
    if labels.ndim not in (1, 2) or len(labels) != n_samples:
        raise ECGError(
            f"{caller} expected Y of shape ({n_samples}, n_labels) or ({n_samples},); "
            f"got {labels.shape}."
        )
    if labels.ndim == 1 and not _is_binary(labels):
        try:
            classes = np.unique(labels)
        except TypeError as error:
            raise ECGError(
                f"{caller} expected a one-dimensional Y to hold classes of one type, none "
                f"missing; got {error}. Fill or drop the missing ones."
            ) from error
        return (labels[:, np.newaxis] == classes).astype(float)
    if not _is_binary(labels):
        raise ECGError(
            f"{caller} expected labels 0, 1 or NaN (not measured) in Y; got dtype "
            f"{labels.dtype} with other values. Turn grades into 0, 1 or NaN first."
        )
    labels = labels.reshape(n_samples, -1).astype(float)
    partly_measured = np.isnan(labels).any(axis=0)
    return np.hstack([labels == 1, labels[:, partly_measured] == 0]).astype(float)


def _is_binary(labels: np.ndarray) -> bool:
    if labels.dtype.kind not in "biuf" and not _all_numbers(labels):
        return False
    values = labels.astype(float)
    return bool((np.isnan(values) | (values == 0) | (values == 1)).all())


def _all_numbers(labels: np.ndarray) -> bool:
    return labels.dtype == object and all(
        isinstance(value, int | float | np.number | np.bool_) for value in labels.ravel()
    )


def assign_patients(
    counts: np.ndarray, shares: Sequence[float], rng: np.random.RandomState | None
) -> np.ndarray:
    """Assign each patient to one part of a split.

    Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (ECML PKDD
    2011), with patients in place of records: the rarest label left goes first, its patients
    from the one with most of it downwards, each to the part that still lacks most of it;
    then to the part that lacks most records. Patients without any label come last, from the
    one with most records downwards.

    That looks at one label at a time, and a patient with many records and labels may spoil the
    others. So patients are moved afterwards, for as long as it makes all labels more even.

    Parameters
    ----------
    counts : ndarray of shape (n_patients, 1 + n_labels)
        Records of each patient, and how many of them carry each label.
    shares : sequence of float
        Share of each part; they sum to 1.
    rng : RandomState or None
        Breaks ties; None takes patients and parts in order.

    Returns
    -------
    ndarray of shape (n_patients,)
        Number of each patient's part.

    Examples
    --------
    >>> assign_patients(np.array([[2, 2], [1, 1], [1, 1], [4, 0]]), [0.5, 0.5], None)
    array([0, 1, 1, 0])
    """
    n_patients = len(counts)
    counts = counts.astype(float)
    order = np.arange(n_patients) if rng is None else rng.permutation(n_patients)
    wanted = np.outer(shares, counts.sum(axis=0))  # what each part still lacks
    left = counts[:, 1:].sum(axis=0)  # what no part has yet
    part = np.full(n_patients, -1)
    while left.any():
        label = 1 + int(np.argmin(np.where(left > 0, left, np.inf)))
        carriers = order[(part[order] < 0) & (counts[order, label] > 0)]
        for patient in carriers[np.argsort(-counts[carriers, label], kind="stable")]:
            part[patient] = _neediest(wanted, label, rng)
            wanted[part[patient]] -= counts[patient]
            left -= counts[patient, 1:]
    rest = order[part[order] < 0]
    for patient in rest[np.argsort(-counts[rest, 0], kind="stable")]:
        part[patient] = _neediest(wanted, 0, rng)
        wanted[part[patient]] -= counts[patient]
    _even_out(part, wanted, counts, order)
    return part


def _even_out(part: np.ndarray, wanted: np.ndarray, counts: np.ndarray, order: np.ndarray) -> None:
    """Move patients, in place, for as long as that makes the parts more even over all labels.

    Each move lowers the sum, over parts and labels, of the squares of what a part lacks of a
    label, relative to the label's records; all records count as one more label. A label with
    fewer patients than parts cannot be even. It weighs less, lest the long tail of such labels
    outvotes those that can be.
    """
    patients_with = np.minimum((counts > 0).sum(axis=0), len(wanted))
    weight = (patients_with / np.maximum(counts.sum(axis=0), 1)) ** 2
    moved = True
    while moved:
        moved = False
        for patient in order:
            here = part[patient]
            wanted[here] += counts[patient]
            need = wanted @ (weight * counts[patient])
            there = int(np.argmax(need))
            if need[there] > need[here] + 1e-9:  # rounding shall not move them to and fro
                part[patient] = there
                moved = True
            wanted[part[patient]] -= counts[patient]


def _neediest(wanted: np.ndarray, label: int, rng: np.random.RandomState | None) -> int:
    """Return the part that lacks most of `label`, then most records, then any."""
    best = np.flatnonzero(wanted[:, label] >= wanted[:, label].max() - 1e-9)
    best = best[wanted[best, 0] >= wanted[best, 0].max() - 1e-9]
    return int(best[0] if rng is None else rng.choice(best))
