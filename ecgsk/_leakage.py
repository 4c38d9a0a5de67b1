"""Hashes of training patients, used to warn about leakage.

A separately pre-trained encoder may have been trained on patients of a test fold.
Models store salted hashes, which identify a known patient without listing patients.
"""

import hashlib
import secrets
import warnings
from typing import Any, Literal

import numpy as np
import pandas as pd

from ecgsk.exceptions import LeakageWarning

#: Salt and sorted hashes of patients.
SeenPatients = tuple[str, np.ndarray]


_MESSAGES = {
    "scored": "its encoder was trained on {} of the {} patients that it is scored on, so the "
    "score may be too high. Pre-train without them, or pass the unfitted pretrainer, which is "
    "then fitted on the training set only.",
    "fitted": "it was trained on {} of the {} patients that it is scored on, so the score may be "
    "too high. Split by patient: ecgsk.model_selection.patient_split, or cross_validate with "
    "GroupKFold.",
    "calibrated": "its model was trained on {} of the {} calibration patients, and is "
    "overconfident on them. Calibrate on patients that no training stage used.",
}


def remember_patients(
    patients: Any, rows: np.ndarray, before: SeenPatients | None = None
) -> SeenPatients | None:
    """Return hashes of the patients in these rows, merged with earlier ones; None without any."""
    if patients is None:
        return before
    salt, known = (secrets.token_hex(8), np.empty(0, np.uint64)) if before is None else before
    return salt, np.union1d(known, _hashes(np.asarray(patients)[rows], salt))


def warn_of_seen_patients(
    owner: str,
    patients: Any,
    seen: SeenPatients | None,
    use: Literal["scored", "fitted", "calibrated"] = "scored",
) -> None:
    """Warn if a model is scored or calibrated on patients of its training set."""
    if seen is None or patients is None:
        return
    hashes = np.unique(_hashes(patients, seen[0]))
    n_seen = int(np.isin(hashes, seen[1]).sum())
    if n_seen:
        warnings.warn(
            f"{owner}: {_MESSAGES[use].format(n_seen, len(hashes))}",
            LeakageWarning,
            stacklevel=3 if use == "calibrated" else 4,
        )


def _hashes(names: Any, salt: str) -> np.ndarray:
    key = salt.encode()
    digests = (
        hashlib.blake2b(str(name).encode(), digest_size=8, key=key).digest()
        for name in pd.unique(pd.Series(np.asarray(names)))
    )
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
