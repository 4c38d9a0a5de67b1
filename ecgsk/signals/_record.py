"""One ECG record, a cell of an ECG column."""

import hashlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgsk._safe_text import without_controls
from ecgsk.signals.leads import STANDARD_12_LEADS
from ecgsk.signals.storage import ArrayStorage, ECGStorage, StorageProperties
from ecgsk.signals.units import format_hertz, to_millivolt

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ECGRecord(StorageProperties):
    """One ECG: samples with their leads and sampling rate.

    Cells of an ECG column are records that read their samples on access.

    .. versionadded:: 0.1

    Parameters
    ----------
    signal : array-like, shape (n_leads, n_samples)
        Samples.
    leads : sequence of str
        Lead names, in the order of the first axis.
    sampling_rate : float
        Hz.
    unit : str
        Unit of the samples.

    Notes
    -----
    A record is a scalar to pandas and NumPy, so it has no ``__array__`` and no
    ``__iter__``: with either, ``np.array([record, record], dtype=object)`` would
    split it into samples. Use `signal`.

    Records are equal if leads, sampling rate and all samples are equal; NaN equals
    NaN here.

    Examples
    --------
    >>> import numpy as np
    >>> record = ECGRecord(np.zeros((2, 1000)), leads=["I", "II"], sampling_rate=100)
    >>> record
    ECGRecord(2x1000, 100 Hz: I II)
    >>> record.signal.dtype, record.duration
    (dtype('float32'), 10.0)
    """

    __slots__ = ("_row", "_storage")

    def __init__(
        self, signal: Any, leads: Sequence[str], sampling_rate: float, *, unit: str = "mV"
    ):
        data = np.array(signal, dtype=np.float32, ndmin=2)[None]
        gain = 1 / to_millivolt(unit)
        self._storage = ArrayStorage(data, leads, sampling_rate, gain=gain)
        self._row = 0

    @classmethod
    def _over(cls, storage: ECGStorage, row: int) -> "ECGRecord":
        record = cls.__new__(cls)
        record._storage, record._row = storage, int(row)
        return record

    @property
    def signal(self) -> np.ndarray:
        """Samples in mV, float32, shape (n_leads, n_samples); read on each access."""
        return self._storage.read(np.array([self._row]))[0]

    def plot(self, **kwargs: Any) -> "Figure":
        """Plot on ECG paper; keywords go to `ecgsk.plotting.plot_ecg`."""
        from ecgsk.plotting import plot_ecg

        return plot_ecg(self.signal, self.leads, self.sampling_rate, **kwargs)

    def __float__(self) -> float:
        raise TypeError(
            f"An ECG record ({self}) is not a number: a step of numbers got the ECG column. Give "
            "it the other columns, X.drop(columns='ecg'). A step that passes the column on must "
            "return a DataFrame: ColumnTransformer(...).set_output(transform='pandas'). A column "
            "that has become dtype object is restored with "
            f"X['ecg'].astype({dtype_name(*self._signature())!r})."
        )

    __int__ = __float__

    def _signature(self) -> tuple:
        return (self.leads, self.sampling_rate, self.n_samples)

    def __lt__(self, other: object) -> bool:
        """Raise a TypeError: records have no order, which groupby asks for by default."""
        raise TypeError(
            "ECGRecord: ECG records have no order. Sort or group by another column, or use "
            "groupby(..., sort=False)."
        )

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, ECGRecord):
            return NotImplemented
        if self._row == other._row and self._storage == other._storage:
            return True
        return self._signature() == other._signature() and np.array_equal(
            self.signal, other.signal, equal_nan=True
        )

    def __hash__(self) -> int:
        signal = self.signal + np.float32(0)  # -0 equals 0, so their hashes must be equal
        signal[np.isnan(signal)] = np.nan
        digest = hashlib.blake2b(signal.tobytes(), digest_size=8).digest()
        return hash((*self._signature(), digest))

    def __getstate__(self) -> tuple[ECGStorage, int]:
        storage, rows = self._storage.compact(np.array([self._row]))
        return storage, int(rows[0])

    def __setstate__(self, state: tuple[ECGStorage, int]) -> None:
        self._storage, self._row = state

    def __str__(self) -> str:
        return f"{len(self.leads)}x{self.n_samples}"

    def __repr__(self) -> str:
        leads = " ".join(self.leads)
        return f"ECGRecord({self}, {format_hertz(self.sampling_rate)}: {leads})"

    def _repr_html_(self) -> str:
        """Plot the record in a notebook."""
        svg = io.StringIO()
        self.plot().savefig(svg, format="svg")
        return without_controls(svg.getvalue()[svg.getvalue().index("<svg") :])


def dtype_name(leads: Sequence[str], sampling_rate: float, n_samples: int) -> str:
    """Return the name of a dtype, such as ``"ecg[12x5000, 500 Hz]"``."""
    named = "" if tuple(leads) == STANDARD_12_LEADS else f": {' '.join(leads)}"
    return f"ecg[{len(leads)}x{n_samples}, {format_hertz(sampling_rate)}{named}]"
