"""ECGs as input of a model: screened, with missing samples and flat leads as NaN."""

import hashlib
import warnings
import zlib
from typing import Self

import numpy as np

from ecgsk.exceptions import ECGError, SignalQualityError, SignalQualityWarning, UnitError
from ecgsk.signals import ECGArray
from ecgsk.signals.record_quality import describe_signals
from ecgsk.signals.screening import INFINITE, NO_SIGNAL, TOO_LARGE, TOO_SMALL, is_clean, screen
from ecgsk.signals.storage import INT16_NAN

_BATCH = 256  # records read at once
_NAMED_RECORDS = 20  # records that a message names
_DESCRIBED_RECORDS = 5  # of these, records whose problem it describes
_DIGEST_BYTES = 16
_STATE_UNIT = "State the unit where the samples are read, such as ECGArray.from_numpy(x, ..., "
_REFUSALS = {
    INFINITE: "{owner} expected finite samples in mV; rows {rows} hold infinity. A missing sample "
    "is NaN.",
    TOO_LARGE: "{owner}: expected samples in mV, with amplitudes near 1; rows {rows} have far "
    f"larger ones, as microvolts have. {_STATE_UNIT}unit='uV'), or drop these records: {{drop}}.",
    TOO_SMALL: "{owner}: expected samples in mV, with amplitudes near 1; rows {rows} stay within "
    f"10 uV in every lead, as volts do. {_STATE_UNIT}unit='V'), or drop these records: {{drop}}.",
    NO_SIGNAL: "{owner} expected at least one lead with a signal per record; rows {rows} have "
    "none: every lead is missing or flat. Drop them first: {drop}.",
}


class UnnamedSignals:
    """Rows of a plain array of ECGs in mV, uncopied, without lead names or sampling rate."""

    leads = None
    sampling_rate = None

    def __init__(self, samples: np.ndarray, rows: np.ndarray | None = None):
        self.samples = samples
        self._rows = np.arange(len(samples)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def n_samples(self) -> int:
        """Samples per lead."""
        return self.samples.shape[2]

    def take(self, rows: np.ndarray) -> "UnnamedSignals":
        """Return a view of some rows."""
        return UnnamedSignals(self.samples, self._rows[rows])

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of the samples of some rows."""
        return self.samples[self._rows[rows]]

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Return a copy of the samples of some rows, and the gain 1 per mV."""
        return self.read(rows), 1.0


class Signals:
    """ECGs as input of a model: missing samples and flat leads are NaN.

    Each record is screened by itself when it is first read; a complete one is not screened
    again. Messages begin with `owner` and name the rows of X in `numbers`. `digests` has one
    hash per record once `moments` has been asked for them.
    """

    digests: np.ndarray | None = None

    def __init__(self, source: ECGArray | np.ndarray, owner: str):
        self.owner = owner
        self.source = source if isinstance(source, ECGArray) else UnnamedSignals(source)
        self.numbers = np.arange(len(source))
        self._complete = np.zeros(len(source), dtype=bool)
        self._incomplete: set[int] = set()  # rows in X
        self._problems: dict[int, str] = {}  # of the first incomplete rows

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> Self:
        """Return a view of some rows, in order; checked records stay checked."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.source = self.source.take(rows)
        view.numbers, view._complete = self.numbers[rows], self._complete[rows]
        view.digests = None if self.digests is None else self.digests[rows]
        return view

    @property
    def is_named(self) -> bool:
        """True if leads and sampling rate are known."""
        return isinstance(self.source, ECGArray)

    @property
    def leads(self) -> tuple[str, ...] | None:
        """Lead names, or None for a plain array."""
        return self.source.leads

    @property
    def sampling_rate(self) -> float | None:
        """Sampling rate in Hz, or None for a plain array."""
        return self.source.sampling_rate

    @property
    def shape(self) -> tuple[int, int]:
        """Number of leads and of samples."""
        if isinstance(self.source, ECGArray):
            return len(self.source.leads), self.source.n_samples
        return self.source.samples.shape[1], self.source.n_samples

    @property
    def missing(self) -> np.ndarray:
        """Which rows have no record; none of a plain array."""
        if isinstance(self.source, ECGArray):
            return self.source.isna()
        return np.zeros(len(self), dtype=bool)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 of shape (n_rows, n_leads, n_samples), in mV."""
        x = self.source.read(rows)
        return x if self._complete[rows].all() else self._check(x, rows)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Return samples as they are stored, and their units per mV; see ``ECGArray.read_raw``."""
        if not self.is_named:
            return self.read(rows), 1.0
        raw, gain = self.source.read_raw(rows)
        unchecked = ~self._complete[rows]
        if unchecked.any():
            missing = np.isnan(self._check(self.source.read(rows[unchecked]), rows[unchecked]))
            nan = INT16_NAN if raw.dtype == np.int16 else np.nan
            raw[unchecked] = np.where(missing, nan, raw[unchecked])
        return raw, gain

    def moments(self, rows: np.ndarray, *, digest: bool = False) -> np.ndarray:
        """Return number, sum and sum of squares of each record's samples, per lead.

        Reads and screens every record once, and hashes it into `digests` if asked to. The
        shape is (n_rows, 3, n_leads), in float64.
        """
        out = np.empty((len(rows), 3, self.shape[0]))
        if digest:
            self.digests = np.zeros((len(self), _DIGEST_BYTES), dtype=np.uint8)
        for start in range(0, len(rows), _BATCH):
            x = self.read(rows[start : start + _BATCH])
            present = ~np.isnan(x)
            x64 = np.where(present, x, 0).astype(np.float64)
            batch = out[start : start + _BATCH]
            batch[:, 0], batch[:, 1] = present.sum(axis=2), x64.sum(axis=2)
            batch[:, 2] = np.einsum("nls,nls->nl", x64, x64)
            if digest and self.digests is not None:
                self.digests[rows[start : start + _BATCH]] = _digest(x, batch)
        return out

    def warn_of_missing(self) -> None:
        """Warn about the records read so far that had missing samples or leads."""
        if not self._incomplete:
            return
        rows = _name_rows(np.sort(list(self._incomplete)))
        if self.is_named:
            found = "; ".join(f"row {row}: {problem}" for row, problem in self._problems.items())
            more = f"; ... in rows {rows}" if len(self._incomplete) > len(self._problems) else ""
            what = f"missing samples or leads ({found}{more})"
            mend = "X['ecg'].ecg.quality() lists all."
        else:
            what = f"samples beyond 1000 (rows {rows})"
            mend = "write NaN for a missing sample."
        warnings.warn(
            f"{self.owner}: {len(self._incomplete)} of {len(self)} records have {what}. They "
            f"count as missing; {mend}",
            SignalQualityWarning,
            stacklevel=5,
        )

    def _check(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Set missing samples and flat leads to NaN, note them, and refuse unusable records."""
        incomplete = np.zeros(len(x), dtype=bool)
        odd = np.flatnonzero(~is_clean(x, in_millivolt=self.is_named))
        if len(odd):
            original, numbers = x[odd], self.numbers[rows[odd]]
            x[odd], refused = screen(original, in_millivolt=self.is_named)
            _raise_if_refused(self.owner, refused, numbers, self.is_named)
            missing = np.isnan(x[odd])
            incomplete[odd] = missing.any(axis=(1, 2))
            # A plain array may hold NaN without a warning, as in scikit-learn.
            noted = missing if self.is_named else missing & ~np.isnan(original)
            self._note(original, numbers, noted.any(axis=(1, 2)))
        self._complete[rows[~incomplete]] = True
        return x

    def _note(self, x: np.ndarray, numbers: np.ndarray, incomplete: np.ndarray) -> None:
        """Store incomplete records, and describe the first of them."""
        new = [i for i in np.flatnonzero(incomplete) if int(numbers[i]) not in self._incomplete]
        self._incomplete.update(int(numbers[i]) for i in new)
        described = new[: _DESCRIBED_RECORDS - len(self._problems)]
        if described and isinstance(self.source, ECGArray):
            found = describe_signals(x[described], self.source.leads, self.source.sampling_rate)
            rows = numbers[described].tolist()
            self._problems.update(zip(rows, found["problem"], strict=True))


def _raise_if_refused(owner: str, refused: np.ndarray, numbers: np.ndarray, is_named: bool) -> None:
    """Raise one error that names the refused records of a batch, by reason."""
    found = [reason for reason in _REFUSALS if (refused == reason).any()]
    if not found:
        return
    drop = 'X = X[X["ecg"].ecg.quality()["usable"]]' if is_named else "X = np.delete(X, rows, 0)"
    error: type[ECGError] = SignalQualityError
    if {TOO_LARGE, TOO_SMALL} & set(found):
        error = UnitError
    raise error(
        " ".join(
            _REFUSALS[reason].format(
                owner=owner, rows=_name_rows(np.unique(numbers[refused == reason])), drop=drop
            )
            for reason in found
        )
    )


def _digest(x: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return a hash of each record, of shape (n_records, 16).

    It guards against other data, not against forgery: a CRC of all samples, five times as fast
    as a cryptographic hash, and the sums of each lead.
    """
    hashes = [
        hashlib.blake2b(
            zlib.crc32(np.ascontiguousarray(record).data).to_bytes(4, "little") + sums.tobytes(),
            digest_size=_DIGEST_BYTES,
        )
        for record, sums in zip(x, moments, strict=True)
    ]
    joined = b"".join(found.digest() for found in hashes)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(x), _DIGEST_BYTES)


def _name_rows(rows: np.ndarray) -> str:
    """Return row numbers as text, the first of many."""
    more = ", ..." if len(rows) > _NAMED_RECORDS else ""
    return ", ".join(map(str, rows[:_NAMED_RECORDS])) + more
