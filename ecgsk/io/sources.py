"""Sources of records: files of any format, folders of them, stores and tables, in parts."""

import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError, LeadMismatchError, RecordReadError
from ecgsk.io._open_record import (
    Header,
    is_wfdb,
    open_header,
    open_storage,
    read_lead_names,
)
from ecgsk.io._record_state import source_stamp
from ecgsk.io._search import find_records
from ecgsk.io._store_files import has_store
from ecgsk.io._wfdb_header import (
    Leads,
    declared_names,
    places_by_lead,
    record_path,
    shown,
    wanted_leads,
)
from ecgsk.io.ecg_folder import read_ecg_folder
from ecgsk.io.formats.detection import find_format, unknown_format
from ecgsk.io.formats.recording import Declared
from ecgsk.io.wfdb_folder import comments_frame
from ecgsk.signals import ECGArray
from ecgsk.signals.columns import find_ecg_column
from ecgsk.signals.refitted import refit

# Samples per lead are rounded down, so that a model's own resampling gives its number of
# samples; this is the share of a sample by which products of floats may miss a whole number.
_ROUNDING = 1e-6
_OWN_COLUMNS = ("ecg", "path", "note")


@dataclass(frozen=True)
class Wanted:
    """Signals that are wanted of every record.

    `leads` are alternatives: the first that a record has is read. Without `duration` or
    `sampling_rate`, in seconds and Hz, a record keeps its own. `declared` is for files that
    do not state their rate, unit or leads. With `may_lack`, a record without any of the
    alternatives is read with those of their leads that it has; `advice` is the mend for one
    that cannot be.
    """

    leads: Sequence[Leads]
    duration: float | None = None
    sampling_rate: float | None = None
    declared: Declared = field(default_factory=Declared)
    may_lack: bool = False
    advice: str = ""

    def held(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the leads of all alternatives that are among the signals of a record."""
        found = (
            lead
            for leads in self.leads
            for lead in wanted_leads(leads)
            if lead in places_by_lead(tuple(names), declared_names(leads))
        )
        return tuple(dict.fromkeys(found))

    def n_samples(self, rate: float, n_stored: int) -> int:
        """Return the samples per lead of a record at a rate."""
        if self.duration is None:
            return n_stored
        return max(1, math.floor(self.duration * rate + _ROUNDING))


@dataclass
class Opened:
    """Opened records: tables of equal leads, rate and length, and reasons for the others.

    A table has the columns ``ecg``, ``path`` and ``note`` (a doubt about the header), what
    else the source states of its records, and their names as index. `places` are their
    places in the source, and `broken` are reasons by place.
    """

    frames: list[pd.DataFrame] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)


class RecordSource(ABC):
    """Named records that are opened a part at a time; a part pickles small.

    Attributes
    ----------
    names : sequence of str
        One per record.
    own_files : bool
        True if each record has files of its own, of which some may be broken.
    """

    names: Sequence[str]
    own_files: bool

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def take(self, rows: slice) -> "RecordSource":
        """Return some of the records."""

    def name(self, place: int) -> str:
        """Return the name of a record as text."""
        return shown(str(self.names[place]))

    @abstractmethod
    def path(self, place: int) -> str:
        """Return the path of a record, or of the store that holds it."""

    @abstractmethod
    def state(self) -> str:
        """Return a digest that changes with the records, their names and their files."""

    @abstractmethod
    def open(self, wanted: Wanted) -> Opened:
        """Open all records; samples are read later."""


class FileRecords(RecordSource):
    """Records in files of one folder, by their paths within it; those of WFDB without suffix."""

    own_files = True

    def __init__(self, folder: str, names: Sequence[str]):
        self.folder, self.names = folder, names

    def take(self, rows: slice) -> "FileRecords":
        """Return some of the records."""
        return FileRecords(self.folder, self.names[rows])

    def path(self, place: int) -> str:
        """Return the path of a record, of WFDB without suffix."""
        return shown(os.path.join(self.folder, self.names[place]))

    def _absolute(self, name: str) -> str:
        return record_path(os.path.join(self.folder, f"{name}.hea"))

    def state(self) -> str:
        """Return a digest of paths, headers, and sizes and times of the files."""
        digest = hashlib.blake2b(digest_size=16)
        for name in self.names:
            path = self._absolute(name)
            digest.update(f"{path} {source_stamp(path)}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def open(self, wanted: Wanted) -> Opened:
        """Read the headers; group the records by kind of file, leads, rate and length."""
        opened = Opened()
        kinds: dict[tuple, list[tuple[int, Header]]] = {}
        for place, name in enumerate(self.names):
            try:
                leads, header = self._read_header(name, wanted)
            except ECGError as error:
                opened.broken[place] = str(error)
                continue
            rate = wanted.sampling_rate or header.sampling_rate
            stored = math.ceil(header.seconds * rate - _ROUNDING)
            kind = (type(header), leads, rate, wanted.n_samples(rate, stored))
            kinds.setdefault(kind, []).append((place, header))
        for (_, leads, rate, n_samples), members in kinds.items():
            places = np.array([place for place, _ in members])
            headers = [header for _, header in members]
            ecg = ECGArray(open_storage(headers, leads, rate, n_samples))
            opened.frames.append(self._frame(places, ecg, headers))
            opened.places.append(places)
        return opened

    def _read_header(self, name: str, wanted: Wanted) -> tuple[tuple[str, ...], Header]:
        path = self._absolute(name)
        first: ECGError | None = None
        for leads in wanted.leads:
            try:
                return wanted_leads(leads), open_header(
                    path, leads, wanted.declared, sampling_rate=wanted.sampling_rate
                )
            except ECGError as error:
                first = first or error
        assert first is not None
        if not isinstance(first, LeadMismatchError):
            raise first
        if wanted.may_lack and (held := wanted.held(read_lead_names(path, wanted.declared))):
            rate = wanted.sampling_rate
            return held, open_header(path, held, wanted.declared, sampling_rate=rate)
        raise LeadMismatchError(f"{first} {wanted.advice}".rstrip()) from first

    def _frame(self, places: np.ndarray, ecg: ECGArray, headers: list[Header]) -> pd.DataFrame:
        own = {
            "ecg": ecg,
            "path": [self.path(place) for place in places],
            "note": [header.note for header in headers],
        }
        comments = comments_frame(headers)
        kept = comments.columns.difference([*_OWN_COLUMNS, "record"], sort=False)
        frame = pd.concat([pd.DataFrame(own), comments[kept]], axis=1)
        return frame.set_axis(pd.Index([self.name(place) for place in places], name="record"))


class TableRecords(RecordSource):
    """Records of a table with an ECG column, such as a store's."""

    own_files = False

    def __init__(self, frame: pd.DataFrame, location: str):
        self.frame, self.location = frame, location
        self.names = frame.index.tolist()

    @classmethod
    def of(cls, table: pd.DataFrame, location: str, *, name: str) -> "TableRecords":
        """Take the records of any table with an ECG column, named by ``record`` or its index."""
        column = find_ecg_column(table, name=name)
        if column is None:
            raise ECGError(
                f"{name}: expected a table with an ECG column, got the columns "
                f"{', '.join(map(str, table.columns))}. Make one with ECGArray.from_numpy(...)."
            )
        names = table.get("record", table.index)
        kept = [c for c in table if c not in (column, *_OWN_COLUMNS, "record")]
        frame = table[kept].set_axis(pd.Index([str(n) for n in names], name="record"))
        note = table["note"].tolist() if "note" in table else ""
        own = {"ecg": table[column].array, "path": location, "note": note}
        return cls(pd.concat([pd.DataFrame(own, index=frame.index), frame], axis=1), location)

    def take(self, rows: slice) -> "TableRecords":
        """Return some of the records."""
        return TableRecords(self.frame.iloc[rows], self.location)

    def path(self, place: int) -> str:
        """Return the path of the store; empty for a table in memory."""
        return self.location

    def state(self) -> str:
        """Return a digest of the table and its samples, those of files by path, size and time."""
        columns = [self.frame[name].array for name in self.frame]
        return joblib.hash((self.location, self.names, list(self.frame), columns))

    def open(self, wanted: Wanted) -> Opened:
        """Select the leads; crop or pad to the wanted length."""
        ecg = self.frame["ecg"].array
        for leads in map(wanted_leads, wanted.leads):
            if set(leads) <= set(ecg.leads):
                ecg = ecg.select_leads(leads)
                break
        rate = wanted.sampling_rate or ecg.sampling_rate
        n_stored = math.ceil(ecg.duration * rate - _ROUNDING)
        ecg = refit(ecg, rate, wanted.n_samples(rate, n_stored))
        return Opened([self.frame.assign(ecg=ecg)], [np.arange(len(self))])


def find_sources(paths: Sequence[str | Path], *, name: str) -> list[RecordSource]:
    """Return the sources at some paths, in order; `name` is the reader that errors begin with.

    A path is that of a WFDB record, with or without suffix, of a file of any format that
    `read_ecg` reads, of a folder of both, or of a folder that `write_ecg_folder`,
    `write_cohort` or `ingest` wrote.
    """
    if not paths:
        raise RecordReadError(f"{name}: expected at least one path of records, got none.")
    return [_find_source(os.fspath(path), name) for path in paths]


def _find_source(path: str, name: str) -> RecordSource:
    if is_wfdb(path):
        return FileRecords(os.path.dirname(path), [os.path.basename(record_path(path))])
    if os.path.isdir(path):
        if has_store(Path(path)):
            table, extra = read_ecg_folder(path)
            return TableRecords.of(_inputs_of(table, extra), path, name=name)
        return FileRecords(path, find_records(Path(path), name=name))
    if not os.path.exists(path):
        record = record_path(path)
        raise RecordReadError(
            f"record {shown(record)}: there is no header {shown(record)}.hea, and no file or "
            "folder of this name. Give the path of a recording, of a folder of them, or of a "
            "store."
        )
    if find_format(path) is None:
        raise unknown_format(path)
    return FileRecords(os.path.dirname(path), [os.path.basename(path)])


def _inputs_of(table: pd.DataFrame, extra: dict[str, Any]) -> pd.DataFrame:
    """Return the table without the labels and results of a cohort."""
    roles = extra.get("roles")
    if not isinstance(roles, dict):
        return table
    named = roles.get("X", {}).get("columns", list(table.columns))
    return table[[column for column in table if column in named]]
