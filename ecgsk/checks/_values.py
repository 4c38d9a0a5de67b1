"""Columns whose values are no clinical measurement: paths, dates, text, numbers as text."""

import re
from collections.abc import Iterator

import numpy as np

from ecgsk.checks._facts import Column
from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding

#: A category becomes one input per level. Rare levels have no records to learn from: with 50
#: levels and 1,000 records a level has 20 on average.
MAX_LEVELS = 50
#: Text with more levels than this, most of them on one record alone, is no category.
_MAX_LEVELS_OF_FEW, _MAX_SHARE_OF_LEVELS = 10, 0.5
#: Text of which nearly every record has its own is an identifier.
_NEAR_UNIQUE = 0.95
#: Words per value from which on text is free text.
_MIN_WORDS = 4
#: Numeric text with fewer distinct values is a coded category, such as NYHA "1" to "4".
_MAX_CODES = 10

#: Whole numbers are dates from this share on; the others mark missing dates.
_SHARE_OF_DATES = 0.9

_PATH = re.compile(
    r"(?:[a-zA-Z]:\\|[a-zA-Z0-9]+://|\.{0,2}[/\\])\S*"  # a drive, an address, a leading slash
    r"|[^\s/\\]+(?:[/\\][^\s/\\]+){2,}"  # folders
    r"|\S+\.(?:dat|hea|mat|xml|npy|npz|csv|tsv|dcm|edf|scp|json|txt|pdf|h5|hdf5|parquet)"
)
_CLOCK = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zé]*\.?"
_DATE = re.compile(
    rf"(?:1[89]|2[0-2])\d\d(?:[-/]\d{{1,2}}|([-/.])\d{{1,2}}\1\d{{1,2}}{_CLOCK})"
    rf"|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d{{2}}){_CLOCK}"
    rf"|\d{{1,2}}\.?[- ]{_MONTH}[- ,]+\d{{2,4}}{_CLOCK}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}}{_CLOCK}"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?",
    re.IGNORECASE,
)
_DIGITS = r"(?:\d{1,3}(?:[ ',.]\d{3})+|\d+)(?:[.,]\d+)?|[.,]\d+"
_NUMBER = re.compile(
    rf"(?:[<>≤≥~±+−-]|<=|>=)?\s*[+−-]?(?:{_DIGITS})(?:[eE][+-]?\d+)?(?:\s*%|\s+\S+)?"
)
_CODE = re.compile(r"[+-]?\d+(?:\s*%|\s+\S+)?|[<>≤≥].*")
_TIME_WORDS = frozenset(["date", "time", "datetime", "timestamp", "charttime", "storetime", "dob"])


def check_values(table: Table) -> Iterator[Finding]:
    """Find the first mistake in the values of each column: date, path, numbers or text."""
    for column in table.columns:
        finding = _describe(column)
        if finding is not None:
            kind, what, mend = finding
            yield Finding(
                "error",
                kind,
                (column.label,),
                column.n_known,
                f"The clinical column {str(column.label)!r} {what}.",
                mend.format(name=str(column.label)),
                can_be_meant=kind == "text" and column.kind == "category",
            )


def _describe(column: Column) -> tuple[str, str, str] | None:
    """Return kind, what was found and the mend; None for a usable column."""
    if column.kind == "date" or _is_numeric_date(column):
        return "date", f"has dtype {column.values.dtype} and holds dates or times", _DATE_MEND
    if column.kind == "other":
        what = f"has dtype {column.values.dtype} with values that are no numbers, booleans or text"
        return "dtype", what, "Convert it to numbers or a category, or drop it."
    if column.kind not in ("text", "category") or not len(column.levels):
        return None
    if column.mostly(_DATE):
        return "date", "holds dates or times as text", _DATE_MEND
    return _describe_numbers(column) or _describe_text(column)


_DATE_MEND = (
    "Replace it by a number, such as the age in years or the hours before the ECG, or drop it."
)
_DROP = "Drop it: X.drop(columns=[{name!r}])."


def _is_numeric_date(column: Column) -> bool:
    """Return whether whole numbers are dates as YYYYMMDD, or seconds since 1970 by name."""
    if column.kind != "number" or not column.is_whole:
        return False
    known = column.sample[np.isfinite(column.sample)]
    if set(column.words) & _TIME_WORDS and known.min() > 1e8:
        return True
    year, month, day = known // 10_000, known // 100 % 100, known % 100
    is_date = (year >= 1850) & (year < 2250) & (month >= 1) & (month <= 12)
    is_date &= (day >= 1) & (day <= 31)
    return bool(is_date.mean() > _SHARE_OF_DATES)


def _describe_numbers(column: Column) -> tuple[str, str, str] | None:
    """Describe text that is numbers: some with another sign, a comma, or all."""
    # Numbers in an object column beside text are not in `texts`.
    has_numbers = any(not isinstance(value, str) for value in column.levels)
    if not has_numbers and not column.mostly(_NUMBER):
        return None
    is_code = all(_CODE.fullmatch(text) or not _NUMBER.fullmatch(text) for text in column.texts)
    if is_code and not has_numbers and len(column.levels) <= _MAX_CODES:
        return None
    odd = [text for text in column.texts if not _is_plain(text)]
    example = f", such as {odd[0][:12]!r}" if odd and _NUMBER.fullmatch(odd[0]) else ""
    mend = (
        'Convert it: X[{name!r}] = pd.to_numeric(X[{name!r}].astype(str).str.replace(",", "."), '
        'errors="coerce"), after deciding which number a text such as "<3" is.'
    )
    return "numbers as text", f"holds numbers as text{example}", mend


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _describe_text(column: Column) -> tuple[str, str, str] | None:
    n_levels = len(column.levels)
    if column.mostly(_PATH) and n_levels > 1:
        return "path", "holds file paths", _DROP
    is_scarce = n_levels > max(_MAX_LEVELS_OF_FEW, _MAX_SHARE_OF_LEVELS * column.n_known)
    if n_levels <= MAX_LEVELS and not is_scarce:
        return None
    counts = f"{n_levels:,} distinct values in {column.n_known:,} records"
    n_words = np.mean([len(text.split()) for text in column.texts] or [0])
    if n_words >= _MIN_WORDS:
        return "text", f"is free text, with {counts}", _DROP
    if n_levels >= _NEAR_UNIQUE * column.n_known:
        return "identifier", f"is text that identifies records, with {counts}", _DROP
    mend = (
        f"Pool its rare levels to {MAX_LEVELS} or fewer, or drop it: X.drop(columns=[{{name!r}}])."
    )
    return "text", f"has {counts}, each of which would become an input", mend
