"""Base classes of transformers on the ECG column."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ecgsk.exceptions import ECGError, LeadMismatchError, SamplingRateError
from ecgsk.preprocessing._transformed import TransformedStorage, fill_in_batches
from ecgsk.signals import ECGArray, ECGDtype
from ecgsk.signals.columns import ecg_column, find_ecg_column, restore_ecg_column
from ecgsk.signals.leads import how_to_get_leads
from ecgsk.signals.screening import check_axes, screen_where_needed
from ecgsk.signals.storage import ArrayStorage
from ecgsk.signals.units import check_sampling_rate, format_hertz

Leads = tuple[str, ...]


class SignalTransformer(TransformerMixin, BaseEstimator, ABC):
    """Base class of transformers that change only the ECG column of a table."""

    leads_in_: Any  # tuple of str, or None for arrays without lead names
    sampling_rate_in_: Any  # float, or None for arrays without sampling rate

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the input and store its leads and sampling rate; nothing is estimated.

        Parameters
        ----------
        X : DataFrame with one ECG column, Series, ECGArray or ndarray
            Arrays have shape (n_records, n_leads, n_times), or (n_records,
            n_times) for one lead.
        y : ignored

        Returns
        -------
        self
        """
        X = restore_ecg_column(X, name=type(self).__name__)
        column = self._column(X)
        self._on_arrays = column is None
        self._n_features_out = None
        if column is None:
            X = self._validate_array(X, reset=True)
            self._store_input(*self._describe_array(X))
            if X.ndim == 2:  # only here are the columns of X times
                self._n_features_out = self._count_times(X.shape[1], self.sampling_rate_in_)
            return self
        if len(column) == 0:
            raise ECGError(
                f"{type(self).__name__}: expected at least one ECG, got an empty "
                f"{type(X).__name__} with 0 rows. Check the selection of rows before it."
            )
        self._store_columns(X)
        self._store_input(column.leads, column.sampling_rate)
        return self

    def transform(self, X: Any) -> Any:
        """Transform signals.

        Parameters
        ----------
        X : DataFrame with one ECG column, Series, ECGArray or ndarray
            As in `fit`.

        Returns
        -------
        Same kind as X
            Of a DataFrame, only the ECG column differs. X is not changed.
        """
        check_is_fitted(self)
        X = restore_ecg_column(X, name=type(self).__name__)
        column = self._column(X)
        if (column is None) != self._on_arrays:
            kinds = ("plain arrays", "an ECG column")
            expected, came = kinds if self._on_arrays else kinds[::-1]
            raise ECGError(
                f"{type(self).__name__} was fitted on {expected}; got {came}. Pass the same kind "
                "of input: ECGArray.from_numpy(x, ...) makes a column, X['ecg'].ecg.to_numpy() "
                "an array."
            )
        if column is None:
            return self._transform_array(self._validate_array(X, reset=False))
        result = self._transform_column(self._as_fitted(column))
        if isinstance(X, pd.DataFrame):
            X = X.copy(deep=False)
            X[find_ecg_column(X)] = result
            return X
        return pd.Series(result, index=X.index, name=X.name) if isinstance(X, pd.Series) else result

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str, optional
            Columns of the DataFrame to be transformed, which keep their names.
            Required unless fitted on a 2-D array: the frame may have fewer
            columns than in `fit`.

        Returns
        -------
        ndarray of object
        """
        check_is_fitted(self)
        if self._n_features_out is not None:
            prefix = type(self).__name__.lower()
            return np.array([f"{prefix}{i}" for i in range(self._n_features_out)], dtype=object)
        if input_features is None:
            # scikit-learn's set_output catches this error and leaves frames unchanged.
            raise AttributeError(
                f"{type(self).__name__} does not provide get_feature_names_out without names: "
                "columns keep theirs. Give them: get_feature_names_out(X.columns)."
            )
        return np.asarray(input_features, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @abstractmethod
    def transform_signals(
        self, signals: np.ndarray, leads: Leads, sampling_rate: float
    ) -> tuple[np.ndarray, Leads, float]:
        """Transform samples without a fit, bit-equal to `transform` of an ECG column.

        Parameters
        ----------
        signals : ndarray of float32, shape (n_records, n_leads, n_times)
            Finite, or NaN where missing.
        leads : tuple of str
            Canonical lead names.
        sampling_rate : float
            Hz.

        Returns
        -------
        signals, leads, sampling_rate
            After the transformation.
        """

    # -- for subclasses ----------------------------------------------------------------

    @abstractmethod
    def _describe_array(self, X: np.ndarray) -> tuple[tuple[str, ...] | None, float | None]:
        """Return leads and sampling rate of plain arrays, from parameters."""

    @abstractmethod
    def _check_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        """Check parameters against the input."""

    @abstractmethod
    def _transform_column(self, column: ECGArray) -> ECGArray:
        """Transform ECGs that have passed `_as_fitted`."""

    @abstractmethod
    def _transform_array(self, X: np.ndarray) -> np.ndarray:
        """Transform plain numbers of two or three dimensions."""

    def _count_times(self, n_times: int, rate: float | None) -> int:
        """Return the number of output samples for `n_times` input samples at this rate."""
        return n_times

    def _as_fitted(self, column: ECGArray) -> ECGArray:
        """Check a column against the fitted one and return it with leads in fitted order."""
        name = type(self).__name__
        if set(column.leads) != set(self.leads_in_):
            raise LeadMismatchError(
                f"{name} was fitted on {len(self.leads_in_)} leads ({', '.join(self.leads_in_)}); "
                f"got {len(column.leads)} ({', '.join(column.leads)}). "
                f"{how_to_get_leads(self.leads_in_, column.leads)}"
            )
        self._check_rate(column)
        return column.select_leads(self.leads_in_)

    def _check_rate(self, column: ECGArray) -> None:
        """Raise if the sampling rate is not the fitted one."""
        if column.sampling_rate != self.sampling_rate_in_:
            raise SamplingRateError(
                f"{type(self).__name__} was fitted on {format_hertz(self.sampling_rate_in_)}; got "
                f"{format_hertz(column.sampling_rate)}. Resample new records first: "
                f"Resample({self.sampling_rate_in_:g}).fit_transform(X)."
            )

    # -- input -------------------------------------------------------------------------

    def _column(self, X: Any) -> ECGArray | None:
        """Return the ECGs of X, or None when X is an array of numbers."""
        if isinstance(X, pd.DataFrame) and find_ecg_column(X, name=type(self).__name__) is None:
            if not self._describes_arrays():
                return ecg_column(X, name=type(self).__name__)  # raises, with the reason
            return None
        if isinstance(X, pd.DataFrame | ECGArray) or isinstance(
            getattr(X, "dtype", None), ECGDtype
        ):
            return ecg_column(X, name=type(self).__name__)
        return None

    def _describes_arrays(self) -> bool:
        """Return whether parameters describe plain arrays."""
        return getattr(self, "input_sampling_rate", None) is not None

    def _validate_array(self, X: Any, *, reset: bool) -> np.ndarray:
        check_axes(X, name=type(self).__name__)
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            allow_nd=True,
            ensure_all_finite="allow-nan",
        )
        if X.ndim > 3:
            raise LeadMismatchError(
                f"{type(self).__name__}: expected an array of shape (n_records, n_leads, n_times) "
                f"or (n_records, n_times), got {X.shape}. Reshape it."
            )
        return X

    def _store_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        self._check_input(leads, sampling_rate)
        self.leads_in_ = leads
        self.sampling_rate_in_ = sampling_rate

    def _store_columns(self, X: Any) -> None:
        """Set scikit-learn's attributes of an estimator fitted on a table."""
        self.n_features_in_ = X.shape[1] if isinstance(X, pd.DataFrame) else 1
        if isinstance(X, pd.DataFrame) and all(isinstance(c, str) for c in X.columns):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_


class RateAwareTransformer(SignalTransformer):
    """Base class of transformers that filter in time and need the sampling rate."""

    input_sampling_rate: float | None
    n_jobs: int | None

    def _describe_array(self, X: np.ndarray) -> tuple[None, float]:
        name = type(self).__name__
        if self.input_sampling_rate is None:
            raise SamplingRateError(
                f"{name}: plain arrays carry no sampling rate. State it: "
                f"{name}(..., input_sampling_rate=500); or pass an ECG column."
            )
        return None, check_sampling_rate(self.input_sampling_rate, name=name)

    def _check_input(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        stated = self.input_sampling_rate
        if stated is not None and stated != sampling_rate:
            raise SamplingRateError(
                f"{type(self).__name__}: input_sampling_rate={stated!r} contradicts the ECG "
                f"column, sampled at {format_hertz(sampling_rate or 0)}. "
                "Leave input_sampling_rate out: the column has its own."
            )

    @abstractmethod
    def _filter(self, signals: np.ndarray, rate: float) -> np.ndarray:
        """Filter samples (n_records, n_leads, n_times) of this rate, NaN where missing."""

    def _sampling_rate_out(self, rate: float) -> float:
        return rate

    def transform_signals(
        self, signals: np.ndarray, leads: Leads, sampling_rate: float
    ) -> tuple[np.ndarray, Leads, float]:
        """Filter; see `SignalTransformer.transform_signals`."""
        self._check_input(leads, sampling_rate)
        filtered = self._filter(screen_where_needed(signals), sampling_rate)
        return filtered, leads, self._sampling_rate_out(sampling_rate)

    def _transform_column(self, column: ECGArray) -> ECGArray:
        rows = column.rows
        known = rows >= 0
        used, positions = np.unique(rows[known], return_inverse=True)  # filter repeats once
        storage = TransformedStorage(column.storage, self)
        n_bytes = 4 * len(used) * len(storage.leads) * storage.n_samples
        allowed = get_config()["working_memory"] << 20
        if n_bytes > max(allowed, 2 * column.storage.nbytes):
            return ECGArray(storage, rows)
        rows[known] = positions
        samples = storage.read(used)
        return ECGArray(ArrayStorage(samples, storage.leads, storage.sampling_rate), rows)

    def _transform_array(self, X: np.ndarray) -> np.ndarray:
        signals = X[:, None, :] if X.ndim == 2 else X
        rate = self.sampling_rate_in_
        out = np.empty((*signals.shape[:2], self._count_times(X.shape[-1], rate)), X.dtype)
        fill_in_batches(out, lambda batch: self._filter(signals[batch], rate), self.n_jobs)
        return out[:, 0] if X.ndim == 2 else out
