"""Checked labels, probabilities and patients of a calibration, and patient weights."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.metrics.validation import check_labels_and_scores, check_same_rows


class CalibrationData(NamedTuple):
    """Y (0, 1, NaN) and P (in [0, 1]) of one shape, label names, patient numbers."""

    Y: np.ndarray
    P: np.ndarray
    names: tuple[str, ...]
    patients: np.ndarray


def read_calibration(
    caller: str, P: ArrayLike, Y: ArrayLike, groups: ArrayLike | None
) -> CalibrationData:
    """Check the input of a calibration; without groups, each record counts as a patient."""
    labels, probabilities, names = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, probabilities)
    if groups is None:
        patients = np.arange(len(labels))
    else:
        check_same_rows(caller, Y, groups, "groups")
        patients, _ = number_patients(caller, groups, len(labels))
    return CalibrationData(labels, probabilities, names, patients)


def name_labels(P: Any, Y: Any) -> list[str] | None:
    """Return the column names of the first DataFrame; None of arrays."""
    for table in (P, Y):
        if hasattr(table, "columns"):
            return [str(name) for name in table.columns]
    return None


def check_probabilities(caller: str, P: ArrayLike, n_labels: int | None = None) -> np.ndarray:
    """Return P as a matrix of floats in [0, 1], with a column for each label."""
    p = np.asarray(P, dtype=np.float64)
    p = p[:, None] if p.ndim == 1 else p
    if p.ndim != 2 or (n_labels is not None and p.shape[1] != n_labels):
        raise ECGError(
            f"{caller} expected P of shape (n_records, {n_labels or 'n_labels'}), as in fit; "
            f"got {np.shape(P)}."
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ECGError(
            f"{caller} expected probabilities from 0 to 1 in P; got values outside or NaN. "
            "Turn logits into probabilities with scipy.special.expit."
        )
    return p


def equal_patients(patients: np.ndarray) -> np.ndarray:
    """Return record weights that sum to 1 per patient, equal among a patient's records."""
    return 1 / np.bincount(patients)[patients] if len(patients) else np.empty(0)
