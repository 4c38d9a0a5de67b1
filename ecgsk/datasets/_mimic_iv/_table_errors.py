"""Errors of DuckDB as ECGError, with file, line and column."""

import re
from collections.abc import Sequence

import duckdb

from ecgsk.datasets._csv_files import RECODE
from ecgsk.datasets._mimic_iv._cells import MARK, SEPARATOR
from ecgsk.datasets._mimic_iv._table_file import TableFile
from ecgsk.exceptions import ECGError, RecordReadError

_LINE = re.compile(r"CSV Error on Line: (\d+)")
_FILE = re.compile(r"^\s*file ?= ?(.+)$", re.MULTILINE)
_WIDTHS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_MAX_SHOWN = 40  # characters of a cell


def translate(error: duckdb.Error, files: Sequence[TableFile]) -> ECGError:
    """Return our error for one of DuckDB, without the row of the table that DuckDB quotes."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return ECGError(
            f"load_mimic_iv: the database needs more memory than memory_limit: {error}. "
            "Raise memory_limit, or lower threads."
        )
    if MARK in text:
        return _cell_error(text, files)
    if path := _FILE.search(text):
        return _csv_error(text, path[1])
    return RecordReadError(
        f"load_mimic_iv: the tables cannot be read: {text.splitlines()[0]}. The file is cut or "
        "damaged, or temp_directory is full. Download the file again, or make room."
    )


def _cell_error(text: str, files: Sequence[TableFile]) -> RecordReadError:
    _, number, column, cell = text[text.index(MARK) :].split(SEPARATOR, 3)
    shown = repr(cell if len(cell) <= _MAX_SHOWN else cell[:_MAX_SHOWN] + "...")
    place = files[int(number)].locate(column, cell)
    if "," in cell and not cell.strip(" +-.,0123456789"):
        mend = "Write numbers with a decimal point and without thousands separators."
    else:
        mend = (
            "Expected a whole number, or a time such as 2150-01-10 12:00:00, without a zone or in "
            "UTC. Use the file as PhysioNet ships it."
        )
    return RecordReadError(
        f"load_mimic_iv: {place}: {shown} does not have the type of its column. {mend}"
    )


def _csv_error(text: str, path: str) -> RecordReadError:
    line = _LINE.search(text)
    place = f"{path}, line {line[1]}" if line else path
    if "not utf-8" in text:
        mend = RECODE.format(path=path)
        return RecordReadError(f"load_mimic_iv: {place}, is not UTF-8. {mend}")
    if widths := _WIDTHS.search(text):
        return RecordReadError(
            f"load_mimic_iv: {place}: expected {widths[1]} columns as in the header, got "
            f"{widths[2]}. The row is cut or damaged, or holds a comma without quotes."
        )
    if "unterminated quote" in text:
        reason = "a quoted field does not end. A quote within a field must be doubled."
    elif "aximum line size" in text:
        reason = "a row is longer than 2 MB. A quoted field may not end."
    else:
        reason = (
            "line ends or quotes are not those of its first rows. Write it with one kind of line "
            "end, and double each quote within a quoted field."
        )
    return RecordReadError(f"load_mimic_iv: {place}: {reason}")
