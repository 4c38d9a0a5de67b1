"""Quantile scaling of the clinical table, with missing values kept as NaN."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.validation import check_is_fitted, validate_data

from ecgsk._patients import number_patients
from ecgsk._privacy import MIN_PATIENTS, MIN_PATIENTS_IN_TABLE, RARE, coarse_ends, frequent_levels
from ecgsk.checks.fitting import check_categories

# Normal scores beyond three SDs carry no more information: the value is extreme.
_MAX_SCORE_SD = 3.0


class ClinicalScaler(TransformerMixin, BaseEstimator):
    """Transform numbers to normal scores and categories to indicators; NaN stays NaN.

    Laboratory values are skewed and have many units. Their rank among the
    training patients, as a normal score, depends on neither, and is robust to
    outliers. A category becomes one column per level, -1 or 1. NaN is kept, so
    that the network can use what was not measured.

    A fitted scaler holds no level and no extreme value of a single patient. Levels of fewer
    than five patients are pooled into one, ``"(rare)"``, which a level unseen in training has
    too; where these patients are fewer than five together, their level is missing. The ends
    of a column's distribution are medians of its five lowest and five highest patients, and
    one value of five or more is kept between. A column measured in fewer than five patients
    is missing. Tables of fewer than 20 patients are kept as they are.

    .. versionadded:: 0.1

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of the table.
    columns_ : list of str
        Columns of the table in fitted order; numbers for an array.
    levels_ : dict of str to list
        Levels of each categorical column; ``"(rare)"`` is last, where there is one.
    feature_names_out_ : list of str
        Columns of the matrix, such as ``"potassium"`` and ``"sex=female"``.
    numeric_columns_ : list of str
        Columns that hold numbers.
    quantiles_ : QuantileTransformer
        Transformer of the numeric columns; absent where there are none.

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk.preprocessing import ClinicalScaler
    >>> table = pd.DataFrame({"potassium": [3.0, 4.0, 9.0, None], "sex": ["f", "m", "f", None]})
    >>> ClinicalScaler().fit_transform(table).round(1)
    array([[-3. ,  1. , -1. ],
           [-0.3, -1. ,  1. ],
           [ 3. ,  1. , -1. ],
           [ nan,  nan,  nan]], dtype=float32)
    """

    n_features_in_: int

    # Request `groups` by default under metadata routing, as scikit-learn's splitters do.
    __metadata_request__fit = {"groups": True}

    def fit(self, X: Any, y: object = None, *, groups: Any = None) -> "ClinicalScaler":
        """Estimate the distribution of numeric columns and the levels of the others.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_records, n_columns)
            Numeric, boolean, categorical or text columns; NaN is missing. An
            array holds numbers.
        y : None
            Ignored.
        groups : array-like of shape (n_records,) or None
            Patient of each record; with None, each record counts as a patient.

        Raises
        ------
        TypeError
            If a column is of another kind, such as a date.
        ECGError
            If a column of text is no category: numbers or dates as text, paths, free text.
        """
        X = self._as_frame(X, fitting=True)
        patients = _number_patients(groups, len(X))
        self.columns_ = list(X.columns)
        self.levels_: dict[str, list] = {}
        numeric = []
        for name in self.columns_:
            kind = _kind(X[name])
            if kind == "number":
                numeric.append(name)
            else:
                self.levels_[name] = frequent_levels(X[name], patients)
        check_categories(type(self).__name__, X, list(self.levels_))
        self.numeric_columns_ = numeric
        if numeric:
            values = _numbers(X, numeric)
            # A column that was never measured in training stays NaN. scikit-learn would warn of
            # it, and to silence warnings changes the filters of all threads.
            never = np.isnan(values).all(axis=0)
            self.quantiles_ = QuantileTransformer(
                n_quantiles=min(1000, len(X)), output_distribution="normal", random_state=0
            ).fit(np.where(never, 0.0, values))
            self.quantiles_.quantiles_[:, never] = np.nan
            if patients.max() + 1 >= MIN_PATIENTS_IN_TABLE:
                _coarsen(self.quantiles_, values, patients)
        self.feature_names_out_ = numeric + [
            f"{name}={level}" for name, levels in self.levels_.items() for level in levels
        ]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Transform a table to a matrix.

        Parameters
        ----------
        X : DataFrame or array-like
            A frame has the fitted columns in any order; others are ignored. An
            array has them in the fitted order.

        Returns
        -------
        ndarray of shape (n_records, n_features_out), float32
            NaN where nothing was measured; a level unseen in training is rare, or missing in
            a column without rare levels.

        Raises
        ------
        ValueError
            If fitted columns are absent.
        """
        check_is_fitted(self)
        X = self._as_frame(X, fitting=False)
        absent = [name for name in self.columns_ if name not in X.columns]
        if absent:
            raise ValueError(
                f"{type(self).__name__} was fitted on the columns {self.columns_}; "
                f"{absent} are not in X. Add them, as NaN where nothing was measured."
            )
        parts = []
        if self.numeric_columns_:
            scores = self.quantiles_.transform(_numbers(X, self.numeric_columns_))
            parts.append(np.clip(scores, -_MAX_SCORE_SD, _MAX_SCORE_SD))
        for name, levels in self.levels_.items():
            values = X[name].astype(object)
            codes = pd.Index(levels, dtype=object).get_indexer(values)
            if levels and levels[-1] == RARE:
                codes[(codes < 0) & values.notna().to_numpy()] = len(levels) - 1
            indicators = np.where(codes[:, None] == np.arange(len(levels)), 1.0, -1.0)
            indicators[codes < 0] = np.nan
            parts.append(indicators)
        if not parts:
            return np.empty((len(X), 0), dtype=np.float32)
        return np.hstack(parts).astype(np.float32)

    def _as_frame(self, X: Any, *, fitting: bool) -> pd.DataFrame:
        if isinstance(X, pd.DataFrame):
            # Columns are found by name; their order and others do not matter.
            return validate_data(self, X, skip_check_array=True) if fitting else X
        values = validate_data(
            self, X, reset=fitting, dtype="numeric", ensure_all_finite="allow-nan"
        )
        return pd.DataFrame(values, columns=None if fitting else self.columns_)

    def __sklearn_tags__(self):
        """Declare NaN as allowed and the output as float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the column names of the matrix."""
        check_is_fitted(self)
        return np.array(self.feature_names_out_, dtype=object)


def _number_patients(groups: Any, n_records: int) -> np.ndarray:
    """Return the number of each record's patient."""
    if groups is None:
        return np.arange(n_records)
    return number_patients("ClinicalScaler.fit", groups, n_records)[0]


def _coarsen(quantiles: QuantileTransformer, values: np.ndarray, patients: np.ndarray) -> None:
    """Replace quantiles that describe fewer than five patients.

    Only the ends change where five patients or more lie between all quantiles. Scores there
    are beyond three SDs, so that the matrix of a table of 5,000 patients stays the same.
    """
    levels = quantiles.references_
    for column, kept in zip(values.T, quantiles.quantiles_.T, strict=True):
        order = np.argsort(column)[: np.count_nonzero(~np.isnan(column))]
        measured = column[order]
        ends = coarse_ends(measured, patients[order])
        if ends is None:
            kept[:] = np.nan
            continue
        n_patients = len(np.unique(patients[order]))
        if n_patients < MIN_PATIENTS * len(levels):
            few = np.linspace(0, 1, max(2, n_patients // MIN_PATIENTS))
            inner = np.quantile(measured, few[1:-1])
            kept[:] = np.interp(levels, few, [ends[0], *np.clip(inner, *ends), ends[1]])
        kept[0], kept[-1] = ends
        np.clip(kept, *ends, out=kept)


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "category"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number"
    if isinstance(column.dtype, (pd.CategoricalDtype, pd.StringDtype)):
        return "category"
    holds = str(column.dtype)
    if column.dtype == object:
        holds = pd.api.types.infer_dtype(column, skipna=True)
        if holds in ("string", "boolean", "empty"):
            return "category"
        if holds in ("integer", "floating", "mixed-integer-float", "decimal"):
            return "number"
    raise TypeError(
        f"Column {column.name!r} has dtype {holds}; a clinical column must be numeric, "
        "boolean, categorical or text. Convert it, or leave it out through clinical_columns=."
    )


def _numbers(X: pd.DataFrame, names: list[str]) -> np.ndarray:
    try:
        values = X[names].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Columns {names} were numbers when fitted; one of them is not now: {error}. "
            "Convert it with pd.to_numeric."
        ) from error
    if np.isinf(values).any():
        bad = [name for name, column in zip(names, values.T, strict=True) if np.isinf(column).any()]
        raise ValueError(f"Columns {bad} hold infinity; a missing value is NaN.")
    return values
