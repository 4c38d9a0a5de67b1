"""Lead selection by name, and derivation or masking of leads that are absent."""

import warnings
from collections.abc import Sequence

import numpy as np

from ecgsk.exceptions import LeadMismatchError, SignalQualityWarning
from ecgsk.preprocessing._base import SignalTransformer
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.derived_leads import DerivedLeads, derive_leads, find_derivations
from ecgsk.signals.leads import canonical_leads, lead_positions

_MISSING = ("raise", "mask")


class SelectLeads(SignalTransformer):
    """Select and order leads by name.

    First in a pipeline, it accepts columns that have the leads in any order and
    among others. No sample of an ECG column is copied. With ``derive=True`` it
    accepts columns of the eight leads that many recorders store.

    .. versionadded:: 0.1

    Parameters
    ----------
    leads : sequence of str
        Names in any case, in the order of the output.
    derive : bool, default=False
        Derive limb leads that the input lacks from two that it has: III is
        II - I, aVR is -(I + II) / 2, aVL is I - II / 2 and aVF is II - I / 2.
        A lead that the input has is taken as it is.
    missing : {"raise", "mask"}, default="raise"
        Leads that the input lacks are an error, or masked: every sample of them is NaN, with a
        warning. ``"mask"`` lets a model of twelve leads predict from fewer. It loses accuracy,
        much less if it was trained for it with
        ``Augmentation(lead_dropout=(0, 1))`` of :mod:`ecgsk.training`. One lead at least must
        be there.
    input_leads : sequence of str, optional
        Names of the leads of plain arrays, for which it is required; an ECG
        column has its own.

    Attributes
    ----------
    leads_in_ : tuple of str
        Leads seen in `fit`.
    sampling_rate_in_ : float or None
        Sampling rate seen in `fit`, Hz; None for plain arrays.
    n_features_in_ : int
        Columns of a frame, leads of a 3-D array or times of a 2-D one.
    feature_names_in_ : ndarray of str
        Columns of the frame seen in `fit`; absent for arrays.

    Examples
    --------
    >>> import pandas as pd
    >>> ecg = ECGArray.from_numpy(np.zeros((4, 12, 1000)), leads=STANDARD_12_LEADS,
    ...                           sampling_rate=100)
    >>> SelectLeads(["V1", "II"]).fit_transform(pd.DataFrame({"ecg": ecg}))["ecg"].dtype
    ecg[2x1000, 100 Hz: V1 II]
    >>> eight = SelectLeads(["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"])
    >>> X = eight.fit_transform(pd.DataFrame({"ecg": ecg}))
    >>> SelectLeads(STANDARD_12_LEADS, derive=True).fit_transform(X)["ecg"].dtype
    ecg[12x1000, 100 Hz]
    >>> with warnings.catch_warnings(action="ignore"):
    ...     masked = SelectLeads(STANDARD_12_LEADS, missing="mask").fit_transform(X)
    >>> masked["ecg"].ecg.to_numpy()[0, :3, 0]
    array([ 0.,  0., nan], dtype=float32)
    """

    def __init__(
        self,
        leads: Sequence[str] = STANDARD_12_LEADS,
        *,
        derive: bool = False,
        missing: str = "raise",
        input_leads: Sequence[str] | None = None,
    ):
        self.leads = leads
        self.derive = derive
        self.missing = missing
        self.input_leads = input_leads

    def transform_signals(
        self, signals: np.ndarray, leads: tuple[str, ...], sampling_rate: float
    ) -> tuple[np.ndarray, tuple[str, ...], float]:
        """Select leads; see `SignalTransformer.transform_signals`."""
        return self._select(signals, leads), canonical_leads(self.leads), sampling_rate

    def _select(self, signals: np.ndarray, leads: Sequence[str]) -> np.ndarray:
        if self.derive or self._masked(leads):
            return derive_leads(signals, leads, self.leads, name="SelectLeads", **self._options)
        return np.take(signals, lead_positions(leads, self.leads, name="SelectLeads"), axis=1)

    def _describes_arrays(self) -> bool:
        return self.input_leads is not None

    def _describe_array(self, X: np.ndarray) -> tuple[tuple[str, ...], None]:
        if self.input_leads is None:
            raise LeadMismatchError(
                "SelectLeads: plain arrays carry no lead names. State "
                "them: SelectLeads(leads, input_leads=['I', 'II', ...]); or pass an ECG column."
            )
        leads = canonical_leads(self.input_leads)
        n_leads = X.shape[1] if X.ndim == 3 else 1
        if n_leads != len(leads):
            raise LeadMismatchError(
                f"SelectLeads: input_leads names {len(leads)} leads ({', '.join(leads)}); got an "
                f"array of shape {X.shape}, which has {n_leads}. Name each once, in order."
            )
        return leads, None

    @property
    def _options(self) -> dict[str, bool]:
        return {"derive": bool(self.derive), "mask": self.missing == "mask"}

    def _masked(self, leads: Sequence[str]) -> list[str]:
        """Return the wanted leads that are neither there nor derived; none unless masked."""
        if self.missing != "mask":
            return []
        found = find_derivations(leads, self.leads, name="SelectLeads", **self._options)
        wanted = canonical_leads(self.leads)
        return [lead for lead, factors in zip(wanted, found, strict=True) if not factors]

    def _check_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        if self.missing not in _MISSING:
            raise ValueError(
                f"SelectLeads: expected missing to be one of {_MISSING}, got {self.missing!r}."
            )
        leads = leads or ()
        if self.missing == "mask":
            wanted = canonical_leads(self.leads)
            if len(self._masked(leads)) == len(wanted):
                raise LeadMismatchError(
                    f"SelectLeads: expected at least one of {', '.join(wanted)}, got "
                    f"{', '.join(leads)}. Name the leads that the records have."
                )
        elif self.derive:
            find_derivations(leads, self.leads, name="SelectLeads")
        else:
            lead_positions(leads, self.leads, name="SelectLeads")

    def _as_fitted(self, column: ECGArray) -> ECGArray:
        return column  # other leads do not matter

    def _transform_column(self, column: ECGArray) -> ECGArray:
        self._check_input(column.leads, column.sampling_rate)
        if set(canonical_leads(self.leads)) <= set(column.leads):
            return column.select_leads(self.leads)
        if masked := self._masked(column.leads):
            wanted = canonical_leads(self.leads)
            there = [lead for lead in wanted if lead not in masked]
            warnings.warn(
                f"SelectLeads: {len(masked)} of {len(wanted)} leads are masked, as the records "
                f"lack them: {', '.join(masked)}. A model predicts from {', '.join(there)} alone, "
                "with less accuracy, and much less unless it was trained with "
                "Augmentation(lead_dropout=(0, 1)).",
                SignalQualityWarning,
                stacklevel=4,
            )
        storage = DerivedLeads(column.storage, self.leads, **self._options)
        return ECGArray(storage, column.rows)

    def _transform_array(self, X: np.ndarray) -> np.ndarray:
        if X.ndim == 2:
            return X.copy()  # its one lead is the requested one
        return self._select(X, self.leads_in_)
