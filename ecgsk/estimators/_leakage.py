"""Whom a model has seen, and whether it is scored on them.

An encoder pre-trained elsewhere may have seen the very patients of a test fold.
What is kept are salted hashes: enough to recognise a patient, too little to list
them.
"""

import hashlib
import secrets
import warnings
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import LeakageWarning

# Salt, and sorted hashes.
SeenPatients = tuple[str, np.ndarray]


def remember_patients(
    estimator: Any, X: Any, groups: Any, rows: np.ndarray, before: SeenPatients | None = None
) -> SeenPatients | None:
    """Return the patients of a fit's rows, beside those seen before; None where nobody is named."""
    names = _names(estimator, X) if groups is None else groups
    if names is None:
        return before
    salt, known = (secrets.token_hex(8), np.empty(0, np.uint64)) if before is None else before
    return salt, np.union1d(known, _hashes(np.asarray(names)[rows], salt))


def warn_of_seen_patients(estimator: Any, X: Any, seen: SeenPatients | None) -> None:
    """Warn where a model is scored on patients that its encoder learned from."""
    names = _names(estimator, X)
    if seen is None or names is None:
        return
    scored = np.unique(_hashes(names, seen[0]))
    n_seen = int(np.isin(scored, seen[1]).sum())
    if n_seen:
        warnings.warn(
            f"{type(estimator).__name__}: its encoder has seen {n_seen} of the {len(scored)} "
            "patients that it is scored on, so the score may be too good. Pre-train without "
            "them, or give the pretrainer itself, which is then fitted on the training side alone.",
            LeakageWarning,
            stacklevel=3,
        )


def _names(estimator: Any, X: Any) -> Any:
    if isinstance(X, pd.DataFrame) and estimator.group_column in X.columns:
        return X[estimator.group_column]
    return None


def _hashes(names: Any, salt: str) -> np.ndarray:
    key = salt.encode()
    digests = (
        hashlib.blake2b(str(name).encode(), digest_size=8, key=key).digest()
        for name in pd.unique(pd.Series(np.asarray(names)))
    )
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
