"""EDF, EDF+ and BDF, read by edfio."""

import contextlib
import os
import re
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import RecordReadError
from ecgsk.io.formats.recording import Channel, Recording, check_size, load_library

_RECORD_HEADER_BYTES, _SIGNAL_HEADER_BYTES = 256, 256
#: Largest BDF file, bytes: its samples are read whole. EDF samples are read in part.
MAX_BDF_BYTES = 2**30
# Standard labels of EDF+ begin with the kind of signal: "ECG V1".
_KIND = re.compile(r"(?:ECG|EKG)[\s_-]+(?=\S)", re.IGNORECASE)


def open_edf(path: str) -> Recording:
    """Read the header of an EDF file; samples are read when asked for."""
    edfio = load_library("edfio", "formats", f"record {path}: an EDF file")
    with open(path, "rb") as file:
        is_bdf = file.read(1) == b"\xff"
    _check_size(path, bytes_per_sample=3 if is_bdf else 2)
    # Latin-1, as headers hold "\xb5V" though the standard asks for ASCII.
    if is_bdf:
        check_size(path, MAX_BDF_BYTES, "BDF")
        file = edfio.read_bdf(path, header_encoding="latin-1")
    else:
        file = edfio.read_edf(path, lazy_load_data=True, header_encoding="latin-1")
    if file.reserved.startswith(("EDF+D", "BDF+D")):
        raise RecordReadError(
            f"record {path}: it is a discontinuous recording ({file.reserved.strip()}), which is "
            "not read. Export its continuous parts as EDF+C."
        )
    signals = file.signals
    channels = tuple(_channel(signal, file.num_data_records) for signal in signals)

    def read(places: tuple[int, ...], begin: int, end: int) -> np.ndarray:
        rows = [_read(signals[place], begin, end, path) for place in places]
        return np.array(rows, np.float64)

    return Recording("EDF", channels, read, _columns(file))


def _check_size(path: str, bytes_per_sample: int) -> None:
    """Raise unless the file holds the samples that its header states."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(_RECORD_HEADER_BYTES)
        try:
            n_records, n_signals = int(head[236:244]), int(head[252:256])
            rest = file.read(_SIGNAL_HEADER_BYTES * n_signals)
            counts = rest[216 * n_signals : 224 * n_signals]
            per_record = sum(int(counts[8 * i : 8 * i + 8]) for i in range(n_signals))
        except ValueError as error:
            raise RecordReadError(
                f"record {path}: its EDF header cannot be understood: {error}. Export it again, "
                "or leave it out."
            ) from error
    begin = _RECORD_HEADER_BYTES + _SIGNAL_HEADER_BYTES * n_signals
    expected = begin + max(n_records, 1) * per_record * bytes_per_sample
    if size < expected or per_record <= 0 or n_signals <= 0:
        raise RecordReadError(
            f"record {path}: it is truncated: expected {expected:,} bytes as its EDF header "
            f"states, got {size:,}. Export it again, or leave it out."
        )


def _channel(signal: Any, n_records: int) -> Channel:
    unit = signal.physical_dimension.strip() or None
    rate = float(signal.sampling_frequency)
    name = _KIND.sub("", signal.label.strip(), count=1)
    return Channel(name, unit, rate, n_records * signal.samples_per_data_record)


def _read(signal: Any, begin: int, end: int, path: str) -> np.ndarray:
    """Return samples of a signal in its physical unit; only their data records are read."""
    digital = (signal.digital_min, signal.digital_max)
    physical = (signal.physical_min, signal.physical_max)
    if digital[0] == digital[1] or physical[0] == physical[1]:
        raise RecordReadError(
            f"record {path}: signal {signal.label!r} must state two different digital and two "
            f"different physical limits, got {digital} and {physical}. Correct its header."
        )
    rate = signal.sampling_frequency
    return signal.get_data_slice(begin / rate, end / rate)


def _columns(file: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, field in (("subject_id", "code"), ("sex", "sex")):
        try:
            value = getattr(file.patient, field)
        except ValueError:  # EDF leaves the format of this field free; EDF+ does not
            continue
        if value and value != "X":
            columns[name] = value
    with contextlib.suppress(ValueError):  # anonymised
        columns["ecg_time"] = pd.Timestamp.combine(file.startdate, file.starttime)
    return columns
