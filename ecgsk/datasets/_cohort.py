"""`Cohort`: records, labels and laboratory values with one index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

from ecgsk.checks.fitting import warn_of_table
from ecgsk.checks.roles import split_roles
from ecgsk.exceptions import ECGError
from ecgsk.signals.columns import find_ecg_column

N_FOLDS = 10
# Kinds of numbers in a column of Python objects, as pandas names them.
_NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal", "empty")


class Cohort(Bunch):
    """ECGs with their clinical table, diagnoses and laboratory values.

    A :class:`sklearn.utils.Bunch` (a dictionary whose keys are attributes) that
    checks that all of its tables have the index of ``X``.

    .. versionadded:: 0.1

    Parameters
    ----------
    X : DataFrame of shape (n_records, n_columns)
        One row per ECG: an ``"ecg"`` column, clinical columns and ``"subject_id"``.
    Y : DataFrame of shape (n_records, n_diagnoses)
        0, 1 or NaN (not known), indexed like ``X``.
    labs : DataFrame of shape (n_records, n_laboratories), optional
        Laboratory values in real units, NaN where not measured, indexed like
        ``X``. By default a table without columns.
    reference_ranges : DataFrame, optional
        Columns ``low``, ``high`` and ``unit``, indexed by laboratory (the columns
        of ``labs``, in their order); NaN for a missing bound.
    groups : Series of length n_records, optional
        Subject of each row, by default ``X["subject_id"]``.
    folds : Series of int of length n_records, optional
        Folds by subject; by default ten folds of :func:`assign_folds` with
        ``random_state=0``.
    DESCR : str, default=""
        Description and source of the cohort.
    population : str, default=""
        Who the patients are, such as ``"adults of one emergency department"``. Kept in
        ``X.attrs``; a model that is fitted on X, or rows of it, states it.
    **extra
        Further entries, such as ``latent``.

    Raises
    ------
    ECGError
        When ``X`` has no rows, a table has two columns of one name, ``Y`` or ``labs``
        has text, a record has no patient, an index differs from that of ``X``, a
        subject is in two folds, or a laboratory test has no reference range.

    Warns
    -----
    TableWarning
        When a column of ``X`` is no clinical value: :func:`ecgsk.check_table`.

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk.datasets import Cohort
    >>> X = pd.DataFrame({"age": [60.0, 61.0, 44.0], "subject_id": [7, 7, 9]})
    >>> Y = pd.DataFrame({"atrial fibrillation": [0.0, 1.0, 0.0]})
    >>> cohort = Cohort(X, Y)
    >>> cohort.shape
    (3, 2)
    >>> cohort
    Cohort of 3 records from 2 subjects
      X       2 columns: age, subject_id
      Y       1 diagnosis: atrial fibrillation; 33.3% positive
      labs    none
      folds   2, by subject
    """

    def __init__(
        self,
        X: pd.DataFrame,
        Y: pd.DataFrame,
        *,
        labs: pd.DataFrame | None = None,
        reference_ranges: pd.DataFrame | None = None,
        groups: pd.Series | None = None,
        folds: pd.Series | None = None,
        DESCR: str = "",
        population: str = "",
        **extra: Any,
    ):
        if population:
            X = X.copy(deep=False)
            X.attrs["population"] = population
        if groups is None:
            groups = _subjects(X)
        if folds is None:
            folds = assign_folds(groups, random_state=0)
        if labs is None:
            labs = pd.DataFrame(index=X.index)
        if reference_ranges is None:
            reference_ranges = pd.DataFrame(
                {"low": np.nan, "high": np.nan, "unit": ""}, index=labs.columns
            )
        super().__init__(
            X=X,
            Y=Y,
            labs=labs,
            reference_ranges=reference_ranges,
            groups=groups,
            folds=folds,
            DESCR=DESCR,
            population=population or X.attrs.get("population", ""),
            **extra,
        )
        self._check()
        columns, _ = split_roles(X.columns, {find_ecg_column(X), "subject_id"}, None)
        warn_of_table("Cohort", X, columns, patients=groups, y=Y)

    def _check(self) -> None:
        if not len(self.X):
            raise ECGError(
                "Cohort: X has no rows. Where it was joined to a table, compare the keys of both: "
                "use ecgsk.datasets.join_table, which reports those without a partner."
            )
        for name in ("X", "Y", "labs"):
            if repeated := self[name].columns[self[name].columns.duplicated()].tolist():
                raise ECGError(
                    f"Cohort: {name} has {repeated.count(repeated[0]) + 1} columns called "
                    f"{repeated[0]!r}. Rename or drop all but one."
                )
        for name in ("Y", "labs"):
            _check_numbers(self[name], name)
        if missing := int(self.groups.isna().sum()):
            raise ECGError(
                f"Cohort: the patient of {missing} of {len(self.groups)} records is missing, in "
                "groups or subject_id. Name each patient, or drop these records."
            )
        for name in ("Y", "labs", "groups", "folds"):
            if not self[name].index.equals(self.X.index):
                raise ECGError(
                    f"Cohort: {name} must have the index of X ({len(self.X)} rows); got "
                    f"{len(self[name])} rows with another index. Use {name}.loc[X.index]."
                )
        if not self.reference_ranges.index.equals(self.labs.columns):
            raise ECGError(
                "Cohort: reference_ranges must be indexed by the columns of labs, "
                f"{list(self.labs.columns)}; got {list(self.reference_ranges.index)}. "
                "Use reference_ranges.reindex(labs.columns)."
            )
        per_subject = self.folds.groupby(self.groups.to_numpy()).nunique()
        if (per_subject > 1).any():
            subjects = per_subject.index[per_subject > 1]
            raise ECGError(
                "Cohort: each subject must be in one fold; "
                f"{len(subjects)} are in several, such as {subjects[0]!r}. "
                "Leave folds out to assign them by subject."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of records and of columns of ``X``."""
        return self.X.shape

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), "shape"]

    def __repr__(self) -> str:
        records = count_text(len(self.X), "record")
        lines = [f"Cohort of {records} from {count_text(self.groups.nunique(), 'subject')}"]
        if "ecg" in self.X:
            lines.append(f"  ecg     {self.X['ecg'].dtype}")
        table = [name for name in self.X.columns if name != "ecg"]
        lines.append(f"  X       {count_text(len(table), 'column')}: {_first_names(table)}")
        lines.append(f"  Y       {_diagnoses_text(self.Y)}")
        lines.append(f"  labs    {_labs_text(self.labs)}")
        lines.append(f"  folds   {self.folds.nunique()}, by subject")
        return "\n".join(lines)


def _check_numbers(table: pd.DataFrame, name: str) -> None:
    """Raise where a column is not of numbers; only types are looked at."""
    for column, dtype in zip(table.columns, table.dtypes, strict=True):
        numeric = pd.api.types.is_numeric_dtype(dtype)
        if numeric or pd.api.types.infer_dtype(table[column], skipna=True) in _NUMBERS:
            continue
        texts = table[column][table[column].map(lambda value: isinstance(value, str)).astype(bool)]
        shown = f", such as {texts.iloc[0]!r}" if len(texts) else ""
        raise ECGError(
            f"Cohort: expected numbers in {name}, got {dtype} in the column {column!r}{shown}. Use "
            f"pd.to_numeric, and NaN where a {'label' if name == 'Y' else 'value'} is not known."
        )


def _subjects(X: pd.DataFrame) -> pd.Series:
    found = [name for name in X.columns if name == "subject_id"]
    if len(found) != 1:
        raise ECGError(
            f"Cohort: expected one column 'subject_id' in X, got {len(found)}; its columns are "
            f"{_first_names(X.columns, 20)}. Rename the column of the patients, or give groups=."
        )
    return X["subject_id"]


def assign_folds(groups: pd.Series, n_folds: int = N_FOLDS, random_state: Any = None) -> pd.Series:
    """Assign subjects at random to folds numbered from 1, as in PTB-XL.

    All records of a subject share a fold; folds differ by at most one subject.
    """
    codes, subjects = pd.factorize(groups)
    order = check_random_state(random_state).permutation(len(subjects))
    return pd.Series(order[codes] % n_folds + 1, index=groups.index, name="fold")


def count_text(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _first_names(names: Any, shown: int = 4) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:shown] + (["..."] if len(names) > shown else []))


def _diagnoses_text(Y: pd.DataFrame) -> str:
    known = Y.notna().to_numpy()
    if not known.any():
        return count_text(Y.shape[1], "diagnosis", "diagnoses") + ", none known"
    positive = Y.to_numpy(dtype=float, na_value=np.nan)[known].mean()
    text = f"{count_text(Y.shape[1], 'diagnosis', 'diagnoses')}: {_first_names(Y.columns)}"
    text += f"; {positive:.1%} positive"
    return text if known.all() else text + f", {1 - known.mean():.1%} unknown"


def _labs_text(labs: pd.DataFrame) -> str:
    if not labs.shape[1]:
        return "none"
    missing = labs.isna().to_numpy().mean() if len(labs) else 0.0
    return f"{labs.shape[1]}: {_first_names(labs.columns)}; {missing:.1%} not measured"
