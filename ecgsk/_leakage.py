"""Filter of training patients, used to warn about leakage.

A separately pre-trained encoder may have been trained on patients of a test fold. Models
store a filter of their patients (Bloom 1970, one hash) that is wrong often enough to hide
each of them: of patients who took no part it reports a stated share too (Bianchi et al.,
"Better than nothing privacy with Bloom filters", 2012). Many patients are still detected
together, by the number of those reported beyond this share.
"""

import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.special import bdtrc

from ecgsk.exceptions import LeakageWarning

# Bits per patient, before rounding up to a power of two: 22 to 39 % of the bits are set.
_BITS_PER_PATIENT = 2
# Share of honest test sets that a filter warns about.
_FALSE_ALARMS = 0.001

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


@dataclass(frozen=True, eq=False)
class SeenPatients:
    """Number of training patients and records, and a filter of the patients.

    The process that fitted the model also has the hashes, and counts exactly. Copies in
    pickles and saved models have the fields below only.

    The hash has no salt: the filters of several models of one patient report the same strangers.
    With a salt, each further filter would clear most of them, and so reveal the patients.

    Attributes
    ----------
    n_patients : int
        Training patients, those of earlier stages included; an upper bound where filters
        alone were merged.
    n_records : int
        Training records of the last stage.
    bits : ndarray of uint8
        One bit for each interval of hashes: 1 if it holds a training patient.
    """

    n_patients: int
    n_records: int
    bits: np.ndarray = field(repr=False)

    _hashes = None  # no field: stays in this process

    def __post_init__(self) -> None:
        """Raise ValueError for bits that are no filter, such as those of a damaged file."""
        n_bits = 8 * self.bits.size
        if (
            self.bits.dtype != np.uint8
            or self.bits.ndim != 1
            or not n_bits
            or n_bits & (n_bits - 1)
        ):
            raise ValueError(
                "SeenPatients expected bits as uint8, a power of two of them; got "
                f"{self.bits.dtype} of shape {self.bits.shape}. Copy the model again."
            )

    @classmethod
    def of(cls, hashes: np.ndarray, n_records: int) -> Self:
        """Build the filter of distinct sorted hashes."""
        n_bits = max(8, 1 << (_BITS_PER_PATIENT * len(hashes) - 1).bit_length())
        is_set = np.zeros(n_bits, dtype=bool)
        is_set[_positions(hashes, n_bits)] = True
        seen = cls(len(hashes), n_records, np.packbits(is_set))
        object.__setattr__(seen, "_hashes", hashes)
        return seen

    @property
    def false_positive_rate(self) -> float:
        """Probability that the filter reports a patient who took no part in training."""
        return float(np.unpackbits(self.bits).mean())

    def merge(self, earlier: "SeenPatients") -> "SeenPatients":
        """Return these patients and those of an earlier stage."""
        if self._hashes is not None and earlier._hashes is not None:
            return SeenPatients.of(np.union1d(self._hashes, earlier._hashes), self.n_records)
        first, second = (np.unpackbits(seen.bits).astype(bool) for seen in (self, earlier))
        n_bits = max(len(first), len(second))  # powers of two, so that intervals are nested
        bits = [np.repeat(part, n_bits // len(part)) for part in (first, second)]
        n_patients = self.n_patients + earlier.n_patients
        return SeenPatients(n_patients, self.n_records, np.packbits(bits[0] | bits[1]))

    def count(self, patients: Any) -> tuple[int, int, bool]:
        """Count these patients and the training patients among them.

        Return both numbers, and whether the second is exact. An estimate by the filter is 0
        unless it reports more than chance does in 99.9 % of honest test sets.
        """
        hashes = hash_patients(patients)
        if self._hashes is not None:
            return len(hashes), int(np.isin(hashes, self._hashes).sum()), True
        n, rate = len(hashes), self.false_positive_rate
        n_reported = int(self.reports(hashes).sum())
        if not n_reported or rate == 1 or bdtrc(n_reported - 1, n, rate) > _FALSE_ALARMS:
            return n, 0, False
        return n, max(1, round((n_reported - n * rate) / (1 - rate))), False

    def reports(self, hashes: np.ndarray) -> np.ndarray:
        """Return whether the filter reports each hash; always true of training patients."""
        positions = _positions(hashes, 8 * len(self.bits))
        return (self.bits[positions >> 3] >> (7 - (positions & 7)) & 1).astype(bool)

    def __eq__(self, other: object) -> bool:
        """Compare what a saved model holds."""
        return isinstance(other, SeenPatients) and (
            (self.n_patients, self.n_records) == (other.n_patients, other.n_records)
            and np.array_equal(self.bits, other.bits)
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the hashes out of pickles."""
        return SeenPatients, (self.n_patients, self.n_records, self.bits)

    def __deepcopy__(self, memo: dict) -> Self:
        """Return the same object, which never changes, with the hashes."""
        return self


def remember_patients(
    patients: Any, rows: np.ndarray, before: SeenPatients | None = None
) -> SeenPatients | None:
    """Return the patients in these rows, merged with earlier ones; None without any."""
    if patients is None:
        return before
    rows = np.unique(rows)
    seen = SeenPatients.of(hash_patients(np.asarray(patients)[rows]), len(rows))
    return seen if before is None else seen.merge(before)


def warn_of_seen_patients(
    owner: str,
    patients: Any,
    seen: SeenPatients | None,
    use: Literal["scored", "fitted", "calibrated"] = "scored",
) -> None:
    """Warn if a model is scored or calibrated on patients of its training set."""
    if seen is None or patients is None:
        return
    n, n_seen, is_exact = seen.count(patients)
    if n_seen:
        count = str(n_seen) if is_exact else f"about {n_seen}"
        level = 3 if use == "calibrated" else 4
        warnings.warn(f"{owner}: {_MESSAGES[use].format(count, n)}", LeakageWarning, level)


def hash_patients(names: Iterable[Any]) -> np.ndarray:
    """Return the sorted distinct hashes of patients, which are compared as text."""
    digests = (
        hashlib.blake2b(str(name).encode(), digest_size=8).digest()
        for name in pd.unique(pd.Series(np.asarray(names)))
    )
    return np.unique(np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64))


def _positions(hashes: np.ndarray, n_bits: int) -> np.ndarray:
    """Return the interval of each hash, of `n_bits` equal ones."""
    shift = np.uint64(64 - (n_bits.bit_length() - 1))
    return (hashes >> shift).astype(np.int64)
