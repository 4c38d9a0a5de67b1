"""Laboratory abnormalities, low and high, from values and reference ranges."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ecgsk.exceptions import ECGError

_SIDES = ("low", "high")
_SHOWN = 3  # texts in an error


class LabAbnormality(TransformerMixin, BaseEstimator):
    """Compare laboratory values with reference ranges, low and high as separate targets.

    .. versionadded:: 0.1

    Parameters
    ----------
    reference_ranges : DataFrame, mapping or pair
        A DataFrame indexed by laboratory with columns ``low`` and ``high``, as
        `Cohort.reference_ranges`; a mapping of laboratory to ``(low, high)``; or
        one ``(low, high)`` for all columns, such as standard scores, which may
        then be an array. Bounds are in the unit of the values. A bound of NaN or
        None gives no target.

    Attributes
    ----------
    laboratories_ : list of str
        Laboratories seen in `fit`; ``"x0"``, ``"x1"``, ... for an array.
    n_features_in_ : int
        Number of laboratories.
    low_, high_ : ndarray of float64, shape (n_laboratories,)
        Bounds of the laboratories.

    See Also
    --------
    ecgsk.datasets.load_mimic_iv : Compares every value with the range of its own row.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> labs = pd.DataFrame({"potassium": [3.0, 4.0, np.nan], "lactate": [1.0, 5.1, 2.2]})
    >>> LabAbnormality({"potassium": (3.5, 5.1), "lactate": (None, 2.2)}).fit_transform(labs)
       potassium low  potassium high  lactate high
    0            1.0             0.0           0.0
    1            0.0             0.0           1.0
    2            NaN             NaN           0.0
    """

    low_: np.ndarray
    high_: np.ndarray
    n_features_in_: int

    def __init__(
        self,
        reference_ranges: pd.DataFrame
        | Mapping[str, Sequence[float | None]]
        | tuple[float | None, float | None],
    ):
        self.reference_ranges = reference_ranges

    def fit(self, X: Any, y: Any = None) -> Self:
        """Look up the bounds of the laboratories in X.

        Parameters
        ----------
        X : DataFrame, shape (n_records, n_laboratories)
            Values in the unit of the reference ranges; NaN where not measured.
            May be an array when one pair is the range of all columns.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ECGError
            When X is an array and ranges have names, a laboratory has no
            reference range, a range's lower bound is above its upper one, or a
            value is text, such as ``"<3.0"``.
        """
        one_for_all = _is_pair(self.reference_ranges)
        if not one_for_all and not isinstance(X, pd.DataFrame):
            raise ECGError(
                "LabAbnormality: expected a DataFrame whose columns name the laboratories, got "
                f"{type(X).__name__}. Use pd.DataFrame(values, columns=[...]), or one (low, high) "
                "for all columns."
            )
        check_numbers(X)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        names = X.columns if isinstance(X, pd.DataFrame) else range(values.shape[1])
        self.laboratories_ = [name if isinstance(name, str) else f"x{name}" for name in names]
        ranges = read_ranges(self.reference_ranges, self.laboratories_)
        if absent := [name for name in self.laboratories_ if name not in ranges.index]:
            raise ECGError(
                f"LabAbnormality: no reference range for {', '.join(map(str, absent))}; there are "
                f"ranges for {', '.join(map(str, ranges.index))}. Drop the columns, or add their "
                "ranges (None for a side without a bound)."
            )
        self.low_, self.high_ = (
            _bounds(ranges.loc[self.laboratories_, side], side) for side in _SIDES
        )
        bounds = zip(self.laboratories_, self.low_, self.high_, strict=True)
        if odd := [bound for bound in bounds if bound[1] > bound[2]]:
            name, low, high = odd[0]
            raise ECGError(
                f"LabAbnormality: expected low <= high in the reference range of {name}, got "
                f"low={low:g} and high={high:g}. Swap them."
            )
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """Compare values with their bounds.

        Parameters
        ----------
        X : DataFrame, shape (n_records, n_laboratories)
            The laboratories seen in `fit`.

        Returns
        -------
        DataFrame of float64
            Columns such as ``"potassium low"`` and ``"potassium high"``, X's
            index: 1 strictly beyond the bound, 0 otherwise; NaN where not measured.
        """
        check_is_fitted(self)
        check_numbers(X)
        values = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        beyond = {"low": values < self.low_, "high": values > self.high_}
        targets = {
            f"{name} {side}": np.where(np.isnan(values[:, place]), np.nan, beyond[side][:, place])
            for place, name, side in self._targets()
        }
        return pd.DataFrame(targets, index=X.index if isinstance(X, pd.DataFrame) else None)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the targets.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        names = [f"{name} {side}" for _, name, side in self._targets()]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        """Declare NaN as allowed and the output as float64."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _targets(self) -> list[tuple[int, str, str]]:
        bounds = {"low": self.low_, "high": self.high_}
        return [
            (place, name, side)
            for place, name in enumerate(self.laboratories_)
            for side in _SIDES
            if not np.isnan(bounds[side][place])
        ]


def check_numbers(X: Any) -> None:
    """Raise where a column of laboratory values holds text that is no number.

    Only columns of text are looked at: about 0.1 s for one of 800,000 rows.
    """
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OUS":
        X = pd.DataFrame(X)
    if not isinstance(X, pd.DataFrame):
        return
    for place, column in enumerate(X.columns):
        values = X.iloc[:, place]
        if pd.api.types.is_numeric_dtype(values):
            continue
        is_text = values.map(lambda value: isinstance(value, str)).astype(bool)
        wrong = is_text & pd.to_numeric(values.where(is_text), errors="coerce").isna()
        if not wrong.any():
            continue
        shown = ", ".join(map(repr, values[wrong].astype(str).unique()[:_SHOWN]))
        raise ECGError(
            f"LabAbnormality: expected numbers in the column {column!r}, got text in "
            f"{int(wrong.sum())} of {len(values)} rows, such as {shown}. For a value below a "
            "detection limit, such as '<3.0', choose a number below it where the reference range "
            "lies above the limit, or NaN (not measured); write 5.6, not '5,6'. Then use "
            f"pd.to_numeric(labs[{column!r}])."
        )


def read_ranges(ranges: Any, laboratories: Sequence[str]) -> pd.DataFrame:
    """Return reference ranges as a frame, one row per laboratory; one pair is for all."""
    if _is_pair(ranges):
        ranges = dict.fromkeys(laboratories, ranges)
    if isinstance(ranges, Mapping):
        pairs = {name: bounds for name, bounds in ranges.items() if not _has_two(bounds)}
        if pairs:
            name, bounds = next(iter(pairs.items()))
            raise ECGError(
                f"LabAbnormality: expected (low, high) as the reference range of {name}, got "
                f"{bounds!r}. Use None for a side without a bound."
            )
        ranges = pd.DataFrame.from_dict(
            {name: list(bounds) for name, bounds in ranges.items()},
            orient="index",
            columns=list(_SIDES),
        )
    if not isinstance(ranges, pd.DataFrame) or not set(_SIDES) <= set(ranges.columns):
        raise ECGError(
            "LabAbnormality: expected reference_ranges as a DataFrame with columns low and "
            f"high, or a mapping of laboratory to (low, high); got {type(ranges).__name__}."
        )
    if ranges.index.has_duplicates:
        twice = ranges.index[ranges.index.duplicated()].unique()
        raise ECGError(
            "LabAbnormality: expected one reference range per laboratory; "
            f"{', '.join(map(str, twice))} has several rows. Keep one of each."
        )
    return ranges


def _bounds(stated: pd.Series, side: str) -> np.ndarray:
    bounds = pd.to_numeric(stated, errors="coerce")
    wrong = stated.notna() & bounds.isna()
    if wrong.any():
        raise ECGError(
            f"LabAbnormality: expected numbers as reference ranges, got {stated[wrong].iloc[0]!r} "
            f"as the {side} bound of {stated.index[wrong][0]}. Use a number, or None for no bound."
        )
    return bounds.to_numpy(np.float64, na_value=np.nan)


def _has_two(bounds: Any) -> bool:
    return (
        not isinstance(bounds, str)
        and isinstance(bounds, Sequence | np.ndarray)
        and len(bounds) == 2
    )


def _is_pair(ranges: Any) -> bool:
    return isinstance(ranges, tuple) and len(ranges) == 2
