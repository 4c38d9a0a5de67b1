"""Parser of WFDB headers: one decoding, one line splitter, one pattern per kind of line."""

import re
from datetime import datetime
from typing import NamedTuple

# Bounds of what a header may ask for.
_MAX_LINE = 4096  # characters of a line that is no comment
MAX_SIGNALS = 1024

_NUMBER = r"\d{1,15}"
_INTEGER = rf"[-+]?{_NUMBER}"
_DECIMAL = rf"(?:{_NUMBER}(?:\.\d{{0,18}})?|\.\d{{1,18}})(?:[eE][-+]?\d{{1,2}})?"
_BLANK = r"[ \t]+"
_END = r"(?=[ \t]|$)"  # of a field
# The last field is free text, as in wfdb; a name may hold blanks where no field can begin.
_RECORD_LINE = re.compile(
    rf"(?P<name>\S.*?)(?:/(?P<n_segments>{_NUMBER}))?{_BLANK}(?P<n_signals>{_NUMBER}){_END}"
    rf"(?:{_BLANK}(?P<rate>{_DECIMAL})(?:/-?{_DECIMAL}(?:\(-?{_DECIMAL}\))?)?{_END}"
    rf"(?:{_BLANK}(?P<n_frames>{_NUMBER}){_END}"
    rf"(?:{_BLANK}(?P<time>[\d:.]+){_END}(?:{_BLANK}(?P<date>\d+/\d+/\d+){_END})?)?"
    rf"(?:{_BLANK}.*)?)?)?",
    re.ASCII,
)
_SIGNAL_LINE = re.compile(
    rf"(?P<file>\S.*?){_BLANK}(?P<fmt>\d{{1,4}})(?:x(?P<per_frame>{_NUMBER}))?"
    rf"(?::(?P<skew>{_NUMBER}))?(?:\+(?P<offset>{_NUMBER}))?{_END}"
    rf"(?:{_BLANK}(?P<gain>-?{_DECIMAL})(?:\((?P<baseline>{_INTEGER})\))?(?:/(?P<unit>\S+))?{_END}"
    rf"(?:{_BLANK}{_NUMBER}{_END}(?:{_BLANK}(?P<zero>{_INTEGER}){_END}"
    rf"(?:{_BLANK}(?P<initial>{_INTEGER}){_END}(?:{_BLANK}(?P<checksum>{_INTEGER}){_END}"
    rf"(?:{_BLANK}{_NUMBER}{_END})?)?)?)?)?)?(?:{_BLANK}(?P<name>.+))?",
    re.ASCII,
)
_SEGMENT_LINE = re.compile(rf"(?P<name>\S.*?){_BLANK}(?P<n_frames>{_NUMBER})", re.ASCII)
_TIME = re.compile(r"(?:(?:(\d\d?):)?(\d\d?):)?(\d\d?)(?:\.(\d{1,6}))?", re.ASCII)
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_DEFAULT_GAIN = 200.0  # units per mV, where a header states none or 0


class SignalLine(NamedTuple):
    """One signal of a record, as its line in the header states it."""

    file: str
    fmt: str
    per_frame: int  # samples per frame
    skew: int  # frames
    offset: int  # bytes
    gain: float  # units per physical unit
    calibrated: bool  # whether the header states the gain
    baseline: int
    unit: str
    initial: int  # first sample, which format 8 starts from
    checksum: int | None
    name: str


class HeaderText(NamedTuple):
    """Fields of a header; None where it does not state them."""

    frame_rate: float | None  # Hz
    n_frames: int | None
    recorded: datetime | None
    recorded_text: str  # date and time that cannot be understood
    signals: tuple[SignalLine, ...]
    comments: tuple[str, ...]
    segments: tuple[tuple[str, int], ...] = ()  # name and frames of each, where it has segments


def parse_header(raw: bytes) -> HeaderText:
    """Parse the bytes of a header; raise ValueError, with the reason, where it has another form."""
    stated, comments = [], []
    for line in map(str.strip, _LINE_ENDS.split(_decode(raw))):
        if line.startswith("#"):
            comments.append(line.strip("# \t"))
        elif len(line) > _MAX_LINE:
            raise ValueError(f"line {line[:40]!r}... has {len(line)} characters")
        elif line:
            stated.append(line)
    if not stated:
        raise ValueError("it has only comments; a name that begins with # is read as one")
    record = _RECORD_LINE.fullmatch(stated[0])
    if not record:
        raise ValueError(
            f"its first line is {stated[0][:80]!r}; expected name, number of signals, sampling "
            "rate and number of samples"
        )
    kind = "segments" if record["n_segments"] else "signals"
    n_stated = int(record["n_segments"] or record["n_signals"])
    if kind == "signals" and n_stated > MAX_SIGNALS:
        raise ValueError(f"it states {n_stated} signals; expected at most {MAX_SIGNALS}")
    if n_stated != len(stated) - 1 or not n_stated:
        raise ValueError(f"it states {n_stated} {kind} and describes {len(stated) - 1}")
    segments = tuple(map(_parse_segment, stated[1:])) if kind == "segments" else ()
    recorded, recorded_text = _datetime(record["time"], record["date"])
    return HeaderText(
        frame_rate=float(record["rate"]) if record["rate"] else None,
        n_frames=int(record["n_frames"]) if record["n_frames"] else None,
        recorded=recorded,
        recorded_text=recorded_text,
        signals=() if segments else tuple(map(_parse_signal, stated[1:])),
        comments=tuple(comments),
        segments=segments,
    )


def _decode(raw: bytes) -> str:
    """Decode UTF-8, else latin-1, which every sequence of bytes is."""
    if b"\0" in raw:
        raise ValueError("it is no text: it holds a zero byte")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse_segment(line: str) -> tuple[str, int]:
    segment = _SEGMENT_LINE.fullmatch(line)
    if not segment:
        raise ValueError(f"the segment line {line[:80]!r} cannot be read")
    return segment["name"], int(segment["n_frames"])


def _parse_signal(line: str) -> SignalLine:
    signal = _SIGNAL_LINE.fullmatch(line)
    if not signal:
        raise ValueError(f"the signal line {line[:80]!r} cannot be read")
    file, fmt, per_frame, skew, offset, gain, baseline, unit, zero, initial, checksum, name = (
        signal.groups()
    )
    if per_frame and not int(per_frame):
        raise ValueError(f"the signal line {line[:80]!r} states 0 samples per frame")
    return SignalLine(
        file=file,
        fmt=fmt,
        per_frame=int(per_frame or 1),
        skew=int(skew or 0),
        offset=int(offset or 0),
        gain=float(gain or 0) or _DEFAULT_GAIN,
        calibrated=bool(float(gain or 0)),
        # WFDB: the default baseline and first sample are the ADC zero, and the default unit mV.
        baseline=int(baseline or zero or 0),
        unit=unit or "mV",
        initial=int(initial or zero or 0),
        checksum=int(checksum) if checksum else None,
        name=(name or "").strip(),
    )


def _datetime(time: str | None, date: str | None) -> tuple[datetime | None, str]:
    """Return date and time, or the text of those that do not exist."""
    if not (time and date):
        return None, ""
    clock, (day, month, year) = _TIME.fullmatch(time), map(int, date.split("/"))
    if clock:
        hour, minute, second = (int(part or 0) for part in clock.groups()[:3])
        microsecond = int((clock[4] or "").ljust(6, "0"))
        try:
            return datetime(year, month, day, hour, minute, second, microsecond), ""
        except (ValueError, OverflowError):
            pass
    return None, f"{time} {date}"
