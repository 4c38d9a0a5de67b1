"""GE MUSE XML, HL7 aECG, Philips XML and SCP-ECG, read by ECGDataKit."""

import importlib
import re
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.io.formats.recording import (
    Channel,
    Recording,
    check_size,
    from_arrays,
    load_library,
)
from ecgsk.signals.units import format_hertz

#: Largest file, bytes: a document of ten seconds has 0.1 to 1 MB, and is parsed whole.
MAX_BYTES = 2**26
_SCP_HEADER_BYTES, _SCP_LEAD_BYTES = 16, 9  # of a section, and of a lead in section 3
_PARSERS = {
    "GE MUSE XML": ("ge_muse_xml", "GEMuseXMLParser"),
    "HL7 aECG": ("hl7_aecg", "HL7aECGParser"),
    "Philips XML": ("sierra_xml", "SierraXMLParser"),
    "SCP-ECG": ("scp_ecg", "SCPECGParser"),
}


# Rates of MUSE, a number and a power of ten, and of Philips.
_RATE = re.compile(
    rb"(?:<SampleBase>|<samplingrate>|samplespersecond=\")\s*(\d{1,9}(?:\.\d{0,9})?)\s*"
    rb"(?:</SampleBase>\s*<SampleExponent>\s*([-+]?\d{1,2})\s*<)?"
)


def open_hospital(path: str, format: str) -> Recording:
    """Read the rhythm strip of a file; ECGDataKit holds the median beat apart.

    XML with entities of its own is refused by ECGDataKit, and none is fetched.
    """
    kit = load_library("ecgdatakit", "formats", f"record {path}: a file of {format}")
    module, name = _PARSERS[format]
    parser = getattr(importlib.import_module(f"ecgdatakit.parsing.parsers.{module}"), name)
    check_size(path, MAX_BYTES, format)
    try:
        record = parser().parse(path)
    except kit.CorruptedFileError:
        if format != "SCP-ECG":
            raise
        record = _scp_of_its_own_length(parser)().parse(path)
    stated = _stated_rates(path) if format in ("GE MUSE XML", "Philips XML") else set()
    samples = [_scaled(lead, MAX_BYTES // len(record.leads)) for lead in record.leads]
    channels = tuple(
        Channel(
            lead.label,
            (lead.resolution_unit if lead.is_raw else lead.units) or None,
            _rate(lead.sampling_rate, record.raw_metadata, stated),
            len(values),
        )
        for lead, values in zip(record.leads, samples, strict=True)
    )
    return Recording(format, channels, from_arrays(samples), _columns(record))


def _scp_of_its_own_length(parser: type) -> type:
    """Return a parser that reads the samples there are, for files without compression.

    Some devices state more samples in section 3 than the 32,767 that section 6 can hold, or
    count them from 0 where the standard counts from 1.
    """

    class _Parser(parser):
        def _parse_section3(self, ctx: Any) -> None:
            data, begin = bytearray(ctx.data), ctx.sections[3].offset + _SCP_HEADER_BYTES
            for lead in range(data[begin]):
                place = begin + 2 + _SCP_LEAD_BYTES * lead
                if not any(data[place : place + 4]):
                    data[place] = 1
            ctx.data = bytes(data)
            super()._parse_section3(ctx)

        def _decode_leads(self, ctx: Any, section: int, counts: Any) -> Any:
            if section != 6 or ctx.tables is not None or ctx.lead_flags & 1:
                return super()._decode_leads(ctx, section, counts)
            found = super()._decode_leads(ctx, section, None)
            held = {len(samples) for samples in found[4]}
            if len(held) == 1 and counts and held != set(counts):
                ctx.warn(f"section 3 states {max(counts)} samples, section 6 holds {held.pop()}")
            return found

    return _Parser


def _scaled(lead: Any, max_before: int) -> np.ndarray:
    """Return samples in the unit of the lead's scale, from the first sample of the record."""
    samples = lead.samples * lead.resolution + lead.offset if lead.is_raw else lead.samples
    # A lead of SCP-ECG may begin after the others.
    n_before = int(lead.annotations.get("start_sample", 1)) - 1
    if n_before > max_before:
        raise ValueError(f"lead {lead.label} begins {n_before} samples after the others")
    return np.concatenate([np.full(n_before, np.nan), samples]) if n_before else samples


def _stated_rates(path: str) -> set[float]:
    """Return all sampling rates that a document states, in Hz."""
    with open(path, "rb") as file:
        found = _RATE.findall(file.read().replace(b"\0", b""))  # it may be UTF-16
    return {float(f"{number.decode()}e{power.decode() or 0}") for number, power in found}


def _rate(rounded: int, stated: dict[str, Any], written: set[float]) -> float | None:
    """Return the rate as the file states it: ECGDataKit rounds it to whole Hz."""
    times = stated.get("rhythm_time") or {}
    interval = stated.get("rhythm_sample_interval_us")
    exact = float(rounded)
    near = [rate for rate in written if round(rate) == rounded]
    if len(near) > 1:
        raise ValueError(f"it states the rates {' and '.join(map(format_hertz, sorted(near)))}")
    if near:
        exact = near[0]
    elif times.get("sampling_rate_exact"):
        exact = times["sampling_rate_exact"]
    elif interval and abs(1e6 / rounded - interval) > 0.5:  # it is in whole microseconds
        exact = 1e6 / interval
    whole = round(exact)
    return (float(whole) if abs(exact - whole) < 1e-6 * exact else exact) or None


def _columns(record: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if record.patient.patient_id:
        columns["subject_id"] = str(record.patient.patient_id)
    if record.patient.age is not None:
        columns["age"] = float(record.patient.age)
    if record.patient.sex in ("F", "M"):
        columns["sex"] = record.patient.sex
    if record.recording.date is not None:
        # A time of the day with an offset to UTC stays the local one.
        columns["ecg_time"] = pd.Timestamp(record.recording.date.replace(tzinfo=None))
    return columns
