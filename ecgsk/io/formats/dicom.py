"""DICOM ECG: waveform objects, read by pydicom."""

import io
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import RecordReadError
from ecgsk.io._wfdb_comments import read_age
from ecgsk.io.formats.recording import Channel, Recording, check_size, load_library
from ecgsk.signals.leads import try_canonical_lead

#: Largest file, bytes: a day of three leads at 500 Hz has 260 MB.
MAX_BYTES = 2**30
_DEFLATED = "1.2.840.10008.1.2.1.99"
_META_BEGINS = 144  # bytes, after the preamble and the length of the meta information
# Numbers of leads in SCP-ECG (5.6.3-9-n) and ISO/IEEE 11073-10101 (2:n) codes.
_LEAD_NUMBERS = {
    **{1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"},
    **{2 + n: f"V{n}" for n in range(1, 8)},
    **{66: "V8", 67: "V9", 11: "V3R", 12: "V4R", 13: "V5R", 14: "V6R"},
    **{16: "VX", 17: "VY", 18: "VZ"},
}
_CODE = re.compile(r"(?:5\.6\.3-9-|2:)(\d{1,3})")
_MDC_MEANING = re.compile(r"MDC_ECG_(?:ELEC_POTL|LEAD)_(\w+)", re.IGNORECASE)
# Groups that are no rhythm strip, by their label.
_NOT_RHYTHM = re.compile(r"median|average|template|representative|beat", re.IGNORECASE)


def open_dicom(path: str) -> Recording:
    """Read a DICOM waveform object: the groups of the rhythm strip."""
    pydicom = load_library("pydicom", "dicom", f"record {path}: a DICOM file")
    meta = pydicom.filereader.read_file_meta_info(path)
    check_size(path, MAX_BYTES, "DICOM")
    is_deflated = meta.get("TransferSyntaxUID") == _DEFLATED
    dataset = _inflated(pydicom, path, meta) if is_deflated else pydicom.dcmread(path)
    groups = dataset.get("WaveformSequence") or ()
    if not groups:
        raise RecordReadError(
            f"record {path}: expected a DICOM waveform (ECG), got an object without one "
            f"({_text(dataset, 'Modality') or 'no modality'}). Leave it out."
        )
    chosen, left = _rhythm_groups(groups, path)
    arrays = {place: _group_samples(pydicom, dataset, place, path) for place in chosen}
    sources = [(place, c) for place in chosen for c in range(arrays[place].shape[1])]
    stated = [groups[place].ChannelDefinitionSequence[c] for place, c in sources]
    channels = tuple(
        Channel(
            _lead_name(definition, path),
            _unit(definition),
            float(groups[place].SamplingFrequency),
            len(arrays[place]),
        )
        for (place, _), definition in zip(sources, stated, strict=True)
    )

    def read(places: tuple[int, ...], begin: int, end: int) -> np.ndarray:
        out = np.empty((len(places), end - begin))
        for row, channel in enumerate(places):
            place, column = sources[channel]
            digital = arrays[place][begin:end, column]
            out[row] = _scaled(digital, stated[channel], groups[place])
        return out

    note = f"{left} of {len(groups)} waveform groups are not read" if left else ""
    return Recording("DICOM", channels, read, _columns(dataset), note)


def _inflated(pydicom: Any, path: str, meta: Any) -> Any:
    """Return the dataset of a deflated file; pydicom alone would inflate it to any size."""
    with open(path, "rb") as file:
        file.seek(_META_BEGINS + meta.FileMetaInformationGroupLength)
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        content = stream.decompress(file.read(), MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise RecordReadError(
            f"record {path}: expected a DICOM file of at most {MAX_BYTES:,} bytes, got one that "
            "inflates to more. Cut it into parts."
        )
    if not stream.eof:
        raise ValueError("its deflated data are cut")
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    dataset.file_meta = meta
    return dataset


def _rhythm_groups(groups: Sequence[Any], path: str) -> tuple[list[int], int]:
    """Return the places of the groups of the rhythm strip, and how many others but beats.

    The strip is the longest group that is no median beat, and those that were recorded
    simultaneously: of its rate, length and time.
    """
    places = [place for place, group in enumerate(groups) if not _is_beat(group)]
    if not places:
        raise RecordReadError(
            f"record {path}: expected a rhythm strip, got {len(groups)} waveform groups of "
            "median beats. Leave it out."
        )
    for place in places:
        if not groups[place].get("SamplingFrequency"):
            raise RecordReadError(
                f"record {path}: waveform group {place + 1} must state its sampling frequency; "
                "it states none. Correct the file, or leave it out."
            )
    longest = max(places, key=lambda place: _kind(groups[place])[1] / _kind(groups[place])[0])
    chosen = [place for place in places if _kind(groups[place]) == _kind(groups[longest])]
    return chosen, len(places) - len(chosen)


def _is_beat(group: Any) -> bool:
    label = _text(group, "MultiplexGroupLabel")
    return bool(_NOT_RHYTHM.search(label)) or (
        _text(group, "WaveformOriginality") == "DERIVED" and "RHYTHM" not in label.upper()
    )


def _kind(group: Any) -> tuple[float, int, float]:
    offset = group.get("MultiplexGroupTimeOffset")
    return float(group.SamplingFrequency), int(group.NumberOfWaveformSamples), float(offset or 0)


def _group_samples(pydicom: Any, dataset: Any, place: int, path: str) -> np.ndarray:
    """Return stored samples (n_samples, n_channels), after a check of their number."""
    group = dataset.WaveformSequence[place]
    kind = (int(group.WaveformBitsAllocated), str(group.WaveformSampleInterpretation))
    if kind[1] in ("MB", "AB"):
        raise RecordReadError(
            f"record {path}: its samples are in mu-law or A-law ({kind[1]}), which is not read. "
            "Export linear samples."
        )
    n_expected = int(group.NumberOfWaveformSamples) * int(group.NumberOfWaveformChannels)
    n_held = len(group.WaveformData) // (kind[0] // 8)
    n_defined = len(group.ChannelDefinitionSequence)
    if n_held < n_expected or n_defined != int(group.NumberOfWaveformChannels):
        raise RecordReadError(
            f"record {path}: waveform group {place + 1} is truncated: expected {n_expected} "
            f"samples of {group.NumberOfWaveformChannels} channels, got {n_held} samples and "
            f"{n_defined} channels. Export it again, or leave it out."
        )
    return pydicom.waveforms.multiplex_array(dataset, place, as_raw=True)


def _lead_name(definition: Any, path: str) -> str:
    """Return the lead of a channel, by its code, its meaning or its label."""
    sources = definition.get("ChannelSourceSequence") or ()
    code = _text(sources[0], "CodeValue") if sources else ""
    meaning = _text(sources[0], "CodeMeaning") if sources else ""
    match = _CODE.fullmatch(code)
    by_code = _LEAD_NUMBERS.get(int(match[1])) if match else None
    name = _plain(meaning)
    by_meaning = try_canonical_lead(name)
    if by_code and by_meaning and by_code != by_meaning:
        raise RecordReadError(
            f"record {path}: a channel is lead {by_code} by its code {code} and {by_meaning} by "
            f"its meaning {meaning!r}. Correct the file, or leave it out."
        )
    return by_code or name or _plain(_text(definition, "ChannelLabel")) or code


def _plain(name: str) -> str:
    """Return a lead's name without what surrounds it, as in "Lead I (Einthoven)"."""
    if match := _MDC_MEANING.fullmatch(name.strip()):
        return match[1]
    return re.sub(r"\(.*?\)|\blead\b", " ", name, flags=re.IGNORECASE).strip()


def _unit(definition: Any) -> str | None:
    """Return the unit of a channel's scaled samples; None where none is stated."""
    units = definition.get("ChannelSensitivityUnitsSequence") or ()
    if not units or definition.get("ChannelSensitivity") is None:
        return None
    return _text(units[0], "CodeValue") or _text(units[0], "CodeMeaning") or None


def _scaled(digital: np.ndarray, definition: Any, group: Any) -> np.ndarray:
    """Return a channel in its unit; the padding value is missing, unless it is 0.

    Common writers state a padding value of 0, which is also an amplitude.
    """
    samples = digital.astype(np.float64)
    sensitivity = definition.get("ChannelSensitivity")
    if sensitivity is not None:
        correction = definition.get("ChannelSensitivityCorrectionFactor")
        samples *= float(sensitivity) * float(1 if correction is None else correction)
        samples += float(definition.get("ChannelBaseline") or 0)
    padding = group.get("WaveformPaddingValue")
    if padding is not None:
        if isinstance(padding, bytes):
            padding = np.frombuffer(padding[: digital.itemsize], digital.dtype)[0]
        if padding:
            samples[digital == padding] = np.nan
    return samples


def _columns(dataset: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if subject := _text(dataset, "PatientID"):
        columns["subject_id"] = subject
    if age := _text(dataset, "PatientAge"):
        columns["age"] = read_age(age)
    if (sex := _text(dataset, "PatientSex")) in ("F", "M"):
        columns["sex"] = sex
    time = _text(dataset, "AcquisitionDateTime")
    # A time of the day with an offset to UTC stays the local one.
    if len(time) >= 14 and time[:14].isdigit():
        columns["ecg_time"] = pd.to_datetime(time[:14], format="%Y%m%d%H%M%S", errors="coerce")
    return columns


def _text(dataset: Any, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()
