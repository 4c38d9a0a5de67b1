"""Signals that occur twice."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding
from ecgsk.signals import ECGArray
from ecgsk.signals.columns import find_ecg_column

_BATCH = 256
#: Signals of at most this size are read without being asked for, in some 10 s.
MAX_BYTES = 500_000_000


def signal_bytes(X: pd.DataFrame) -> int:
    """Return the size of the signals in memory, as float32; 0 without a column of ECGs."""
    column = find_ecg_column(X)
    if column is None:
        return 0
    array = X[column].array
    return len(array) * len(array.leads) * array.n_samples * 4


def digest_signals(X: pd.DataFrame) -> np.ndarray:
    """Return a digest of each record's samples; 0 for missing and constant records."""
    array: ECGArray = X[find_ecg_column(X)].array
    digests = np.zeros(len(array), dtype=np.uint64)
    for start in range(0, len(array), _BATCH):
        x = array.read(np.arange(start, min(start + _BATCH, len(array)))) + np.float32(0)
        is_flat = np.fmax.reduce(x, axis=(1, 2)) <= np.fmin.reduce(x, axis=(1, 2))
        x[np.isnan(x)] = np.nan  # one bit pattern
        for place in np.flatnonzero(~(is_flat | np.isnan(x).all(axis=(1, 2)))):
            digest = hashlib.blake2b(x[place].tobytes(), digest_size=8).digest()
            digests[start + place] = np.frombuffer(digest, dtype=np.uint64)[0]
    return digests


def check_signals(table: Table) -> Iterator[Finding]:
    """Find records with the same samples, in one patient or in several."""
    if table.digests is None:
        return
    n_shared, n_other = count_repeats(table.digests, table.patients)
    for count, severity, whose in ((n_other, "warning", "another"), (n_shared, "note", "the same")):
        if not count:
            continue
        of = f"one of {whose} patient" if table.patients is not None else "one"
        yield Finding(
            severity,  # type: ignore[arg-type]
            "duplicate signal",
            (),
            count,
            f"{count:,} records have the same samples as an earlier {of}.",
            "Keep one of each, and check the patient: a copy in training and test is a leak.",
            can_be_meant=False,
        )


def count_repeats(digests: np.ndarray, patients: np.ndarray | None) -> tuple[int, int]:
    """Count records that repeat an earlier one of the same patient, and of another patient.

    A digest of 0 is no signal. Without patients every repeat may be of another.
    """
    used = np.flatnonzero(digests)
    frame = pd.DataFrame({"digest": digests[used]})
    frame["patient"] = used if patients is None else patients[used]
    is_repeat = frame["digest"].duplicated().to_numpy()
    first = frame.groupby("digest", sort=False)["patient"].transform("first")
    is_other = is_repeat & (first != frame["patient"]).to_numpy()
    return int((is_repeat & ~is_other).sum()), int(is_other.sum())
