"""Columns of a hospital's table by role: checked, and converted to labels and numbers."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.datasets._csv_files import read_csv
from ecgsk.datasets._layouts import label_table
from ecgsk.exceptions import ECGError, RecordReadError

_SHOWN = 40  # names of columns in an error


def read_any_table(path: Path, *, text: Sequence[str] = (), name: str) -> pd.DataFrame:
    """Read a CSV or Parquet file; `text` are columns to read as text, such as keys."""
    if not path.is_file():
        raise RecordReadError(f"{name}: there is no file {path}. Give a CSV or Parquet file.")
    if path.suffix.lower() not in (".parquet", ".pq"):
        return read_csv(path, name=name, text=text)
    try:
        table = pd.read_parquet(path)
    # pyarrow raises errors of many classes for damaged files.
    except Exception as error:
        raise RecordReadError(
            f"{name}: {path} cannot be read as Parquet ({type(error).__name__}: {error}). Write it "
            "again, or as CSV."
        ) from error
    return table if table.index.names == [None] else table.reset_index()


def assign_roles(
    columns: pd.Index, named: Mapping[str, Sequence[str]], *, name: str
) -> pd.DataFrame:
    """Return the role of each column; raise for an unknown column or one with two roles.

    The key may be the patient too, and either may be dropped, which they are anyway.
    """
    roles: dict[str, str] = dict.fromkeys(columns, "clinical")
    for role, names in named.items():
        for column in names:
            if column not in roles:
                raise ECGError(
                    f"{name}: the table has no column {column!r}, named as {role}; its columns are "
                    f"{', '.join(map(str, columns[:_SHOWN]))}."
                )
            before = roles[column]
            if before == "key" and role == "patient":
                roles[column] = "key, patient"
            elif before != "clinical":
                raise ECGError(
                    f"{name}: the column {column!r} is named as {before} and as {role}. Name it "
                    "once."
                )
            else:
                roles[column] = role
    for column in ("ecg", "subject_id"):
        if roles.get(column) == "clinical":
            raise ECGError(
                f"{name}: the table has a clinical column {column!r}, which is the name of another "
                f"column of X. Drop it with drop=[{column!r}], or rename it."
            )
    return pd.DataFrame({"role": roles}).rename_axis("column")


def hide_missing(table: pd.DataFrame, missing: Mapping[str, Any], *, name: str) -> pd.DataFrame:
    """Replace values that mean missing by NaN, column by column; compare them as text."""
    table = table.copy(deep=False)
    for column, values in missing.items():
        if column not in table:
            raise ECGError(
                f"{name}: the table has no column {column!r}, named in missing; its columns are "
                f"{', '.join(map(str, table.columns[:_SHOWN]))}."
            )
        texts = [str(value) for value in np.atleast_1d(np.asarray(values, dtype=object))]
        hidden = _as_text(table[column]).isin(texts)
        if not hidden.any():
            raise ECGError(
                f"{name}: no cell of {column!r} is {' or '.join(texts)}, named in "
                "missing. Compare the spelling."
            )
        table[column] = table[column].mask(hidden)
    return table


def tidy(table: pd.DataFrame, *, keep: Sequence[str]) -> pd.DataFrame:
    """Strip text, and convert columns whose every text is a number; leave `keep` as text."""
    table = table.copy(deep=False)
    for column in table.columns:
        if not (table[column].dtype == object or pd.api.types.is_string_dtype(table[column])):
            continue
        cells = table[column].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
        cells = cells.mask(cells == "")
        if column not in keep:
            numbers = pd.to_numeric(cells, errors="coerce")
            cells = (
                numbers
                if cells.notna().any() and (numbers.notna() == cells.notna()).all()
                else cells
            )
        table[column] = cells
    return table


def label_tables(
    table: pd.DataFrame,
    labels: Sequence[str],
    statements: Sequence[str],
    *,
    min_count: int,
    name: str,
) -> pd.DataFrame:
    """Return the labels of 0, 1 and NaN: columns, and the values of columns of statements."""
    parts = [table[[]]]
    for label in labels:
        cells = table[label]
        numbers = pd.to_numeric(cells, errors="coerce").astype("float64")
        wrong = cells.notna() & ~numbers.isin([0, 1])
        if wrong.any():
            value = _as_text(cells[wrong]).iloc[0]
            raise ECGError(
                f"{name}: expected 0, 1 or missing in the label {label!r}, got {value!r} in "
                f"{int((_as_text(cells) == value).sum())} rows. Where it means not known, state it "
                f"as missing for {label!r}; where it is a class, name the column in statements."
            )
        parts.append(numbers.to_frame(label))
    if len(statements):
        found = [
            set(_statements(row)) or None
            for row in zip(*(table[column] for column in statements), strict=True)
        ]
        parts.append(label_table(found, table.index, min_count=min_count, name=name))
    Y = pd.concat(parts, axis=1)
    if repeated := Y.columns[Y.columns.duplicated()].tolist():
        raise ECGError(
            f"{name}: two labels are called {repeated[0]!r}: a column, and a value of statements. "
            "Rename the column."
        )
    return Y


def frequent_statements(
    Y: pd.DataFrame, labels: Sequence[str], *, min_count: int, name: str
) -> pd.DataFrame:
    """Drop the labels of statements that are rare in the records which were found."""
    counts = Y.drop(columns=list(labels)).sum()
    kept = counts.index[counts >= min_count]
    if len(counts) and not len(kept):
        raise ECGError(
            f"{name}: no value of statements has min_count={min_count} records; the most frequent "
            f"has {int(counts.max())}. Lower min_count."
        )
    return Y[[*labels, *kept]]


def lab_table(table: pd.DataFrame, labs: Sequence[str], *, name: str) -> pd.DataFrame:
    """Return laboratory targets as numbers."""
    return table[list(labs)].apply(lambda column: _numbers(column, name=name))


def range_table(path: Path | None, labs: Sequence[str], *, name: str) -> pd.DataFrame | None:
    """Return reference ranges in the order of the laboratories; NaN where none is stated."""
    if path is None:
        return None
    ranges = read_any_table(path, text=("laboratory", "unit"), name=name)
    if absent := {"laboratory", "low", "high"} - set(ranges.columns):
        raise ECGError(
            f"{name}: {path} lacks the column {', '.join(sorted(absent))}; expected laboratory, "
            f"low, high and, optionally, unit; got {', '.join(map(str, ranges.columns))}."
        )
    if (twice := ranges["laboratory"].duplicated()).any():
        raise ECGError(
            f"{name}: {path} has several rows for {ranges['laboratory'][twice].iloc[0]!r}. Keep "
            "one."
        )
    ranges = ranges.set_index("laboratory").assign(unit=lambda frame: frame.get("unit", ""))
    ranges = ranges.reindex(pd.Index(labs))[["low", "high", "unit"]]
    for bound in ("low", "high"):
        ranges[bound] = _numbers(ranges[bound], name=name)
    return ranges.assign(unit=ranges["unit"].fillna(""))


def fold_numbers(column: pd.Series, *, name: str) -> pd.Series:
    """Return the fold of each row; whole numbers, none missing."""
    numbers = _numbers(column, name=name)
    if not (numbers % 1 == 0).all():
        raise ECGError(
            f"{name}: expected a whole number in every row of the fold column {column.name!r}, got "
            f"{column[~(numbers % 1 == 0)].iloc[0]!r}."
        )
    return numbers.astype("int64")


def _numbers(column: pd.Series, *, name: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = (column.notna() & numbers.isna()) | np.isinf(numbers)
    if wrong.any():
        value = _as_text(column[wrong]).iloc[0]
        raise ECGError(
            f"{name}: expected finite numbers in {column.name!r}, got {value!r} in one of "
            f"{int(wrong.sum())} such rows. State it as missing where it means not measured."
        )
    return numbers


def _as_text(column: pd.Series) -> pd.Series:
    """Return cells as text, whole numbers without a decimal point; NA where missing."""

    def text(cell: Any) -> str:
        whole = isinstance(cell, float) and cell.is_integer()
        return str(int(cell) if whole or isinstance(cell, bool | np.bool_) else cell).strip()

    return column.astype(object).map(text, na_action="ignore")


def _statements(cells: Iterable[Any]) -> list[str]:
    """Return the values of one record's cells, one per line of each."""
    known = [str(cell) for cell in _as_text(pd.Series(list(cells), dtype=object)).dropna()]
    lines = [line.strip() for cell in known for line in cell.splitlines()]
    return [line for line in lines if line]
