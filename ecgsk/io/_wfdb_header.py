"""WFDB headers, checked against the signal files that they name."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from ecgsk.exceptions import LeadMismatchError, RecordReadError, UnitError
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_samples import SampleBlock, find_block
from ecgsk.io._wfdb_text import parse_ordinary
from ecgsk.signals.leads import canonical_lead
from ecgsk.signals.units import to_millivolt

# Formats of fixed size; others (FLAC) are checked when they are read.
_BYTES_PER_SAMPLE = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5}
_SUFFIXES = {".hea", ".dat", ".mat"}
_MISSING = {"", "unknown", "nan", "n/a", "none"}
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F"}
_MAX_AGE = 120

_cached_to_millivolt = lru_cache(to_millivolt)


@dataclass(frozen=True)
class RecordLayout:
    """Layout of the requested leads in a record; most records of a folder share one."""

    sampling_rate: float  # Hz, as stored
    n_samples: int  # per lead, as stored
    channels: tuple[int, ...]  # positions of the requested leads in the file
    millivolts: tuple[float, ...]  # per stored unit of each requested lead
    header_size: int  # bytes, by which a later reader detects a change
    block: SampleBlock | None  # None when only wfdb can read the samples

    @property
    def seconds(self) -> float:
        """Duration of the record."""
        return self.n_samples / self.sampling_rate


@dataclass(frozen=True)
class RecordHeader:
    """Header of a record; its comments are `columns`, such as ``age`` (years) and ``ecg_time``."""

    path: str  # without suffix
    layout: RecordLayout
    columns: dict[str, Any] = field(default_factory=dict)


def record_path(path: str | Path) -> str:
    """Return the absolute path of a record without ``.hea``, ``.dat`` or ``.mat``."""
    path = os.fspath(path)
    if not os.path.isabs(path):
        path = os.path.join(os.getcwd(), path)
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in _SUFFIXES else path


def read_header(path: str | Path, leads: Sequence[str]) -> RecordHeader:
    """Read a header and check that the record can be read.

    Raises RecordReadError for a malformed header or an absent or truncated signal file,
    LeadMismatchError for an absent or repeated lead, UnitError for a unit that is no voltage.
    """
    path = record_path(path)
    header, raw = _parse(path)
    _check_files(header, path)
    channels = _find_leads(header, leads, path)
    units = _units(header, raw)
    layout = RecordLayout(
        sampling_rate=float(header.fs),
        n_samples=int(header.sig_len),
        channels=channels,
        millivolts=tuple(
            _to_millivolt(units[channel], header.sig_name[channel], path) for channel in channels
        ),
        header_size=len(raw),
        block=find_block(header, channels, path),
    )
    return RecordHeader(path, _kept_once(layout), _columns(header))


@lru_cache(maxsize=1024)
def _kept_once(layout: RecordLayout) -> RecordLayout:
    """Return the first equal layout: 800,000 headers with one each would hold a gigabyte."""
    return layout


def _parse(path: str) -> tuple[Any, bytes]:
    """Return the fields of a header as wfdb names them, and its bytes."""
    try:
        with open(f"{path}.hea", "rb") as file:
            raw = file.read()
        header: Any = parse_ordinary(raw) or load_wfdb().rdheader(path)
    except FileNotFoundError as error:
        raise RecordReadError(
            f"record {path}: there is no header {path}.hea. Give the path of a WFDB record."
        ) from error
    # wfdb raises errors of many classes for malformed headers.
    except Exception as error:
        raise RecordReadError(
            f"record {path}: expected a WFDB header in {path}.hea, got one that cannot be "
            f"understood ({type(error).__name__}: {error}). Download it again, or leave it out."
        ) from error
    if getattr(header, "n_seg", None) is not None:
        raise RecordReadError(
            f"record {path}: expected one segment, got {header.n_seg} segments. "
            "Read each segment as a record."
        )
    if not header.n_sig or not header.sig_name or not header.sig_len or not header.fs:
        raise RecordReadError(
            f"record {path}: the header must state signals, sampling rate and number of samples; "
            f"it states {header.n_sig or 0} signals, {header.fs} Hz, {header.sig_len} samples. "
            "Download it again, or leave it out."
        )
    return header, raw


def _check_files(header: Any, path: str) -> None:
    """Raise unless every signal file is as long as the header states."""
    signals = zip(
        header.file_name, header.fmt, header.samps_per_frame, header.byte_offset, strict=True
    )
    expected: dict[str, float] = {}
    for name, fmt, samples_per_frame, offset in signals:
        expected.setdefault(name, offset or 0)
        size = _BYTES_PER_SAMPLE.get(fmt, 0)
        expected[name] += header.sig_len * (samples_per_frame or 1) * size
    for name, n_bytes in expected.items():
        file = os.path.join(os.path.dirname(path), name)
        if not os.path.isfile(file):
            raise RecordReadError(
                f"record {path}: its signal file {file} is absent. "
                "Download it again, or leave the record out."
            )
        if (found := os.path.getsize(file)) < math.floor(n_bytes):
            raise RecordReadError(
                f"record {path}: its signal file {name} is truncated: expected at least "
                f"{math.floor(n_bytes)} bytes ({header.n_sig} signals of {header.sig_len} "
                f"samples), got {found}. Download it again, or leave the record out."
            )


def _find_leads(header: Any, leads: Sequence[str], path: str) -> tuple[int, ...]:
    """Return the positions of leads by name, ignoring signals that are not leads."""
    places = _places_by_lead(tuple(header.sig_name))
    stored = ", ".join(str(name) for name in header.sig_name)
    if missing := [lead for lead in leads if lead not in places]:
        raise LeadMismatchError(
            f"record {path}: expected leads {', '.join(leads)}, but it lacks "
            f"{', '.join(missing)}; it stores {stored}. "
            "Pass leads= with those that all records have."
        )
    if repeated := [lead for lead in leads if len(places[lead]) > 1]:
        raise LeadMismatchError(
            f"record {path}: lead {', '.join(repeated)} occurs more than once; it stores "
            f"{stored}. Correct the header, or leave the record out."
        )
    return tuple(places[lead][0] for lead in leads)


@lru_cache(maxsize=1024)
def _places_by_lead(names: tuple[str | None, ...]) -> dict[str, list[int]]:
    """Return the positions of every known lead; most records of a folder share their names."""
    places: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        try:
            places.setdefault(canonical_lead(name or ""), []).append(position)
        except LeadMismatchError:
            continue
    return places


def _units(header: Any, raw: bytes) -> list[str]:
    """Return the units of all signals; wfdb drops non-ASCII text and reads \u00b5V as V."""
    if raw.isascii():
        return header.units
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [line.split() for line in text.split("\n") if line.strip() and line[0] != "#"]
    gains = [(line[2:3] or [""])[0] for line in lines[1 : 1 + header.n_sig]]
    # WFDB's default unit.
    return [gain.partition("/")[2] or "mV" for gain in gains]


def _to_millivolt(unit: str, lead: str, path: str) -> float:
    try:
        return _cached_to_millivolt(unit)
    except UnitError as error:
        raise UnitError(f"record {path}: lead {lead}: {error}") from error


def _columns(header: Any) -> dict[str, Any]:
    """Return header comments ``key: value`` by key, and the other lines in ``comments``."""
    columns: dict[str, Any] = {}
    if header.base_datetime is not None:
        columns["ecg_time"] = pd.Timestamp(header.base_datetime)
    for line in header.comments:
        key, colon, value = (part.strip() for part in line.partition(":"))
        key, value = (key, value) if colon else ("comments", line.strip())
        if value.lower() in _MISSING:
            continue
        name = re.sub(r"\W+", "_", key.lower()).strip("_")
        # The columns of the table keep their meaning.
        name = f"header_{name}" if name in {"ecg", "record", "ecg_time"} else name
        columns[name] = f"{columns[name]}; {value}" if name in columns else value
    if "age" in columns:
        columns["age"] = _age(columns["age"])
    if "sex" in columns:
        columns["sex"] = _SEXES.get(columns["sex"].lower())
    return columns


def _age(text: str) -> float:
    """Return years; NaN for an impossible age, such as the 300 that means "above 89"."""
    try:
        age = float(text)
    except ValueError:
        return math.nan
    return age if 0 <= age <= _MAX_AGE else math.nan
