"""Read ``.vital`` files of VitalDB with its own package, at the recorded sampling rate."""

import contextlib
import gzip
import importlib
import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ecgsk.exceptions import RecordReadError, UnitError
from ecgsk.signals.units import to_millivolt

_WAVE, _NUMBER = 1, 2  # types of track, as the package numbers them
# Start of a file: magic, version and length of the header, in which the start of the recording
# follows 10 bytes.
_MAGIC, _HEAD_BYTES, _MIN_HEADER_BYTES, _START_BYTE = b"VITA", 36, 26, 20
_CHUNK_BYTES = 2**20
# Seconds by which a packet of samples may be early or late and still continues the packet before
# it: the recorder stamps packets with the clock of a computer. A longer gap is missing samples.
_JITTER_S = 0.01
_FLOAT_FORMATS = (1, 2)  # other formats are integers with gain, offset and a missing value


class Wave(NamedTuple):
    """Samples of one track in millivolts, NaN where missing; the first is at 0 s."""

    samples: np.ndarray
    sampling_rate: float


class Numbers(NamedTuple):
    """Values of one track and their times in seconds from the start, in order of time."""

    seconds: np.ndarray
    values: np.ndarray


class VitalRecording(NamedTuple):
    """Tracks of a ``.vital`` file, by name; those that the file lacks are absent."""

    waves: dict[str, Wave]
    numbers: dict[str, Numbers]


@cache
def load_vitaldb_package() -> Any:
    """Import vitaldb, or raise an ImportError that names the extra."""
    try:
        with warnings.catch_warnings():
            # On import, wfdb 4.3 uses functions that pandas 3.1 deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module("vitaldb")
    except ImportError as error:
        raise ImportError(
            "Reading .vital files needs vitaldb, which is not installed. "
            "Use pip install 'ecgsk[vitaldb]'."
        ) from error


def read_vital_file(
    path: Path, waves: Sequence[str], numbers: Sequence[str], *, name: str
) -> VitalRecording:
    """Read tracks of a file, such as ``SNUADC/ECG_II``; `name` is the caller in errors.

    Times are counted from the start that the file states. Samples are those of the file, at its
    sampling rate: none is left out, repeated or interpolated.

    Raises
    ------
    RecordReadError
        When the file is damaged or of another format.
    UnitError
        When the unit of a wave is no voltage.
    """
    package = load_vitaldb_package()
    start = _check_file(path, name)
    # The package prints what it cannot read and returns the tracks up to there, and it leaves
    # the file to the garbage collector to close.
    with contextlib.redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            file = package.VitalFile(str(path), [*waves, *numbers])
        except Exception as error:  # of many classes, for damaged packets
            raise _damaged(path, name, error) from error
    if printed.getvalue():
        raise _damaged(path, name, printed.getvalue().strip())
    tracks = file.trks
    return VitalRecording(
        {
            track: _wave(tracks[track], start, path, name)
            for track in waves
            if track in tracks and tracks[track].type == _WAVE and tracks[track].recs
        },
        {
            track: _numbers(tracks[track], start)
            for track in numbers
            if track in tracks and tracks[track].type == _NUMBER and tracks[track].recs
        },
    )


def _check_file(path: Path, name: str) -> float:
    """Verify the checksum of the whole file; return its start as a Unix time.

    The package reads a file that is cut as one that ends early.
    """
    try:
        with gzip.open(path) as file:
            head = file.read(_HEAD_BYTES)
            while file.read(_CHUNK_BYTES):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, name, error) from error
    if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
        raise _damaged(path, name, "it is no .vital file")
    (n_bytes,) = struct.unpack_from("<H", head, 8)
    (start,) = struct.unpack_from("<d", head, _START_BYTE)
    if n_bytes < _MIN_HEADER_BYTES or not start > 0:
        raise _damaged(path, name, "its header states no start of the recording")
    return start


def _damaged(path: Path, name: str, reason: object) -> RecordReadError:
    return RecordReadError(
        f"{name}: {path} cannot be read: {reason}. Expected a whole .vital file; download it again."
    )


def _wave(track: Any, start: float, path: Path, name: str) -> Wave:
    rate = float(track.srate)
    try:
        # track_names.csv of the database states mV where the file states nothing.
        scale = to_millivolt(track.unit or "mV")
    except UnitError as error:
        raise UnitError(
            f"{name}: {path}: expected a voltage in the track {track.dtname}, got the unit "
            f"{track.unit!r}. Leave the case out."
        ) from error
    pieces: list[tuple[int, np.ndarray]] = []
    end = 0
    for record in sorted(track.recs, key=lambda record: record["dt"]):
        first = round((record["dt"] - start) * rate)
        if pieces and abs(first - end) <= _JITTER_S * rate:
            first = end
        pieces.append((first, record["val"]))
        end = first + len(record["val"])
    n_samples = max(first + len(values) for first, values in pieces)
    samples = np.full(max(n_samples, 0), np.nan, np.float32)
    for first, values in pieces:
        skipped = max(-first, 0)  # before the start
        values = _values(track, values[skipped:])
        samples[first + skipped : first + skipped + len(values)] = values * np.float32(scale)
    return Wave(samples, rate)


def _values(track: Any, stored: np.ndarray) -> np.ndarray:
    values = np.array(stored, dtype=np.float32)
    if track.fmt not in _FLOAT_FORMATS:
        limits = np.iinfo(stored.dtype)
        # As the package marks a gap: the smallest signed, or the largest unsigned number.
        missing = limits.min if limits.min < 0 else limits.max
        values = values * np.float32(track.gain) + np.float32(track.offset)
        values[stored == missing] = np.nan
    values[np.abs(values) > 4e9] = np.nan  # the package's mark in tracks of floats
    return values


def _numbers(track: Any, start: float) -> Numbers:
    seconds = np.array([record["dt"] - start for record in track.recs], dtype=np.float64)
    values = np.array([record["val"] for record in track.recs], dtype=np.float64)
    order = np.argsort(seconds, kind="stable")
    return Numbers(seconds[order], values[order])
