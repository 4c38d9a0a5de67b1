"""Comments of WFDB headers as columns: age, sex, diagnoses and all others by name."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from ecgsk.io._wfdb_text import HeaderText

_MISSING = {"", "unknown", "nan", "n/a", "none"}
_SEXES = {
    **{"m": "M", "male": "M", "man": "M", "f": "F", "female": "F", "w": "F", "woman": "F"},
}
_MAX_AGE = 120
_MAX_COLUMNS = 200  # named comments of one header; further ones are joined in `comments`
# These columns of a table keep their meaning.
_RESERVED = {
    *("ecg", "record", "ecg_time", "age_text", "sex_text", "checksum_differs"),
    *("n_missing_leads", "n_flat_leads", "n_nan_leads", "n_nan_samples", "n_clipped_leads"),
    *("max_abs_mv", "suspected_reversal", "usable", "problem"),
}
# "<age>: 65 <sex>: F <diagnoses> angina", as in the St Petersburg INCART database.
_BRACKETED = re.compile(r"<([A-Za-z][\w ]{0,40})>\s*:?")
# "Age: 62  Sex: M", as in the European ST-T database.
_AGE_AND_SEX = re.compile(
    r"(age)\s*[:=]\s*(.*?)[\s,;]+(sex|gender)\s*[:=]\s*(\w+)[\s,;.]*", re.IGNORECASE
)
_MAX_SHORT_LINE = 100  # characters in which these are looked for
_YEARS_PER_UNIT = {"y": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
# 61, 61 years, 61y, 61 y.o., >89, 90+
_AGE_IN_YEARS = re.compile(
    r"(>=|>|\u2265)?\s*(\d{1,3}(?:[.,]\d{0,4})?)\s?(\+)?\s?(?:y(?:ea)?r?s?\.?(?:\s?o\.?|\sold)?)?",
    re.IGNORECASE,
)
# 057Y and 018M, as in DICOM, and 6 months. "65 M" is no age in months, but an age and a sex.
_AGE_IN_UNITS = re.compile(r"(\d{3})([YMWD])|(\d{1,4})\s?(months?|weeks?|days?)", re.ASCII)


def comment_columns(header: HeaderText) -> dict[str, Any]:
    """Return comments ``key: value`` by key, and the other lines in ``comments``.

    An age in words is converted to years. What is no age or sex is kept in ``age_text`` and
    ``sex_text``.
    """
    columns: dict[str, Any] = {}
    if header.recorded is not None:
        columns["ecg_time"] = pd.Timestamp(header.recorded)
    texts: dict[str, list[str]] = {}
    for key, value in _statements(header.comments):
        if value.lower() in _MISSING:
            continue
        name = re.sub(r"\W+", "_", key.lower()).strip("_") or "comments"
        name = f"header_{name}" if name in _RESERVED else name
        if name not in texts and len(texts) >= _MAX_COLUMNS:
            name, value = "comments", f"{key}: {value}"
        texts.setdefault(name, []).append(value)
    if header.recorded_text:
        texts["header_ecg_time"] = [header.recorded_text]
    columns.update({name: "; ".join(values) for name, values in texts.items()})
    for name, read in (("age", read_age), ("sex", _read_sex)):
        if name in texts:
            text = "; ".join(dict.fromkeys(texts[name]))
            columns[name] = read(text)
            if pd.isna(columns[name]) or text[:1] in ">\u2265":
                columns[f"{name}_text"] = text
    return columns


def _statements(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield key and value of each comment."""
    for line in lines:
        parts = _BRACKETED.split(line) if line.startswith("<") else []
        pair = _AGE_AND_SEX.match(line[:_MAX_SHORT_LINE])
        if parts and not parts[0]:
            yield from zip(parts[1::2], map(str.strip, parts[2::2]), strict=True)
        elif pair:
            yield from ((pair[1], pair[2]), (pair[3], pair[4]))
            yield "comments", line[pair.end() :].strip()
        else:
            key, colon, value = (part.strip() for part in line.partition(":"))
            yield (key, value) if colon else ("comments", line.strip())


def read_age(text: str) -> float:
    """Return years; NaN for text that is no age, such as the 300 that means "above 89".

    ">89" is 90, as in the loaders of PTB-XL and LUDB.
    """
    text = text.strip()[:_MAX_SHORT_LINE]
    if match := _AGE_IN_UNITS.fullmatch(text):
        number, unit = match[1] or match[3], match[2] or match[4]
        age = int(number) * _YEARS_PER_UNIT[unit[0].lower()]
    elif match := _AGE_IN_YEARS.fullmatch(text):
        age = float(match[2].replace(",", ".")) + (match[1] == ">")
    else:
        return math.nan
    return age if age <= _MAX_AGE else math.nan


def _read_sex(text: str) -> str | None:
    return _SEXES.get(text.lower().rstrip("."))
