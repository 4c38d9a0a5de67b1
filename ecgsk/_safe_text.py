"""Escape untrusted text in pages, pictures and tables for spreadsheets.

Names of records, columns and labels come from files of others. A page shows them without
control characters; a table holds no cell that a spreadsheet runs as a formula.
"""

import re
from collections.abc import Iterable
from html import escape
from os import PathLike
from typing import Any

import pandas as pd
from markupsafe import Markup

from ecgsk._files import replace_file

# C0 and C1 controls but for tab and line ends, what reorders text, and halves of characters.
_CONTROLS = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)]
_REORDERING = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_INVISIBLE = re.compile(
    "[" + "".join(map(re.escape, map(chr, _CONTROLS + _REORDERING))) + "\ud800-\udfff\ufffe\uffff]"
)
_REPLACEMENT = "\ufffd"
#: Start of a cell that a spreadsheet takes for a formula.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]|\s+[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?%?|[-+](inf|Inf|nan)")


def without_controls(value: Any) -> Any:
    """Return text with control and reordering characters replaced by U+FFFD; else the value.

    For ``finalize=`` of a template environment: it sees every inserted value.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    kind = Markup if isinstance(value, Markup) else str
    return kind(_INVISIBLE.sub(_REPLACEMENT, str(value)))


def to_html_text(text: Any) -> str:
    """Return text for HTML or SVG: escaped, without control characters."""
    return escape(_INVISIBLE.sub(_REPLACEMENT, str(text)))


def write_text(path: str | PathLike, text: str) -> None:
    """Write a file of UTF-8 text, whole or not at all; lone surrogates are replaced."""
    with replace_file(path) as new:
        new.write_text(text, encoding="utf-8", errors="replace")


def write_csv(
    frame: pd.DataFrame | Iterable[pd.DataFrame], path: str | PathLike, *, index: bool = False
) -> None:
    """Write a table for people as CSV, whole or not at all.

    Text that a spreadsheet would run begins with an apostrophe; numbers are unchanged. A
    table may come in parts, of which one is in memory at a time.
    """
    parts = [frame] if isinstance(frame, pd.DataFrame) else frame
    with (
        replace_file(path) as new,
        new.open("w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        for number, part in enumerate(parts):
            _as_text(part, index=index).to_csv(file, index=index, header=number == 0)


def _as_text(frame: pd.DataFrame, *, index: bool) -> pd.DataFrame:
    """Return a table of which no cell, name or index is run by a spreadsheet."""
    if index:
        frame = frame.rename(index=_inert)
    text = frame.rename(columns=_inert)
    text = text.rename_axis(index=_inert, columns=_inert)
    for place, dtype in enumerate(text.dtypes):
        if not (
            pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype)
        ):
            cells = text.iloc[:, place].astype(object).map(_inert)
            text.isetitem(place, cells.array)
    return text


def _inert(cell: Any) -> Any:
    """Return a cell that no spreadsheet runs."""
    if not isinstance(cell, str):
        return cell
    # An unquoted carriage return would begin a new row.
    cell = without_controls(cell.replace("\r\n", "\n").replace("\r", "\n"))
    is_formula = _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell
