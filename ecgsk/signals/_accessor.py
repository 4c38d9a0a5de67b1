"""Pandas accessor of ECG columns, ``series.ecg``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ecgsk.signals._array import ECGArray
from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals.record_quality import quality

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@pd.api.extensions.register_series_accessor("ecg")
class ECGAccessor:
    """Attributes and methods of an ECG column, found at ``series.ecg``.

    .. versionadded:: 0.1

    Parameters
    ----------
    series : Series of dtype ECGDtype
        The column.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from ecgsk.signals import ECGArray
    >>> ecg = ECGArray.from_numpy(np.zeros((3, 1, 500)), leads=["II"], sampling_rate=250)
    >>> series = pd.Series(ecg)
    >>> series.ecg.leads, series.ecg.sampling_rate, series.ecg.duration
    (('II',), 250.0, 2.0)
    """

    def __init__(self, series: pd.Series):
        if not isinstance(series.dtype, ECGDtype):
            raise AttributeError(
                f".ecg: expected a Series of ECGs, got dtype {series.dtype}. Create one with "
                "pd.Series(ECGArray.from_numpy(x, sampling_rate=..., leads=...))."
            )
        self._series = series

    @property
    def array(self) -> ECGArray:
        """The column's `ECGArray`."""
        return self._series.array

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""
        return self.array.leads

    @property
    def sampling_rate(self) -> float:
        """Samples per second, Hz."""
        return self.array.sampling_rate

    @property
    def n_samples(self) -> int:
        """Samples per lead."""
        return self.array.n_samples

    @property
    def duration(self) -> float:
        """Length of a record in seconds."""
        return self.array.duration

    def to_numpy(self) -> np.ndarray:
        """Read all samples: float32, mV, shape (n_records, n_leads, n_samples)."""
        return self.array.read()

    def select_leads(self, leads: Sequence[str]) -> pd.Series:
        """Select and order leads by name, without copying samples.

        Parameters
        ----------
        leads : sequence of str
            Names, in any case.

        Returns
        -------
        Series
            Same index and name.
        """
        array = self.array.select_leads(leads)
        return pd.Series(array, index=self._series.index, name=self._series.name)

    def quality(self, batch_size: int = 256) -> pd.DataFrame:
        """Describe the signal quality of each record; see `ecgsk.signals.quality`.

        Parameters
        ----------
        batch_size : int
            Records in memory at once.

        Returns
        -------
        DataFrame
            Same index as the column.
        """
        return quality(self.array, batch_size).set_index(self._series.index)

    def plot(self, row: int = 0, **kwargs: Any) -> "Figure":
        """Plot one record on ECG paper.

        Parameters
        ----------
        row : int
            Position in the column, not index label.
        **kwargs
            Passed to `ecgsk.plotting.plot_ecg`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from ecgsk.plotting import plot_ecg

        (signal,) = self.array.read([row])
        return plot_ecg(signal, self.leads, self.sampling_rate, **kwargs)
