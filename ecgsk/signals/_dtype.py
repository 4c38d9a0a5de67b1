"""Pandas dtype of ECGs: leads, sampling rate and length."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
from pandas.api.extensions import ExtensionDtype, register_extension_dtype

from ecgsk.exceptions import DurationError, LeadMismatchError, SamplingRateError
from ecgsk.signals._record import ECGRecord, dtype_name
from ecgsk.signals.leads import STANDARD_12_LEADS, canonical_leads, lead_order
from ecgsk.signals.units import check_sampling_rate, format_hertz

_PATTERN = re.compile(
    r"ecg\[(?P<n_leads>\d+)x(?P<n_samples>\d+), (?P<rate>[0-9.e+-]+) Hz(: (?P<leads>[^\]]+))?\]"
)


@register_extension_dtype
class ECGDtype(ExtensionDtype):
    """Data type of ECGs with the same leads, sampling rate and length.

    .. versionadded:: 0.1

    Parameters
    ----------
    leads : sequence of str
        Lead names, in the order of the samples' second axis.
    sampling_rate : float
        Hz.
    n_samples : int
        Samples per lead.

    Notes
    -----
    Its name is ``ecg[12x5000, 500 Hz]`` for the standard twelve leads in the
    standard order. Other leads follow a colon, so that dtypes with equal names are
    equal.

    Examples
    --------
    >>> ECGDtype(STANDARD_12_LEADS, sampling_rate=500, n_samples=5000)
    ecg[12x5000, 500 Hz]
    >>> dtype = ECGDtype(["V1", "ii"], sampling_rate=500, n_samples=5000)
    >>> dtype
    ecg[2x5000, 500 Hz: V1 II]
    >>> dtype.duration
    10.0
    """

    type = ECGRecord
    kind = "O"
    na_value = pd.NA
    _metadata = ("leads", "sampling_rate", "n_samples")
    _array_type: ClassVar[Any]  # ECGArray; set in its module, which imports this one

    def __init__(self, leads: Sequence[str], sampling_rate: float, n_samples: int):
        self.leads = canonical_leads(leads)
        self.sampling_rate = check_sampling_rate(sampling_rate, name="ECGDtype")
        self.n_samples = int(n_samples)
        if self.n_samples < 1:
            raise DurationError(f"ECGDtype: expected n_samples of at least 1, got {n_samples!r}.")

    @property
    def duration(self) -> float:
        """Length of a record in seconds."""
        return self.n_samples / self.sampling_rate

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name that `construct_from_string` parses."""
        return dtype_name(self.leads, self.sampling_rate, self.n_samples)

    def __repr__(self) -> str:
        return self.name

    @classmethod
    def construct_from_string(cls, string: str) -> "ECGDtype":
        """Create the dtype from its name.

        Parameters
        ----------
        string : str
            Such as ``"ecg[12x5000, 500 Hz]"``.

        Returns
        -------
        ECGDtype

        Raises
        ------
        TypeError
            If the string is not the name of an ECG dtype.
        """
        if not isinstance(string, str):
            raise TypeError(f"'construct_from_string' expects a string, got {type(string)}")
        match = _PATTERN.fullmatch(string)
        leads = STANDARD_12_LEADS if match is None or not match["leads"] else match["leads"].split()
        if match is None or len(leads) != int(match["n_leads"]):
            raise TypeError(
                f"Cannot construct a '{cls.__name__}' from '{string}'; expected a name such as "
                "'ecg[12x5000, 500 Hz]' or 'ecg[2x5000, 500 Hz: I II]'."
            )
        try:
            return cls(leads, float(match["rate"]), int(match["n_samples"]))
        except ValueError as error:
            raise TypeError(f"Cannot construct a '{cls.__name__}' from '{string}'") from error

    @classmethod
    def construct_array_type(cls) -> Any:
        """Return the array class of this dtype."""
        return cls._array_type

    def check_joins(self, other: "ECGDtype", *, name: str = "ECGArray") -> None:
        """Raise unless records of another dtype can join a column of this one.

        The order of leads may differ, as leads are found by name.

        Parameters
        ----------
        other : ECGDtype
            Dtype of the joining records.
        name : str
            Caller's name, for the error message.

        Raises
        ------
        LeadMismatchError, SamplingRateError, DurationError
        """
        if set(self.leads) != set(other.leads):
            raise LeadMismatchError(
                f"{name}: expected {len(self.leads)} leads ({', '.join(self.leads)}), got "
                f"{len(other.leads)} ({', '.join(other.leads)}). Select the leads that both "
                "share with SelectLeads(...) first."
            )
        if self.sampling_rate != other.sampling_rate:
            raise SamplingRateError(
                f"{name}: expected records sampled at {format_hertz(self.sampling_rate)}, got "
                f"{format_hertz(other.sampling_rate)}. Resample with "
                f"Resample({self.sampling_rate:g}) first."
            )
        if self.n_samples != other.n_samples:
            raise DurationError(
                f"{name}: expected records of {self.n_samples} samples ({self.duration:g} s), got "
                f"{other.n_samples} ({other.duration:g} s). Read both with the same duration=."
            )

    def _get_common_dtype(self, dtypes: list[Any]) -> Any:
        """Return the dtype of joined columns; raise where pandas would use ``object``.

        Of several orders of the same leads it takes the one nearest to the standard
        order, independent of the order of `dtypes`.
        """
        ecgs = [dtype for dtype in dtypes if isinstance(dtype, ECGDtype)]
        for dtype in ecgs:
            self.check_joins(dtype, name="joining ECG columns")
        if len(ecgs) < len(dtypes):
            return None
        return min(ecgs, key=lambda dtype: [lead_order(lead) for lead in dtype.leads])
