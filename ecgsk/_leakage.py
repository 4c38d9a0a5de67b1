"""Whom a model has seen, and whether it is scored or calibrated on them.

An encoder pre-trained elsewhere may have seen the very patients of a test fold.
What is kept are salted hashes: enough to recognise a patient, too little to list
them.
"""

import hashlib
import secrets
import warnings
from typing import Any, Literal

import numpy as np
import pandas as pd

from ecgsk.exceptions import LeakageWarning

# Salt, and sorted hashes.
SeenPatients = tuple[str, np.ndarray]


_MESSAGES = {
    "scored": "its encoder has seen {} of the {} patients that it is scored on, so the score may "
    "be too good. Pre-train without them, or give the pretrainer itself, which is then fitted on "
    "the training side alone.",
    "calibrated": "its model has seen {} of the {} patients that calibrate it, and is surer of "
    "them than of others. Calibrate on patients that no stage of its training had.",
}


def remember_patients(
    patients: Any, rows: np.ndarray, before: SeenPatients | None = None
) -> SeenPatients | None:
    """Return the patients of a fit's rows, beside those seen before; None where nobody is named."""
    if patients is None:
        return before
    salt, known = (secrets.token_hex(8), np.empty(0, np.uint64)) if before is None else before
    return salt, np.union1d(known, _hashes(np.asarray(patients)[rows], salt))


def warn_of_seen_patients(
    owner: str,
    patients: Any,
    seen: SeenPatients | None,
    use: Literal["scored", "calibrated"] = "scored",
) -> None:
    """Warn where a model is scored or calibrated on patients that some stage of it learned from."""
    if seen is None or patients is None:
        return
    hashes = np.unique(_hashes(patients, seen[0]))
    n_seen = int(np.isin(hashes, seen[1]).sum())
    if n_seen:
        warnings.warn(
            f"{owner}: {_MESSAGES[use].format(n_seen, len(hashes))}",
            LeakageWarning,
            stacklevel=3,
        )


def _hashes(names: Any, salt: str) -> np.ndarray:
    key = salt.encode()
    digests = (
        hashlib.blake2b(str(name).encode(), digest_size=8, key=key).digest()
        for name in pd.unique(pd.Series(np.asarray(names)))
    )
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
