"""Read CSV files in one stated dialect; errors with file, line and column.

UTF-8, commas, fields quoted by ``"``, doubled within a field, a header, no comments.
A dialect guessed from the first rows fails on later ones.
"""

import csv
import gzip
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pandas as pd

from ecgsk.exceptions import RecordReadError

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAX_SHOWN = 40  # characters of a cell in an error
_SEXES = dict.fromkeys(("f", "female", "woman", "w", "weiblich"), "F")
_SEXES |= dict.fromkeys(("m", "male", "man", "männlich"), "M")
#: What to do about a file in another encoding.
RECODE = "Convert it, such as with iconv -f latin1 -t utf-8 {path} for text in latin-1."


def read_header(path: Path, *, name: str) -> list[str]:
    """Return the names of a file's columns; `name` is the caller in errors."""
    with _explained(path, name), _open(path) as file:
        header = next(csv.reader(file), [])
    if not header:
        raise RecordReadError(
            f"{name}: {path} is empty; expected a header. Download or write it again."
        )
    if _is_undecoded(header):
        raise RecordReadError(
            f"{name}: {path}, line 1, is not UTF-8. {RECODE.format(path=path.name)}"
        )
    for sign, called in _SEPARATORS.items():
        if len(header) == 1 and sign in header[0]:
            raise RecordReadError(
                f"{name}: {path}, line 1: expected commas between the columns, got {called}. "
                "Write it again with commas."
            )
    return header


def read_csv(path: Path, *, name: str, text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table with pandas once every row has the header's number of fields.

    `text` are columns to read as text, such as keys with leading zeros.
    """
    header = read_header(path, name=name)
    if repeated := sorted({column for column in header if header.count(column) > 1}):
        raise RecordReadError(
            f"{name}: {path} has {header.count(repeated[0])} columns called {repeated[0]!r}. "
            "Rename or remove all but one."
        )
    with _explained(path, name):
        for line, row in _rows(path):
            if _is_undecoded(row):
                raise RecordReadError(
                    f"{name}: {path}, line {line}, is not UTF-8. {RECODE.format(path=path.name)}"
                )
            if row and len(row) != len(header):
                raise RecordReadError(
                    f"{name}: {path}, line {line}: expected {len(header)} columns as in the "
                    f"header, got {len(row)}. The row is cut, or holds a comma without quotes."
                )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            kinds = dict.fromkeys(text, str)
            return pd.read_csv(path, encoding="utf-8-sig", index_col=False, dtype=kinds)


def locate(path: Path, place: int, text: str, *, column: str) -> str:
    """Return file, line and column of the first cell in a column that holds a text."""
    with suppress(OSError, EOFError, zlib.error, ValueError, csv.Error):
        for line, row in _rows(path):
            if line > 1 and len(row) > place and row[place] == text:
                return f"{path}, line {line}, column {column}"
    return f"{path}, column {column}"


def check_column(table: pd.DataFrame, column: str, kind: str, path: Path, *, name: str) -> None:
    """Raise unless a column of `read_csv` holds numbers, whole numbers, times or text.

    Missing cells are allowed in numbers and times alone.
    """
    cells = table[column]
    known = cells.notna()
    if kind == "time":
        good = pd.to_datetime(cells, errors="coerce", format="ISO8601").notna()
    elif kind == "text":
        good = known
    else:
        good = pd.to_numeric(cells, errors="coerce").notna()
    if kind == "whole":
        good &= pd.to_numeric(cells, errors="coerce") % 1 == 0
    wrong = ~good & (known if kind in ("number", "time") else True)
    if not wrong.any():
        return
    row = int(wrong.to_numpy().argmax())
    cell = cells.iloc[row]
    shown = "a missing value" if pd.isna(cell) else repr(str(cell)[:_MAX_SHOWN])
    expected = {"number": "a number", "whole": "a whole number", "time": "a time", "text": "text"}
    lines = [line for line, fields in _rows(path) if fields]
    raise RecordReadError(
        f"{name}: {path}, line {lines[row + 1]}, column {column}: expected {expected[kind]}, got "
        f"{shown}. Write numbers with a decimal point and times as 2150-01-31 12:00:00."
    )


def read_sex(column: pd.Series) -> pd.Series:
    """Return "F", "M" or NaN of a sex in a known spelling, English or German."""
    plain = column.astype("object").where(column.notna(), "").astype(str)
    sexes = plain.str.strip().str.casefold().map(_SEXES)
    return sexes.astype(pd.CategoricalDtype(["F", "M"]))


def read_age(column: pd.Series) -> pd.Series:
    """Return ages in years; an age such as ">89", one hidden for privacy, is one year more.

    Examples
    --------
    >>> read_age(pd.Series([">89", "0.3", "61", None])).tolist()
    [90.0, 0.3, 61.0, nan]
    """
    text = column.astype("object").where(column.notna(), "").astype(str).str.strip()
    above = text.str.startswith(">")
    years = pd.to_numeric(text.str.removeprefix(">"), errors="coerce").astype("float64")
    return years.mask(above, years + 1)


def warn_of_unread(before: pd.Series, after: pd.Series, what: str, *, name: str) -> None:
    """Warn where stated values have become missing."""
    count = int((before.notna() & after.isna()).sum())
    if count:
        warnings.warn(
            f"{name}: {count:,} of {len(before):,} values of {what} have an unknown spelling and "
            "were taken as missing.",
            stacklevel=3,
        )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows, each with the number of its last line."""
    with _open(path) as file:
        reader = csv.reader(file)
        for row in reader:
            yield reader.line_num, row


def _is_undecoded(row: Sequence[str]) -> bool:
    return any(
        "\udc80" <= sign <= "\udcff" for field in row if not field.isascii() for sign in field
    )


def _open(path: Path) -> IO[str]:
    options: dict[str, Any] = {"encoding": "utf-8-sig", "newline": "", "errors": "surrogateescape"}
    opened: Any = gzip.open if path.suffix == ".gz" else open
    return opened(path, "rt", **options)


@contextmanager
def _explained(path: Path, name: str) -> Iterator[None]:
    """Raise our error where a file cannot be read at all."""
    try:
        yield
    except (OSError, EOFError, zlib.error, csv.Error, pd.errors.ParserError, ValueError) as error:
        if isinstance(error, RecordReadError):
            raise
        raise RecordReadError(
            f"{name}: {path} cannot be read: {str(error).splitlines()[0]} It is cut, damaged "
            "or of another kind than its name states. Download it again."
        ) from error
