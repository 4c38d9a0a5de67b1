"""ECGs as input of a model: checked, with missing samples and flat leads as NaN."""

import warnings
from typing import Self

import numpy as np

from ecgsk.exceptions import SignalQualityError, SignalQualityWarning
from ecgsk.signals import ECGArray
from ecgsk.signals.record_quality import (
    FLAT_MV,
    IMPLAUSIBLE_SD,
    check_millivolt,
    describe_signals,
)
from ecgsk.signals.storage import INT16_NAN

_BATCH = 256  # records read at once
_NAMED_RECORDS = 3  # records that a message names


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

    Each record is checked when it is first read; a complete one is not checked again. A
    plain array has no lead names, so nothing is checked by name. Messages begin with
    `owner` and name the rows of X in `numbers`.
    """

    def __init__(self, source: ECGArray | np.ndarray, owner: str):
        self.owner = owner
        self.source = source if isinstance(source, ECGArray) else UnnamedSignals(source)
        self.numbers = np.arange(len(source))
        self._complete = np.zeros(len(source), dtype=bool)
        self._incomplete: set[int] = set()  # rows in X
        self._problems: dict[int, str] = {}  # of the first incomplete rows
        self._in_millivolt = False

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: np.ndarray) -> Self:
        """Return a view of some rows, in order; checked records stay checked."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.source = self.source.take(rows)
        view.numbers, view._complete = self.numbers[rows], self._complete[rows]
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

    def moments(self, rows: np.ndarray) -> np.ndarray:
        """Return number, sum and sum of squares of each record's samples, per lead.

        Reads and checks every record once. The shape is (n_rows, 3, n_leads), in float64.
        """
        out = np.empty((len(rows), 3, self.shape[0]))
        for start in range(0, len(rows), _BATCH):
            x = self.read(rows[start : start + _BATCH])
            present = ~np.isnan(x)
            x64 = np.where(present, x, 0).astype(np.float64)
            batch = out[start : start + _BATCH]
            batch[:, 0], batch[:, 1] = present.sum(axis=2), x64.sum(axis=2)
            batch[:, 2] = np.einsum("nls,nls->nl", x64, x64)
        return out

    def warn_of_missing(self) -> None:
        """Warn about the records read so far that had missing samples or leads."""
        if not self._incomplete or not self.is_named:
            return
        named = "; ".join(f"row {row}: {problem}" for row, problem in self._problems.items())
        more = ", ..." if len(self._incomplete) > len(self._problems) else ""
        warnings.warn(
            f"{self.owner}: {len(self._incomplete)} of {len(self)} records have missing samples or "
            f"leads ({named}{more}). They count as missing; X['ecg'].ecg.quality() lists all.",
            SignalQualityWarning,
            stacklevel=5,
        )

    def _check(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Set flat leads to NaN, refuse records without a signal, and note incomplete ones."""
        high, low = x.max(axis=2), x.min(axis=2)  # NaN and infinity propagate to them
        # The standard deviation of a record is at most its largest sample.
        if not self._in_millivolt and _largest(x, high, low) > IMPLAUSIBLE_SD:
            source = self.source
            samples = source if isinstance(source, ECGArray) else source.read(np.arange(len(self)))
            check_millivolt(samples, name=self.owner)
            self._in_millivolt = True
        complete = np.isfinite(high).all(axis=1) & np.isfinite(low).all(axis=1)
        if self.is_named:
            with np.errstate(invalid="ignore"):
                complete &= (high - low >= FLAT_MV).all(axis=1)
        self._complete[rows[complete]] = True
        if not complete.all():
            x[~complete] = self._check_incomplete(x[~complete], self.numbers[rows[~complete]])
        return x

    def _check_incomplete(self, x: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        original = x
        if self.is_named:
            infinite = np.isinf(x).any(axis=(1, 2))
            if infinite.any():
                raise SignalQualityError(
                    f"{self.owner} expected finite samples in mV; rows "
                    f"{_name_rows(numbers[infinite])} hold infinity. A missing sample is NaN."
                )
            # fmax and fmin ignore NaN: a flat lead with a gap in it is flat.
            moves = np.fmax.reduce(x, axis=2) - np.fmin.reduce(x, axis=2)
            x = np.where((moves < FLAT_MV)[:, :, None], np.float32(np.nan), x)
        missing = np.isnan(x)
        no_signal = missing.all(axis=(1, 2))
        if no_signal.any():
            raise SignalQualityError(
                f"{self.owner} expected at least one lead with a signal per record; rows "
                f"{_name_rows(numbers[no_signal])} have none: every lead is missing or flat. Drop "
                'them first: X = X[X["ecg"].ecg.quality()["usable"]].'
            )
        self._note(original, numbers, missing.any(axis=(1, 2)))
        return x

    def _note(self, x: np.ndarray, numbers: np.ndarray, incomplete: np.ndarray) -> None:
        """Store incomplete records, and describe the first of them."""
        new = [i for i in np.flatnonzero(incomplete) if int(numbers[i]) not in self._incomplete]
        self._incomplete.update(int(numbers[i]) for i in new)
        described = new[: _NAMED_RECORDS - len(self._problems)]
        if described and isinstance(self.source, ECGArray):
            found = describe_signals(x[described], self.source.leads, self.source.sampling_rate)
            rows = numbers[described].tolist()
            self._problems.update(zip(rows, found["problem"], strict=True))


def _largest(x: np.ndarray, high: np.ndarray, low: np.ndarray) -> float:
    """Return the largest absolute sample, from the extremes per lead; NaN is ignored."""
    has_nan = np.isnan(high).any(axis=1)
    largest = np.maximum(high[~has_nan], -low[~has_nan]).max(initial=0)
    return float(np.fmax.reduce(np.abs(x[has_nan]), axis=None, initial=largest))


def _name_rows(rows: np.ndarray) -> str:
    more = ", ..." if len(rows) > _NAMED_RECORDS else ""
    return ", ".join(map(str, rows[:_NAMED_RECORDS])) + more
