"""Conversion of recordings to int16 samples and a table of their quality."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError, LeadMismatchError
from ecgsk.io._ingest_transform import apply_transform
from ecgsk.io._open_record import Header, open_header, open_storage
from ecgsk.io._record_state import source_stamp
from ecgsk.io._wfdb_header import Leads, shown
from ecgsk.io.ecg_folder import to_int16
from ecgsk.io.formats.recording import Declared
from ecgsk.io.wfdb_folder import comments_frame
from ecgsk.signals.record_quality import describe_signals
from ecgsk.signals.resampling import resample
from ecgsk.signals.screening import screen_where_needed

_RECORDS_PER_READ = 64
_RECORDS_PER_TRANSFORM = 8  # more do not fit the cache

PlacedHeader = tuple[int, Header]  # with its place in the chunk


@dataclass(frozen=True)
class Conversion:
    """Settings by which records become samples."""

    leads: tuple[str, ...]  # read, by canonical name
    requested: Leads  # the same, or by their names in the files
    declared: Declared  # of files that do not state it
    duration: float  # seconds read
    crop: bool  # crop or pad records of another duration; otherwise they are broken
    transform: Any
    leads_out: tuple[str, ...]  # as written
    sampling_rate_out: float  # Hz, as written
    n_samples_out: int  # per lead, as written
    gain: float  # int16 units per mV

    @property
    def shape(self) -> tuple[int, int]:
        """Leads and samples of a record, as written."""
        return len(self.leads_out), self.n_samples_out


@dataclass(frozen=True)
class Chunk:
    """int16 samples (n_records, n_leads, n_samples), their table, and the broken records."""

    samples: np.ndarray
    table: pd.DataFrame
    broken: list[dict[str, str]]
    n_clipped: int  # samples
    n_differing: int  # records that differ from the checksums of their headers
    stamps: list[str]  # states of the files of each record, broken ones included
    checksum: int  # CRC-32 of the samples: what is written is what was made here


def convert(folder: Path, names: Sequence[str], conversion: Conversion) -> Chunk:
    """Read, transform and describe records; list those that cannot be, with the reason."""
    reasons: dict[int, str] = {}  # by place in the chunk
    # Before the records are read: a change meanwhile is then noticed later.
    stamps = [source_stamp(f"{folder}/{name}") for name in names]
    differing: dict[int, str] = {}  # leads that differ from their checksum
    headers = []
    for place, name in enumerate(names):
        try:
            _check_name(name)
            header = open_header(f"{folder}/{name}", conversion.requested, conversion.declared)
            _check_duration(header, conversion)
            headers.append((place, header))
        except Exception as error:
            reasons[place] = _reason(error)
    samples = np.empty((len(names), *conversion.shape), "<i2")
    parts, n_clipped = [], 0
    for batch in _batches(headers):
        kept, signals = read_batch(batch, conversion.leads, conversion.duration, reasons, differing)
        if not kept:
            continue
        rate = kept[0][1].sampling_rate
        places = np.array([place for place, _ in kept])
        described = describe_signals(signals, conversion.leads, rate).set_axis(places)
        differs = [differing.get(place, "") for place in places]
        parts.append(described.assign(checksum_differs=differs))
        for start in range(0, len(kept), _RECORDS_PER_TRANSFORM):
            some = slice(start, start + _RECORDS_PER_TRANSFORM)
            n_clipped += _transform(signals[some], places[some], rate, conversion, samples, reasons)
    broken = [
        # Without the folder, which names the user.
        {
            "record": shown(names[place]),
            "reason": shown(reasons[place]).replace(f"{shown(str(folder))}/", ""),
        }
        for place in sorted(reasons)
    ]
    good = [(place, header) for place, header in headers if place not in reasons]
    table = _table(good, names, parts)
    samples = samples[[place for place, _ in good]]
    checksum = zlib.crc32(samples.data)  # eight times as fast as SHA-256
    return Chunk(samples, table, broken, n_clipped, len(differing), stamps, checksum)


def _reason(error: Exception) -> str:
    """Return why a record is broken; damaged files lead to errors of many classes."""
    return str(error) if isinstance(error, ECGError) else f"{type(error).__name__}: {error}"


def _check_name(name: str) -> None:
    if shown(name) != name:
        raise ECGError(
            f"record {shown(name)}: expected a file name in UTF-8, which tables can hold. "
            "Rename its files, and change their name in its header."
        )


def _check_duration(header: Header, conversion: Conversion) -> None:
    if not conversion.crop and header.seconds != conversion.duration:
        raise ECGError(
            f"record {header.path}: it lasts {header.seconds:g} s, and the others "
            f"{conversion.duration:g} s. Pass duration={conversion.duration:g} to crop longer "
            "records and pad shorter ones."
        )


def _batches(headers: list[PlacedHeader]) -> Iterator[list[PlacedHeader]]:
    """Yield batches of records that share a sampling rate, of WFDB or other files."""
    by_kind: dict[tuple[float, type], list[PlacedHeader]] = {}
    for place, header in headers:
        by_kind.setdefault((header.sampling_rate, type(header)), []).append((place, header))
    for same in by_kind.values():
        for start in range(0, len(same), _RECORDS_PER_READ):
            yield same[start : start + _RECORDS_PER_READ]


def read_batch(
    batch: list[PlacedHeader],
    leads: tuple[str, ...],
    duration: float,
    reasons: dict[int, str],
    differing: dict[int, str] | None = None,
) -> tuple[list[PlacedHeader], np.ndarray]:
    """Read records of one sampling rate, in mV at that rate.

    By place, the reasons of those that cannot be read are added to `reasons`, and the leads
    that differ from the checksums of the header to `differing`.
    """
    rate = batch[0][1].sampling_rate
    storage = open_storage([header for _, header in batch], leads, rate, round(duration * rate))
    signals = np.empty((len(batch), len(leads), storage.n_samples), np.float32)
    kept: list[PlacedHeader] = []
    for row, (place, _) in enumerate(batch):
        try:
            differs = storage.read_record(row, signals[len(kept)])
            kept.append(batch[row])
            if differs and differing is not None:
                differing[place] = ", ".join(differs)
        except Exception as error:
            reasons[place] = _reason(error)
    return kept, signals[: len(kept)]


def _table(
    good: list[PlacedHeader], names: Sequence[str], qualities: list[pd.DataFrame]
) -> pd.DataFrame:
    """Return one row per record: its name, what its header states, its quality."""
    if not good:
        return pd.DataFrame({"record": []}, dtype=str)
    places, headers = zip(*good, strict=True)
    notes = [header.note for header in headers]
    parts = [
        pd.DataFrame({"record": [names[place] for place in places]}),
        comments_frame(headers).assign(**({"note": notes} if any(notes) else {})),
        pd.concat(qualities).loc[[*places]].reset_index(drop=True),
    ]
    return pd.concat(parts, axis=1)


def _transform(
    signals: np.ndarray,
    places: np.ndarray,
    rate: float,
    conversion: Conversion,
    samples: np.ndarray,
    reasons: dict[int, str],
) -> int:
    """Fill the places of some records; return the number of clipped samples."""
    try:
        transformed = _transformed(signals, rate, conversion)
    except Exception as error:
        if len(places) == 1:
            reasons[places[0]] = _reason(error)
            return 0
        return sum(
            _transform(signals[[row]], places[[row]], rate, conversion, samples, reasons)
            for row in range(len(places))
        )
    samples[places], n_clipped = to_int16(transformed, conversion.gain)
    return n_clipped


def _transformed(signals: np.ndarray, rate: float, conversion: Conversion) -> np.ndarray:
    """Return samples with the leads, rate and length written."""
    signals, leads, rate = apply_transform(conversion.transform, signals, conversion.leads, rate)
    if leads != conversion.leads_out:
        raise LeadMismatchError(
            f"ingest: expected leads {', '.join(conversion.leads_out)} after the transform, "
            f"got {', '.join(leads)}. A transform must return the same leads for every record."
        )
    if rate != conversion.sampling_rate_out:
        signals = resample(screen_where_needed(signals), rate, conversion.sampling_rate_out)
    n_samples = conversion.n_samples_out
    if signals.shape[2] == n_samples:
        return signals
    out = np.full((*signals.shape[:2], n_samples), np.nan, np.float32)
    n_kept = min(n_samples, signals.shape[2])
    out[..., :n_kept] = signals[..., :n_kept]
    return out
