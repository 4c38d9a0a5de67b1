"""WFDB headers, checked against the signal files that they name."""

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from ecgsk._stored_files import state_of_files
from ecgsk.exceptions import ECGError, LeadMismatchError, RecordReadError, UnitError
from ecgsk.io._wfdb_comments import comment_columns
from ecgsk.io._wfdb_samples import (
    SampleBlock,
    block_file,
    check_signal_count,
    count_block_frames,
    find_blocks,
    signal_files,
)
from ecgsk.io._wfdb_text import HeaderText, SignalLine, parse_header
from ecgsk.signals.leads import (
    canonical_lead,
    canonical_leads,
    derivation,
    try_canonical_lead,
)
from ecgsk.signals.units import (
    MAX_SAMPLING_RATE,
    MIN_SAMPLING_RATE,
    format_hertz,
    to_millivolt,
)

Leads = Sequence[str] | Mapping[str, str]  # names, or the lead by its name in the files

_SUFFIXES = {".hea", ".dat", ".mat"}
_MAX_HEADER_BYTES = 1 << 20
_GAINS = (1e-6, 1e12)  # units per physical unit; others overflow or are always 0
_NO_FILE = "~"  # of a signal without samples, and of a segment without signals, in WFDB

_cached_to_millivolt = lru_cache(to_millivolt)
_canonical_leads = lru_cache(canonical_leads)


@dataclass(frozen=True)
class Segment:
    """Part of a record: a record of its own, beside it, that holds some of the leads."""

    path: str  # without suffix
    start: int  # of its first sample, within the record
    places: tuple[int, ...]  # of its leads, among the requested ones
    layout: "RecordLayout"  # of its leads
    checksums: tuple[int, ...]
    state: int  # of its files when the header was read


@dataclass(frozen=True)
class RecordLayout:
    """Layout of the requested leads in a record; most records of a folder share one.

    A record of several segments has samples and leads in `segments` alone. What none of them
    holds is missing.
    """

    sampling_rate: float  # Hz, as stored
    n_samples: int  # per lead, as stored
    channels: tuple[int, ...]  # positions of the requested leads in the file
    millivolts: tuple[float, ...]  # per stored unit of each requested lead
    blocks: tuple[SampleBlock, ...]  # samples of the requested leads, by file
    segments: tuple[Segment, ...] | None = None  # in the order of time

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
    checksums: tuple[int, ...] = ()  # of the requested leads, modulo 65536; 0 where none is stated
    uncalibrated: tuple[str, ...] = ()  # requested leads whose gain is not stated

    @property
    def sampling_rate(self) -> float:
        """Hz, as stored."""
        return self.layout.sampling_rate

    @property
    def seconds(self) -> float:
        """Duration of the record."""
        return self.layout.seconds

    @property
    def note(self) -> str:
        """A doubt about the header, or empty."""
        if not self.uncalibrated:
            return ""
        return f"no gain stated in {', '.join(self.uncalibrated)}: 200 units per mV assumed"


def record_files(path: str, layout: RecordLayout) -> list[str]:
    """Return the paths of all files of a record, from its path without suffix."""
    inner = [file for s in layout.segments or () for file in record_files(s.path, s.layout)]
    return [f"{path}.hea", *(block_file(block, path) for block in layout.blocks), *inner]


def segment_state(segment_path: str, layout: RecordLayout, path: str) -> int:
    """Return a number that changes with the files of a segment of the record at `path`."""
    return state_of_files([f"{path}.hea", *record_files(segment_path, layout)])


def record_path(path: str | Path) -> str:
    """Return the absolute path of a record from that of its ``.hea``, ``.dat`` or ``.mat`` file.

    A record may itself be called ``a.dat`` or ``a.mat``: its header is ``a.dat.hea``.
    """
    path = os.fspath(path)
    if not os.path.isabs(path):
        path = os.path.join(os.getcwd(), path)
    stem, suffix = os.path.splitext(path)
    if suffix.lower() == ".hea":
        return stem
    is_samples = suffix.lower() in _SUFFIXES and not os.path.exists(f"{path}.hea")
    return stem if is_samples else path


def read_header(path: str, leads: Leads) -> RecordHeader:
    """Read a header and check that the record can be read.

    `path` is absolute and without suffix, as `record_path` returns it. Raises RecordReadError
    for a malformed header or an absent or truncated signal file, LeadMismatchError for an
    absent or repeated lead, UnitError for a unit that is no voltage.
    """
    with _explained(path):
        return _read_header(path, leads)


def read_names(path: str) -> tuple[str, ...]:
    """Return the names of all signals of a record; errors as of `read_header`."""
    with _explained(path):
        header = parse_header(read_header_bytes(path))
        if header.segments:
            header = _segment_text(header.segments[0][0], path, header)
        return tuple(signal.name for signal in header.signals)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except ECGError:
        raise
    # Whatever a header holds, the other records must still be read.
    except Exception as error:
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise RecordReadError(
            f"record {shown(path)}: expected a WFDB header in {shown(path)}.hea, got one that "
            f"cannot be understood: {reason}. Download it again, or leave it out."
        ) from error


def _read_header(path: str, leads: Leads) -> RecordHeader:
    header = parse_header(read_header_bytes(path))
    if header.segments:
        try:
            return _read_segments(path, header, leads)
        except ECGError as error:
            if str(error).startswith(start := f"record {shown(path)}: "):
                raise
            raise type(error)(f"{start}one of its segments cannot be read: {error}") from error
    names = tuple(signal.name for signal in header.signals)
    return _read_signals(path, header, _find_leads(names, leads, path))


def _read_signals(path: str, header: HeaderText, channels: tuple[int, ...]) -> RecordHeader:
    """Return the header of a record of one segment, for some of its signals."""
    rate, per_frame = _common_rate(header, channels, path)
    files = signal_files(header.signals)
    n_frames = _check_files(header, files, channels, path)
    signals = [header.signals[channel] for channel in channels]
    _check_scales(signals, n_frames)
    layout = RecordLayout(
        sampling_rate=rate,
        n_samples=n_frames * per_frame,
        channels=channels,
        millivolts=tuple(_to_millivolt(signal, path) for signal in signals),
        blocks=find_blocks(header.signals, files, channels, os.path.basename(path)),
    )
    checksums = tuple((signal.checksum or 0) % 2**16 for signal in signals)
    uncalibrated = tuple(signal.name for signal in signals if not signal.calibrated)
    return RecordHeader(path, _kept_once(layout), comment_columns(header), checksums, uncalibrated)


def _read_segments(path: str, header: HeaderText, leads: Leads) -> RecordHeader:
    """Return the header of a record of several segments, each with scales of its own.

    A first segment of length 0 names all signals, and each of the others holds some of them;
    otherwise all hold those of the first.
    """
    n_frames = sum(length for _, length in header.segments)
    if header.n_frames not in (None, 0, n_frames) or not n_frames:
        raise ValueError(f"it states {header.n_frames} samples, and segments of {n_frames}")
    first = _segment_text(header.segments[0][0], path, header)
    names = tuple(signal.name for signal in first.signals)
    channels = _find_leads(names, leads, path)
    parts: dict[tuple[str, int], tuple[tuple[int, ...], RecordHeader]] = {}
    kinds = set()  # sampling rates, and samples per frame
    for name, length in dict.fromkeys(header.segments):
        if not length or name == _NO_FILE:
            continue
        text = _segment_text(name, path, header)
        if header.segments[0][1] and tuple(signal.name for signal in text.signals) != names:
            raise ValueError(f"its segment {name} has other signals than the first one")
        if found := _read_segment(_beside(name, path), text, length, leads):
            parts[name, length] = found
            kinds.add((found[1].sampling_rate, found[1].layout.n_samples // length))
    kinds = kinds or {_common_rate(first, channels, path)}
    if len(kinds) > 1:
        rates = sorted({rate for rate, _ in kinds})
        raise RecordReadError(
            f"record {shown(path)}: expected segments of one sampling rate, got "
            f"{', '.join(map(format_hertz, rates))}. Read its segments as records of their own."
        )
    ((rate, per_frame),) = kinds
    starts = accumulate((length for _, length in header.segments), initial=0)
    segments = tuple(
        Segment(
            *(part.path, start * per_frame, places, part.layout, part.checksums),
            state=segment_state(part.path, part.layout, path),
        )
        for segment, start in zip(header.segments, starts, strict=False)
        for places, part in filter(None, [parts.get(segment)])
    )
    layout = RecordLayout(rate, n_frames * per_frame, channels, (), (), segments)
    uncalibrated = [name for _, part in parts.values() for name in part.uncalibrated]
    columns = comment_columns(header)
    return RecordHeader(path, layout, columns, (0,) * len(channels), tuple({*uncalibrated}))


def _segment_text(name: str, path: str, header: HeaderText) -> HeaderText:
    text = parse_header(read_header_bytes(_beside(name, path)))
    if text.segments:
        raise ValueError(f"its segment {name} has segments itself")
    return text._replace(frame_rate=text.frame_rate or header.frame_rate)


def _read_segment(
    path: str, text: HeaderText, length: int, leads: Leads
) -> tuple[tuple[int, ...], RecordHeader] | None:
    """Return the places of a segment's leads among the requested ones, and its header.

    None for a segment without any of them.
    """
    if text.n_frames not in (None, 0, length):
        raise ValueError(
            f"its segment {os.path.basename(path)} has {text.n_frames} samples and not {length}"
        )
    names = tuple(signal.name for signal in text.signals)
    found = places_by_lead(names, declared_names(leads))
    held = {place: lead for place, lead in enumerate(wanted_leads(leads)) if lead in found}
    if not held:
        return None
    _check_unique(held.values(), found, names, path)
    channels = tuple(found[lead][0] for lead in held.values())
    return tuple(held), _read_signals(path, text._replace(n_frames=length), channels)


def _check_scales(signals: Sequence[SignalLine], n_frames: int) -> None:
    """Raise ValueError for leads whose samples would all be infinite or missing."""
    smallest, largest = _GAINS
    for signal in signals:
        if not smallest <= abs(signal.gain) <= largest:
            raise ValueError(f"lead {signal.name} has a gain of {signal.gain:g} units")
        if signal.skew >= n_frames:
            raise ValueError(f"lead {signal.name} begins {signal.skew} samples after the others")


def shown(path: str) -> str:
    """Return a path as text that can be printed: file names need not be Unicode."""
    return path.encode("utf-8", "backslashreplace").decode()


@lru_cache(maxsize=1024)
def _kept_once(layout: RecordLayout) -> RecordLayout:
    """Return the first equal layout: 800,000 headers with one each would hold a gigabyte."""
    return layout


def read_header_bytes(path: str) -> bytes:
    """Return the bytes of a header; raise ValueError for one that cannot be a header."""
    try:
        state = os.stat(f"{path}.hea")
    except FileNotFoundError as error:
        raise RecordReadError(
            f"record {shown(path)}: there is no header {shown(path)}.hea. Give the path of a WFDB "
            "record."
        ) from error
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("it is no regular file")
    if state.st_size > _MAX_HEADER_BYTES:
        raise ValueError(f"it has {state.st_size} bytes; expected at most {_MAX_HEADER_BYTES}")
    with open(f"{path}.hea", "rb") as file:
        return file.read(_MAX_HEADER_BYTES)


def _common_rate(header: HeaderText, channels: tuple[int, ...], path: str) -> tuple[float, int]:
    """Return the sampling rate of the requested leads, and their samples per frame."""
    if header.frame_rate is None:
        raise RecordReadError(
            f"record {shown(path)}: the header must state the sampling rate; it states none. "
            "Correct the header, or leave the record out."
        )
    rates = {c: _signal_rate(header.frame_rate, header.signals[c].per_frame) for c in channels}
    if len(set(rates.values())) > 1:
        stated = (f"{header.signals[c].name} {format_hertz(rate)}" for c, rate in rates.items())
        raise RecordReadError(
            f"record {shown(path)}: expected leads of one sampling rate, got {', '.join(stated)}. "
            "Pass leads= with those of one rate."
        )
    rate = rates[channels[0]]
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise RecordReadError(
            f"record {shown(path)}: expected a sampling rate of {MIN_SAMPLING_RATE:g} to "
            f"{MAX_SAMPLING_RATE:g} Hz, got {format_hertz(rate)}. Correct the header, or leave "
            "the record out."
        )
    return rate, header.signals[channels[0]].per_frame


@lru_cache(maxsize=1024)
def _signal_rate(frame_rate: float, per_frame: int) -> float:
    """Return samples per second: 62.4725 frames of 4 samples are 249.89, with no further digit."""
    return float(Fraction(repr(frame_rate)) * per_frame)


def _check_files(
    header: HeaderText, files: dict[str, list[int]], channels: tuple[int, ...], path: str
) -> int:
    """Return the number of frames, after checking it against every file of samples."""
    held: dict[str, int] = {}
    for name, inside in files.items():
        wanted = not set(channels).isdisjoint(inside)
        if name == _NO_FILE and not wanted:
            continue
        file = _find_file(name, path)
        try:
            signals = [header.signals[place] for place in inside]
            held[name] = count_block_frames(file, signals)
            if wanted and header.n_frames:
                check_signal_count(file, signals, header.n_frames, held[name])
        except ValueError as error:
            if wanted:
                raise RecordReadError(
                    f"record {shown(path)}: its signal file {name} cannot be read: {error}. "
                    "Download it again, or leave the record out."
                ) from error
    # WFDB: a header that states no number of samples, or 0, leaves it to the files.
    n_frames = header.n_frames or min(held[header.signals[c].file] for c in channels)
    if not n_frames:
        raise RecordReadError(
            f"record {shown(path)}: its signal files hold no sample. Download it again, or leave "
            "it out."
        )
    for name, n_held in held.items():
        if n_held < n_frames:
            raise RecordReadError(
                f"record {shown(path)}: its signal file {name} is truncated: expected "
                f"{n_frames} samples of {len(files[name])} signals, got {n_held} in "
                f"{os.path.getsize(_find_file(name, path))} bytes. Download it again, or leave "
                "the record out."
            )
    return n_frames


def _find_file(name: str, path: str) -> str:
    """Return the path of a file of samples, which must be beside the header."""
    file = _beside(name, path)
    if not os.path.isfile(file):
        state = "is no regular file" if os.path.exists(file) else "is absent"
        raise RecordReadError(
            f"record {shown(path)}: its signal file {shown(file)} {state}.{_same_letters(file)} "
            "Download it again, or leave the record out."
        )
    return file


def _beside(name: str, path: str) -> str:
    """Return the path of a file or a segment that a header names."""
    if "/" in name or "\\" in name or name in (".", "..", _NO_FILE, "-"):
        raise RecordReadError(
            f"record {shown(path)}: expected signal files and segments beside the header, got "
            f"{name!r}. Correct the header, or leave the record out."
        )
    return os.path.join(os.path.dirname(path), name)


def _same_letters(file: str) -> str:
    """Return advice if a file has the same name in another Unicode form, as macOS writes it."""
    folder, name = os.path.split(file)
    if name.isascii():
        return ""
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, name)
        if other != name and os.path.exists(os.path.join(folder, other)):
            return f" Its name in the folder is in Unicode form {form}: rename it."
    return ""


def _find_leads(names: tuple[str, ...], leads: Leads, path: str) -> tuple[int, ...]:
    """Return the positions of leads by name, ignoring signals that are not leads."""
    wanted, places = wanted_leads(leads), places_by_lead(names, declared_names(leads))
    stored = ", ".join(names)
    if missing := [lead for lead in wanted if lead not in places]:
        raise LeadMismatchError(
            f"record {shown(path)}: expected leads {', '.join(wanted)}, but it lacks "
            f"{', '.join(missing)}; it stores {stored}. {_remedy(wanted, missing, names)}"
        )
    _check_unique(wanted, places, names, path)
    return tuple(places[lead][0] for lead in wanted)


def _check_unique(
    wanted: Iterable[str], places: Mapping[str, list[int]], names: tuple[str, ...], path: str
) -> None:
    if repeated := [lead for lead in wanted if len(places[lead]) > 1]:
        raise LeadMismatchError(
            f"record {shown(path)}: lead {', '.join(repeated)} occurs more than once; it stores "
            f"{', '.join(names)}. Correct the header, or leave the record out."
        )


def _remedy(wanted: tuple[str, ...], missing: list[str], names: tuple[str, ...]) -> str:
    """Return advice for reading a record that lacks leads."""
    present = places_by_lead(names, ())
    if all(derivation(lead, present) for lead in missing):
        kept = [lead for lead in wanted if lead not in missing]
        return (
            f"{', '.join(missing)} follow from its other limb leads: pass leads={kept!r}, and "
            f"derive them by SelectLeads({list(wanted)!r}, derive=True)."
        )
    known = {place for places in present.values() for place in places}
    unknown = [name for place, name in enumerate(names) if name and place not in known]
    advice = "Pass leads= with those that all records have."
    if unknown:
        advice += (
            f" If its signal {unknown[0]!r} is meant, pass leads={{{unknown[0]!r}: "
            f"{missing[0]!r}}}; a lead that no standard names begins with x-, such as 'x-cm5'."
        )
    return advice


def wanted_leads(leads: Leads) -> tuple[str, ...]:
    """Return the canonical names of the leads to read, from names or a mapping to names."""
    if isinstance(leads, Mapping):
        return _canonical_leads(tuple(dict.fromkeys(map(canonical_lead, leads.values()))))
    return _canonical_leads(leads if isinstance(leads, str) else tuple(leads))


def declared_names(leads: Leads) -> tuple[tuple[str, str], ...]:
    """Return further names of leads in the files, and the leads that they mean."""
    return tuple(leads.items()) if isinstance(leads, Mapping) else ()


@lru_cache(maxsize=1024)
def places_by_lead(
    names: tuple[str, ...], declared: tuple[tuple[str, str], ...]
) -> dict[str, list[int]]:
    """Return the positions of every known lead; most records of a folder share their names."""
    meanings = {_folded(name): lead for name, lead in declared}
    places: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if lead := try_canonical_lead(meanings.get(_folded(name), name)):
            places.setdefault(lead, []).append(position)
    return places


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _to_millivolt(signal: SignalLine, path: str) -> float:
    try:
        return _cached_to_millivolt(signal.unit)
    except UnitError as error:
        raise UnitError(f"record {shown(path)}: lead {signal.name}: {error}") from error
