"""ECGs as a model reads them: checked once, what is missing marked as such."""

import warnings

import numpy as np
import pandas as pd

from ecgsk.exceptions import SignalQualityError, SignalQualityWarning
from ecgsk.signals import ECGArray
from ecgsk.signals.record_quality import FLAT_MV, IMPLAUSIBLE_SD, check_millivolt
from ecgsk.signals.storage import INT16_NAN

_BATCH = 256
_NAMED_RECORDS = 3


class Signals:
    """ECGs as a model reads them: leads that are missing or flat are NaN.

    Parameters
    ----------
    source : ECGArray or ndarray of shape (n_records, n_leads, n_samples)
        A plain array has no names, so nothing can be checked by name.
    owner : str
        The estimator's name, for messages.
    """

    def __init__(self, source: ECGArray | np.ndarray, owner: str):
        self.source, self.owner = source, owner
        self.rows = np.arange(len(source))
        self._clean = np.zeros(len(source), dtype=bool)
        self._degraded: set[int] = set()
        self._in_millivolt = False

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> "Signals":
        """Return a view of these rows, which messages go on calling by their old numbers."""
        view = Signals(self.source, self.owner)
        view.rows = self.rows[rows]
        view._clean, view._degraded = self._clean, self._degraded
        view._in_millivolt = self._in_millivolt
        return view

    @property
    def leads(self) -> tuple[str, ...] | None:
        """Lead names, or None for a plain array."""
        return self.source.leads if isinstance(self.source, ECGArray) else None

    @property
    def sampling_rate(self) -> float | None:
        """Sampling rate in Hz, or None for a plain array."""
        return self.source.sampling_rate if isinstance(self.source, ECGArray) else None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of leads and of samples."""
        if isinstance(self.source, ECGArray):
            return len(self.source.leads), self.source.n_samples
        return self.source.shape[1], self.source.shape[2]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 of shape (n_rows, n_leads, n_samples), in mV."""
        rows = self.rows[np.asarray(rows)]
        x = self.source.read(rows) if isinstance(self.source, ECGArray) else self.source[rows]
        return x if self._clean[rows].all() else self._check(x, rows)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Return samples as they are stored, and their units per mV; see ``ECGArray.read_raw``."""
        if not isinstance(self.source, ECGArray):
            return self.read(rows), 1.0
        rows = self.rows[np.asarray(rows)]
        raw, gain = self.source.read_raw(rows)
        unknown = ~self._clean[rows]
        if unknown.any():
            checked = self._check(self.source.read(rows[unknown]), rows[unknown])
            absent = np.isnan(checked)
            raw[unknown] = np.where(
                absent, INT16_NAN if raw.dtype == np.int16 else np.nan, raw[unknown]
            )
        return raw, gain

    def _check(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Make flat leads NaN, refuse records without a signal, and note what is missing.

        A record found whole is not looked at again. Samples that all lie within what
        one deviation may be need no further look at their unit.
        """
        high, low = x.max(axis=2), x.min(axis=2)  # NaN and infinity show in them
        if not max(high.max(), -low.min()) <= IMPLAUSIBLE_SD and not self._in_millivolt:
            check_millivolt(self.source, name=self.owner)
            self._in_millivolt = True
        whole = np.isfinite(high).all(axis=1) & np.isfinite(low).all(axis=1)
        if isinstance(self.source, ECGArray):
            with np.errstate(invalid="ignore"):
                whole &= (high - low >= FLAT_MV).all(axis=1)
        self._clean[rows[whole]] = True
        if not whole.all():
            x[~whole] = self._check_closely(x[~whole], rows[~whole])
        return x

    def _check_closely(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if isinstance(self.source, ECGArray):
            infinite = np.isinf(x).any(axis=(1, 2))
            if infinite.any():
                raise SignalQualityError(
                    f"{self.owner} expected finite samples in mV; rows {_name(rows[infinite])} "
                    "hold infinity. A missing sample is NaN."
                )
            # fmax and fmin pass over NaN: a flat lead with a gap in it is flat.
            moves = np.fmax.reduce(x, axis=2) - np.fmin.reduce(x, axis=2)
            x[moves < FLAT_MV] = np.nan  # a flat lead tells nothing
        missing = np.isnan(x)
        absent = missing.all(axis=(1, 2))
        if absent.any():
            raise SignalQualityError(self._no_signal(rows[absent]))
        self._degraded.update(rows[missing.any(axis=(1, 2))].tolist())
        return x

    def moments(self, rows: np.ndarray) -> np.ndarray:
        """Return number, sum and sum of squares of each record's samples.

        Returns
        -------
        ndarray of shape (n_rows, 3, n_leads), float64
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
        """Warn of the records read so far that had missing samples or leads."""
        if not self._degraded or not isinstance(self.source, ECGArray):
            return
        first = sorted(self._degraded)[:_NAMED_RECORDS]
        problems = pd.Series(self.source[first]).ecg.quality()["problem"]
        named = "; ".join(f"row {row}: {p}" for row, p in zip(first, problems, strict=True))
        more = ", ..." if len(self._degraded) > len(first) else ""
        warnings.warn(
            f"{self.owner}: {len(self._degraded)} of {len(self)} records have missing samples or "
            f"leads ({named}{more}). They are treated as absent; X['ecg'].ecg.quality() lists all.",
            SignalQualityWarning,
            stacklevel=4,
        )

    def _no_signal(self, rows: np.ndarray) -> str:
        return (
            f"{self.owner} expected at least one lead with a signal per record; rows "
            f"{_name(rows)} have none: every lead is missing or flat. Drop them first: "
            'X = X[X["ecg"].ecg.quality()["usable"]].'
        )


def _name(rows: np.ndarray) -> str:
    more = ", ..." if len(rows) > _NAMED_RECORDS else ""
    return ", ".join(map(str, rows[:_NAMED_RECORDS])) + more
