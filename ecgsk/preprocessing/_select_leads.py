"""Lead selection by name, and derivation of missing limb leads."""

from collections.abc import Sequence

import numpy as np

from ecgsk.exceptions import LeadMismatchError
from ecgsk.preprocessing._base import SignalTransformer
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.derived_leads import DerivedLeads, derive_leads, find_derivations
from ecgsk.signals.leads import canonical_leads, lead_positions


class SelectLeads(SignalTransformer):
    """Select and order leads by name.

    First in a pipeline, it accepts columns that have the leads in any order and
    among others. No sample of an ECG column is copied. With ``derive=True`` it
    accepts columns of the eight leads that many recorders store.

    Parameters
    ----------
    leads : sequence of str
        Names in any case, in the order of the output.
    derive : bool, default=False
        Derive limb leads that the input lacks from two that it has: III is
        II - I, aVR is -(I + II) / 2, aVL is I - II / 2 and aVF is II - I / 2.
        A lead that the input has is taken as it is.
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
    """

    def __init__(
        self,
        leads: Sequence[str] = STANDARD_12_LEADS,
        *,
        derive: bool = False,
        input_leads: Sequence[str] | None = None,
    ):
        self.leads = leads
        self.derive = derive
        self.input_leads = input_leads

    def transform_signals(
        self, signals: np.ndarray, leads: tuple[str, ...], sampling_rate: float
    ) -> tuple[np.ndarray, tuple[str, ...], float]:
        """Select leads; see `SignalTransformer.transform_signals`."""
        return self._select(signals, leads), canonical_leads(self.leads), sampling_rate

    def _select(self, signals: np.ndarray, leads: Sequence[str]) -> np.ndarray:
        if self.derive:
            return derive_leads(signals, leads, self.leads, name="SelectLeads")
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

    def _check_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        find = find_derivations if self.derive else lead_positions
        find(leads or (), self.leads, name="SelectLeads")

    def _as_fitted(self, column: ECGArray) -> ECGArray:
        return column  # other leads do not matter

    def _transform_column(self, column: ECGArray) -> ECGArray:
        self._check_input(column.leads, column.sampling_rate)
        if set(canonical_leads(self.leads)) <= set(column.leads):
            return column.select_leads(self.leads)
        return ECGArray(DerivedLeads(column.storage, self.leads), column.rows)

    def _transform_array(self, X: np.ndarray) -> np.ndarray:
        if X.ndim == 2:
            return X.copy()  # its one lead is the requested one
        return self._select(X, self.leads_in_)
