"""Join a hospital's table to ECG records by a key, and report what has no partner."""

from typing import Any, Literal
from warnings import warn

import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError

_LARGEST_EXACT = 2**53  # whole numbers above it lose digits as floating point
_SHOWN = 3


def join_table(
    records: pd.DataFrame,
    table: pd.DataFrame,
    on: str,
    *,
    table_on: str | None = None,
    unmatched: Literal["warn", "raise", "ignore"] = "warn",
    return_unmatched: bool = False,
) -> Any:
    """Join the rows of a table to ECG records by a key, such as the record's name.

    Numbers and text are compared as text: the record ``"1"`` finds the row of the number
    1, which ``read_csv`` makes of it.

    .. versionadded:: 0.1

    Parameters
    ----------
    records : DataFrame
        One row per ECG, as `ecgsk.io.read_wfdb_folder` returns. Several records may have
        one key, such as a patient's.
    table : DataFrame
        One row for each key.
    on : str
        Name of the key: a column or the index of both.
    table_on : str, optional
        Its name in `table`; by default `on`.
    unmatched : {"warn", "raise", "ignore"}, default="warn"
        What to do about records and rows without a partner. They are left out.
    return_unmatched : bool, default=False
        Return also the keys without a partner.

    Returns
    -------
    joined : DataFrame
        Records with a row, in their order and with their index: the columns of
        `records`, then those of `table` without its key.
    records_left_out, rows_left_out : list of str
        Keys of records without a row, and of rows without a record. Only if
        `return_unmatched` is True.

    Raises
    ------
    ECGError
        When a key is absent, several rows have one key, no record has a row, keys are
        ambiguous (the text ``"0001"`` beside the number 1), or both tables have a
        column of one name.

    Warns
    -----
    UserWarning
        When records or rows have no partner, with their numbers and examples.

    See Also
    --------
    Cohort : Takes the columns of the joined table.

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk.datasets import join_table
    >>> records = pd.DataFrame({"record": ["1", "2", "10"]})
    >>> visits = pd.DataFrame({"record": [10, 2, 3], "age": [60, 71, 48]})
    >>> joined, alone, rows = join_table(
    ...     records, visits, on="record", unmatched="ignore", return_unmatched=True
    ... )
    >>> joined
      record  age
    1      2   71
    2     10   60
    >>> alone, rows
    (['1'], ['3'])
    """
    if unmatched not in ("warn", "raise", "ignore"):
        raise ECGError(
            f"join_table: expected unmatched='warn', 'raise' or 'ignore', got {unmatched!r}."
        )
    other = on if table_on is None else table_on
    left, right = _column(records, on, "records"), _column(table, other, "table")
    left_keys, right_keys = _as_text(left, on), _as_text(right, other)
    _check_ambiguous(left, left_keys, right, right_keys)
    _check_rows(table, right_keys, other)
    values = table.drop(columns=other, errors="ignore")
    if shared := [name for name in values.columns if name in records.columns]:
        raise ECGError(
            f"join_table: both tables have the column {', '.join(map(str, shared))}. "
            "Drop or rename it in one of them."
        )
    rows = pd.Index(right_keys).get_indexer(left_keys)
    rows[left_keys.isna()] = -1
    found = rows >= 0
    alone = left_keys[~found].fillna("missing").tolist()
    never = np.setdiff1d(np.arange(len(table)), rows)
    unused = right_keys.iloc[never].fillna("missing").tolist()
    text = _report(alone, unused, len(records), len(table))
    if not found.any() or (text and unmatched == "raise"):
        raise ECGError(
            f"join_table: {text or 'records has no rows.'} Compare the spelling of the keys."
        )
    if text and unmatched == "warn":
        warn(f"join_table: {text} They are left out.", stacklevel=2)
    joined = records[found]
    matched = values.iloc[rows[found]].set_axis(joined.index, axis="index")
    joined = pd.concat([joined, matched], axis="columns")
    joined.attrs = records.attrs
    return (joined, alone, unused) if return_unmatched else joined


def _column(table: pd.DataFrame, name: str, role: str) -> pd.Series:
    columns = [place for place, column in enumerate(table.columns) if column == name]
    if len(columns) == 1:
        return table.iloc[:, columns[0]].reset_index(drop=True)
    if not columns and name in table.index.names:
        return pd.Series(table.index.get_level_values(name))
    raise ECGError(
        f"join_table: expected one column {name!r} in {role}, got {len(columns)}; its columns are "
        f"{', '.join(map(str, table.columns[:20]))}. Give the key's name as on= or table_on=."
    )


def _as_text(keys: pd.Series, name: str) -> pd.Series:
    """Return keys as text, whole numbers without a decimal point, and NA where missing."""
    plain = keys.astype(object)
    known = plain.notna()
    return plain.where(known, None).map(lambda key: _text(key, name), na_action="ignore")


def _text(key: Any, name: str) -> str:
    if isinstance(key, str):
        return key.strip()
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return str(int(key))
    is_whole = isinstance(key, float | np.floating) and float(key).is_integer()
    if is_whole and abs(key) <= _LARGEST_EXACT:
        return str(int(key))
    raise ECGError(
        f"join_table: expected text or whole numbers below 2**53 as keys in {name!r}, got {key!r}. "
        f"Read the column as text: pd.read_csv(path, dtype={{{name!r}: str}})."
    )


def _check_ambiguous(
    left: pd.Series, left_keys: pd.Series, right: pd.Series, right_keys: pd.Series
) -> None:
    """Raise if one table has a text with leading zeros, and the other the same number."""
    for text, text_keys, numbers, number_keys in (
        (left, left_keys, right, right_keys),
        (right, right_keys, left, left_keys),
    ):
        if pd.api.types.is_numeric_dtype(text) or not pd.api.types.is_numeric_dtype(numbers):
            continue
        padded = text_keys[text_keys.str.fullmatch(r"0\d+", na=False)]
        bare = padded.str.lstrip("0").replace("", "0")
        if (both := bare[bare.isin(number_keys)]).size:
            raise ECGError(
                f"join_table: the text {padded[both.index[0]]!r} may be the number "
                f"{both.iloc[0]} of the other table, whose leading zeros were lost. Read the key "
                "as text in both, such as with pd.read_csv(path, dtype={'record': str})."
            )


def _check_rows(table: pd.DataFrame, keys: pd.Series, name: str) -> None:
    repeated = keys[keys.notna() & keys.duplicated()].unique()
    if len(repeated):
        rows = int(keys.isin(repeated).sum())
        raise ECGError(
            f"join_table: expected one row for each {name!r} in table; {len(repeated)} keys have "
            f"{rows} rows, such as {repeated[0]!r}. Choose one row, such as with "
            f"table.drop_duplicates({name!r}), or join by a key of the record."
        )


def _report(alone: list[str], unused: list[str], n_records: int, n_rows: int) -> str:
    parts = []
    if alone:
        parts.append(f"{len(alone)} of {n_records} records have no row, such as {_first(alone)}")
    if unused:
        parts.append(f"{len(unused)} of {n_rows} rows have no record, such as {_first(unused)}")
    return "; ".join(parts) + "." if parts else ""


def _first(keys: list[str]) -> str:
    return ", ".join(repr(key) for key in keys[:_SHOWN])
