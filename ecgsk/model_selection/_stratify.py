"""Iterative stratification of patients over many labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ecgsk.exceptions import ECGError

_TOLERANCE = 1e-9  # rounding errors must not decide ties or move patients back and forth


def label_matrix(caller: str, Y: Any, n_samples: int) -> np.ndarray:
    """Return a 0/1 matrix with a column for each kind of record to balance.

    Each label has a column that marks the records where it is 1. A label with NaN has a second
    column that marks the records where it is 0; otherwise one fold could get all records
    without a measurement. A one-dimensional multi-class target has a column for each class.
    """
    if Y is None:
        raise ECGError(
            f"{caller} expected Y, the labels to balance; got None. Pass Y, or use "
            "sklearn.model_selection.GroupKFold without labels."
        )
    if hasattr(Y, "columns"):  # nullable columns hold pd.NA
        Y = Y.to_numpy(dtype=float, na_value=np.nan)
    labels = np.asarray(Y.toarray() if sparse.issparse(Y) else Y)
    if labels.ndim not in (1, 2) or len(labels) != n_samples:
        raise ECGError(
            f"{caller} expected Y of shape ({n_samples}, n_labels) or ({n_samples},); "
            f"got {labels.shape}. Pass the rows of groups."
        )
    if labels.ndim == 1 and not _is_binary(labels):
        try:
            classes = np.unique(labels)
        except TypeError as error:
            raise ECGError(
                f"{caller} expected a one-dimensional Y with classes of one type and none "
                f"missing; got {error}. Fill or drop missing classes."
            ) from error
        return (labels[:, np.newaxis] == classes).astype(float)
    if not _is_binary(labels):
        raise ECGError(
            f"{caller} expected labels 0, 1 or NaN (not measured) in Y; got dtype "
            f"{labels.dtype} with other values. Convert grades to 0, 1 or NaN first."
        )
    labels = labels.reshape(n_samples, -1).astype(float)
    partly_measured = np.isnan(labels).any(axis=0)
    return np.hstack([labels == 1, labels[:, partly_measured] == 0]).astype(float)


def _is_binary(labels: np.ndarray) -> bool:
    """Return whether all values are 0, 1 or NaN."""
    if labels.dtype.kind not in "biuf" and not _all_numbers(labels):
        return False
    values = labels.astype(float)
    return bool((np.isnan(values) | (values == 0) | (values == 1)).all())


def _all_numbers(labels: np.ndarray) -> bool:
    """Return whether an object array holds numbers and booleans alone."""
    return labels.dtype == object and all(
        isinstance(value, int | float | np.number | np.bool_) for value in labels.ravel()
    )


def assign_patients(
    counts: np.ndarray, shares: Sequence[float], rng: np.random.RandomState | None
) -> np.ndarray:
    """Assign each patient to one part of a split by iterative stratification.

    The algorithm is that of Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
    Multi-Label Data" (ECML PKDD 2011), with patients in place of records. It takes the rarest
    remaining label first, and of this label the patients with most records first. Each patient
    goes to the part that lacks most of the label, then to the part that lacks most records.
    Patients without labels come last, those with most records first.

    This balances one label at a time, and a patient with many records and labels may unbalance
    the others. Patients are therefore moved afterwards while that improves the balance of all
    labels.

    The columns of `counts` are the patient's number of records, then the number with each label.
    The `shares` sum to 1. `rng` breaks ties; None takes patients and parts in order.
    """
    n_patients = len(counts)
    counts = counts.astype(float)
    order = np.arange(n_patients) if rng is None else rng.permutation(n_patients)
    lacking = np.outer(shares, counts.sum(axis=0))  # for each part
    remaining = counts[:, 1:].sum(axis=0)  # not assigned to a part
    part = np.full(n_patients, -1)
    while remaining.any():
        label = 1 + int(np.argmin(np.where(remaining > 0, remaining, np.inf)))
        carriers = order[(part[order] < 0) & (counts[order, label] > 0)]
        for patient in carriers[np.argsort(-counts[carriers, label], kind="stable")]:
            part[patient] = _part_lacking_most(lacking, label, rng)
            lacking[part[patient]] -= counts[patient]
            remaining -= counts[patient, 1:]
    rest = order[part[order] < 0]
    for patient in rest[np.argsort(-counts[rest, 0], kind="stable")]:
        part[patient] = _part_lacking_most(lacking, 0, rng)
        lacking[part[patient]] -= counts[patient]
    _improve_balance(part, lacking, counts, order)
    return part


def _improve_balance(
    part: np.ndarray, lacking: np.ndarray, counts: np.ndarray, order: np.ndarray
) -> None:
    """Move patients between parts, in place, while that improves the balance of all labels.

    Each move lowers the sum over parts and labels of the squared number of lacking records,
    relative to the label's records. All records count as one more label. A label with fewer
    patients than parts cannot be balanced; it gets a smaller weight, so that many such labels
    do not dominate.
    """
    patients_with = np.minimum((counts > 0).sum(axis=0), len(lacking))
    weight = (patients_with / np.maximum(counts.sum(axis=0), 1)) ** 2
    moved = True
    while moved:
        moved = False
        for patient in order:
            current = part[patient]
            lacking[current] += counts[patient]
            need = lacking @ (weight * counts[patient])
            best = int(np.argmax(need))
            if need[best] > need[current] + _TOLERANCE:
                part[patient] = best
                moved = True
            lacking[part[patient]] -= counts[patient]


def _part_lacking_most(lacking: np.ndarray, label: int, rng: np.random.RandomState | None) -> int:
    """Return the part that lacks most of `label`, then most records, then the first or any."""
    best = np.flatnonzero(lacking[:, label] >= lacking[:, label].max() - _TOLERANCE)
    best = best[lacking[best, 0] >= lacking[best, 0].max() - _TOLERANCE]
    return int(best[0] if rng is None else rng.choice(best))
