"""The pandas dtype of an ECG column: leads, sampling rate and length of every record in it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.api.extensions import ExtensionDtype, register_extension_dtype

from ecgsk.exceptions import DurationError, LeadMismatchError, SamplingRateError
from ecgsk.signals._record import ECGRecord
from ecgsk.signals.leads import KNOWN_LEADS, STANDARD_12_LEADS, canonical_leads
from ecgsk.signals.units import check_sampling_rate, format_hertz

if TYPE_CHECKING:
    from ecgsk.signals._array import ECGArray

_PATTERN = re.compile(
    r"ecg\[(?P<n_leads>\d+)x(?P<n_samples>\d+), (?P<rate>[0-9.e+-]+) Hz(: (?P<leads>[^\]]+))?\]"
)


@register_extension_dtype
class ECGDtype(ExtensionDtype):
    """Data type of ECGs with the same leads, sampling rate and length.

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
    standard order; any other leads are named behind a colon, so that two dtypes
    with one name are one dtype.

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
        """Text from which `construct_from_string` makes the dtype again."""
        leads = "" if self.leads == STANDARD_12_LEADS else f": {' '.join(self.leads)}"
        size = f"{len(self.leads)}x{self.n_samples}"
        return f"ecg[{size}, {format_hertz(self.sampling_rate)}{leads}]"

    def __repr__(self) -> str:
        return self.name

    @classmethod
    def construct_from_string(cls, string: str) -> "ECGDtype":
        """Make the dtype from its name.

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
            When the string is not the name of an ECG dtype.
        """
        if not isinstance(string, str):
            raise TypeError(f"'construct_from_string' expects a string, got {type(string)}")
        match = _PATTERN.fullmatch(string)
        leads = STANDARD_12_LEADS if match is None or not match["leads"] else match["leads"].split()
        if match is None or len(leads) != int(match["n_leads"]):
            raise TypeError(
                f"Cannot construct a '{cls.__name__}' from '{string}'; expected such as "
                "'ecg[12x5000, 500 Hz]' or 'ecg[2x5000, 500 Hz: I II]'."
            )
        try:
            return cls(leads, float(match["rate"]), int(match["n_samples"]))
        except ValueError as error:
            raise TypeError(f"Cannot construct a '{cls.__name__}' from '{string}'") from error

    @classmethod
    def construct_array_type(cls) -> "type[ECGArray]":  # type: ignore[valid-type]
        """Return the array class that holds this dtype."""
        from ecgsk.signals._array import ECGArray

        return ECGArray

    def check_joins(self, other: "ECGDtype", *, name: str = "ECGArray") -> None:
        """Raise unless records of the other dtype can stand among these.

        Leads may come in another order: they are found by name.

        Parameters
        ----------
        other : ECGDtype
            What came.
        name : str
            Who asks: the error starts with it.

        Raises
        ------
        LeadMismatchError, SamplingRateError, DurationError
        """
        if set(self.leads) != set(other.leads):
            raise LeadMismatchError(
                f"{name}: expected {len(self.leads)} leads ({', '.join(self.leads)}), got "
                f"{len(other.leads)} ({', '.join(other.leads)}). Bring both to the leads they "
                "share with SelectLeads(...) first."
            )
        if self.sampling_rate != other.sampling_rate:
            raise SamplingRateError(
                f"{name}: expected records sampled at {format_hertz(self.sampling_rate)}, got "
                f"{format_hertz(other.sampling_rate)}. Bring both to one rate with "
                f"Resample({self.sampling_rate:g}) first."
            )
        if self.n_samples != other.n_samples:
            raise DurationError(
                f"{name}: expected records of {self.n_samples} samples ({self.duration:g} s), got "
                f"{other.n_samples} ({other.duration:g} s). Read both with the same duration=."
            )

    def _get_common_dtype(self, dtypes: list[Any]) -> Any:
        """Dtype of what pandas would join; raises where it would fall to ``object`` silently.

        Of several orders of the same leads the most standard one wins, whatever
        order pandas names them in.
        """
        ecgs = [dtype for dtype in dtypes if isinstance(dtype, ECGDtype)]
        for dtype in ecgs:
            self.check_joins(dtype, name="joining ECG columns")
        if len(ecgs) < len(dtypes):
            return None
        return min(ecgs, key=lambda dtype: [KNOWN_LEADS.index(lead) for lead in dtype.leads])
