"""Parser of WFDB headers in the ordinary form, a hundred times as fast as wfdb."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime

# wfdb reads every header that these patterns do not match. No number may be so long that int()
# refuses it, and each pattern is narrower than wfdb's, so that both split a line alike.
_NUMBER = r"\d{1,18}"
_INTEGER = rf"-?{_NUMBER}"
_DECIMAL = r"\d{1,18}(?:\.\d{1,18})?"
_BLANK = r"[ \t]+"
_TIME = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d)"
_DATE = r"(?P<day>\d\d?)/(?P<month>0?[1-9]|1[0-2])/(?P<year>[1-9]\d{3})"
# wfdb does not read the PhysioNet/CinC challenges' form of a date as a date.
_NO_DATE = rf"[0-3]?\d-[A-Z][a-z]{{2}}-\d{{4}}{_BLANK}\d\d:\d\d:\d\d"
_RECORD_LINE = re.compile(
    rf"[-\w]+{_BLANK}(?P<n_sig>{_NUMBER}){_BLANK}(?P<fs>{_DECIMAL}){_BLANK}(?P<sig_len>{_NUMBER})"
    rf"(?:{_BLANK}{_NO_DATE}|{_BLANK}{_TIME}{_BLANK}{_DATE})?",
    re.ASCII,
)
_SIGNAL_LINE = re.compile(
    rf"(?P<file_name>[-\w]+\.\w+){_BLANK}"
    rf"(?P<fmt>{_NUMBER})(?:x(?P<samps_per_frame>{_NUMBER}))?(?:\+(?P<byte_offset>{_NUMBER}))?"
    rf"{_BLANK}(?P<adc_gain>-?{_DECIMAL}(?:e[+-]?\d{{1,2}})?)(?:\((?P<baseline>{_INTEGER})\))?"
    rf"(?:/(?P<units>[-\w^?%/]+))?{_BLANK}{_NUMBER}{_BLANK}(?P<adc_zero>{_INTEGER}){_BLANK}"
    rf"{_INTEGER}{_BLANK}{_INTEGER}{_BLANK}{_NUMBER}{_BLANK}(?P<sig_name>[!-~]+(?: [!-~]+)*)",
    re.ASCII,
)


@dataclass(frozen=True)
class OrdinaryHeader:
    """Fields of a header, named and typed as by ``wfdb.rdheader``."""

    n_sig: int
    fs: float
    sig_len: int
    base_datetime: datetime | None
    file_name: list[str]
    fmt: list[str]
    samps_per_frame: list[int]
    skew: list[int | None]
    byte_offset: list[int | None]
    adc_gain: list[float]
    baseline: list[int]
    units: list[str]
    sig_name: list[str]
    comments: list[str]


def parse_ordinary(raw: bytes) -> OrdinaryHeader | None:
    """Parse the bytes of a header in the ordinary form; None for any other header.

    The ordinary form has one segment, ASCII text, no skew, no counter frequency, and all
    fields but samples per frame, byte offset, baseline and unit, which are optional.
    """
    if not raw.isascii():
        return None
    lines = [line.strip() for line in raw.decode("ascii").splitlines()]
    stated = [line for line in lines if line and line[0] != "#"]
    record = _RECORD_LINE.fullmatch(stated[0]) if stated else None
    matches = [_SIGNAL_LINE.fullmatch(line) for line in stated[1:]]
    signals = [match.groupdict() for match in matches if match]
    if not record or not signals or not len(matches) == len(signals) == int(record["n_sig"]):
        return None
    if record["day"] and int(record["day"]) not in _days(record):
        return None
    fs = float(record["fs"])
    return OrdinaryHeader(
        n_sig=len(signals),
        fs=int(fs) if round(fs, 8) == int(fs) else fs,
        sig_len=int(record["sig_len"]),
        base_datetime=_datetime(record),
        file_name=[signal["file_name"] for signal in signals],
        fmt=[signal["fmt"] for signal in signals],
        samps_per_frame=[int(signal["samps_per_frame"] or 1) for signal in signals],
        skew=[None] * len(signals),
        byte_offset=[_optional(signal["byte_offset"]) for signal in signals],
        # WFDB: a gain of 0 means 200, and the default baseline is the ADC zero.
        adc_gain=[float(signal["adc_gain"]) or 200.0 for signal in signals],
        baseline=[int(signal["baseline"] or signal["adc_zero"]) for signal in signals],
        units=[signal["units"] or "mV" for signal in signals],
        sig_name=[signal["sig_name"] for signal in signals],
        comments=[line.strip(" \t#") for line in lines if line.startswith("#")],
    )


def _optional(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _days(record: re.Match) -> range:
    return range(1, monthrange(int(record["year"]), int(record["month"]))[1] + 1)


def _datetime(record: re.Match) -> datetime | None:
    if not record["day"]:
        return None
    year, month, day = (int(record[name]) for name in ("year", "month", "day"))
    hour, minute, second = (int(record[name]) for name in ("hour", "minute", "second"))
    return datetime(year, month, day, hour, minute, second)
