"""Samples of the requested leads of a record, read from the files that its header names."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecgsk.io._wfdb_formats import FORMATS, count_frames, read_frames
from ecgsk.io._wfdb_text import SignalLine

_MATLAB_HEADER_BYTES = 20  # of a matrix in a MATLAB 4 file, before its name
_CHECKED_FRAMES = 1 << 20  # at a time
_MATLAB_BYTES = {20: 4, 30: 2, 50: 1}  # per sample, by the kind of matrix


@dataclass(frozen=True)
class SampleBlock:
    """Position and scale of requested leads in one file; equal for most records of a folder."""

    file: str  # its suffix only where `own_name`
    own_name: bool  # the file's name begins with the record's
    fmt: str  # number of the WFDB format
    offset: int  # bytes before the first sample
    per_frame: tuple[int, ...]  # samples per frame of each signal in the file
    columns: tuple[int, ...]  # positions of the requested leads in the file
    places: tuple[int, ...]  # and among the requested leads
    # (stored - baseline) / gain is the signal in the lead's unit.
    gains: tuple[float, ...]
    baselines: tuple[int, ...]
    skews: tuple[int, ...]  # samples by which each lead begins later in the file
    initials: tuple[int, ...]  # first samples, for format 8 alone


def block_file(block: SampleBlock, path: str) -> str:
    """Return the path of the file of samples of a record."""
    folder, name = os.path.split(path)
    return os.path.join(folder, name + block.file if block.own_name else block.file)


def signal_files(signals: Sequence[SignalLine]) -> dict[str, list[int]]:
    """Return the positions of the signals in each file; raise ValueError where they disagree."""
    files: dict[str, list[int]] = {}
    for position, signal in enumerate(signals):
        files.setdefault(signal.file, []).append(position)
    for file, inside in files.items():
        if inside != list(range(inside[0], inside[-1] + 1)):
            raise ValueError(f"the signals of {file} do not follow one another")
        stated = {(signals[place].fmt, signals[place].offset) for place in inside}
        if len(stated) > 1:
            words = " and ".join(f"format {fmt} from byte {start}" for fmt, start in sorted(stated))
            raise ValueError(f"expected signals of {file} in one format, got {words}")
    return files


def find_blocks(
    signals: Sequence[SignalLine], files: dict[str, list[int]], channels: Sequence[int], name: str
) -> tuple[SampleBlock, ...]:
    """Find the samples of some signals of the record called `name`."""
    blocks = []
    for file in dict.fromkeys(signals[channel].file for channel in channels):
        inside = files[file]
        wanted = [(place, c) for place, c in enumerate(channels) if signals[c].file == file]
        chosen = [signals[channel] for _, channel in wanted]
        own_name = file.startswith(f"{name}.")
        blocks.append(
            SampleBlock(
                file=file.removeprefix(name) if own_name else file,
                own_name=own_name,
                fmt=chosen[0].fmt,
                offset=chosen[0].offset,
                per_frame=tuple(signals[place].per_frame for place in inside),
                columns=tuple(channel - inside[0] for _, channel in wanted),
                places=tuple(place for place, _ in wanted),
                gains=tuple(signal.gain for signal in chosen),
                baselines=tuple(signal.baseline for signal in chosen),
                skews=tuple(signal.skew * signal.per_frame for signal in chosen),
                initials=tuple(s.initial for s in chosen) if chosen[0].fmt == "8" else (),
            )
        )
    return tuple(blocks)


def count_block_frames(file: str, signals: Sequence[SignalLine]) -> int:
    """Return the frames that a file of these signals holds.

    Raises ValueError when the file is in another format, OSError when it cannot be read.
    """
    first = signals[0]
    if first.fmt not in FORMATS:
        raise ValueError(f"expected format {', '.join(FORMATS)}, got {first.fmt}")
    if file.endswith(".mat"):
        _check_matlab(file, first.offset)
    return count_frames(file, first.fmt, first.offset, tuple(s.per_frame for s in signals))


def check_signal_count(file: str, signals: Sequence[SignalLine], n_frames: int, held: int) -> None:
    """Raise where a file holds the frames that are stated, but of more signals than described.

    Every sample of such a record would be that of another lead or time, as the signals of a
    frame follow one another. A file that is merely longer has the checksums of its header.
    """
    first, n_signals = signals[0], len(signals)
    n_stored = -(-held * n_signals // n_frames)  # signals, if the frames are those stated
    fits = n_signals < n_stored < 2 * n_signals
    fits = fits and n_stored * n_frames - held * n_signals < n_signals
    if not fits or {s.per_frame for s in signals} != {1} or FORMATS[first.fmt].decode is None:
        return
    stated = [signal.checksum for signal in signals]
    if first.fmt != "8" and None not in stated and any(stated):
        sums = np.zeros(n_signals, np.int64)
        for begin in range(0, n_frames, _CHECKED_FRAMES):
            n_read = min(_CHECKED_FRAMES, n_frames - begin)
            frames = read_frames(file, first.fmt, first.offset, n_read, (1,) * n_signals, begin)
            sums += frames.sum(axis=0, dtype=np.int64)
        if np.array_equal(sums % 2**16, np.array(stated) % 2**16):
            return
    raise ValueError(
        f"it holds {n_frames} samples of {n_stored} signals; the header describes {n_signals}"
    )


def _check_matlab(file: str, offset: int) -> None:
    """Raise when the samples of a MATLAB 4 file of one matrix begin elsewhere."""
    with open(file, "rb") as stream:
        start = stream.read(_MATLAB_HEADER_BYTES)
    if len(start) < _MATLAB_HEADER_BYTES:
        return
    kind, n_rows, n_columns, imaginary, n_name = struct.unpack("<5i", start)
    begins = _MATLAB_HEADER_BYTES + n_name
    is_matrix = kind in _MATLAB_BYTES and min(n_rows, n_columns, n_name) > 0 == imaginary
    n_bytes = _MATLAB_BYTES[kind] * n_rows * n_columns if is_matrix else 0
    # Other files named .mat may hold samples alone.
    if n_bytes and begins + n_bytes == os.path.getsize(file) and begins != offset:
        raise ValueError(f"its samples begin at byte {begins}; the header states {offset}")


def read_blocks(
    blocks: Sequence[SampleBlock], path: str, end: int, n_stored: int, start: int = 0
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read samples `start` to `end`, of `n_stored` of each lead, in the header's units.

    Returns the signals as float64, NaN where missing, and the sums of all stored samples
    modulo 65536; None where some were not read. Raises OSError or ValueError when a file
    cannot be read or is too short.
    """
    n_leads = sum(len(block.places) for block in blocks)
    sums = np.zeros(n_leads, np.uint16) if (start, end) == (0, n_stored) else None
    if len(blocks) == 1 and blocks[0].places == tuple(range(n_leads)):
        return _read_block(blocks[0], path, start, end, n_stored, sums), sums
    signals = np.empty((n_leads, end - start))
    for block in blocks:
        signals[list(block.places)] = _read_block(block, path, start, end, n_stored, sums)
    return signals, sums


def _read_block(
    block: SampleBlock, path: str, start: int, end: int, n_stored: int, sums: np.ndarray | None
) -> np.ndarray:
    file = block_file(block, path)
    per_frame = block.per_frame[block.columns[0]]
    latest = max(block.skews)
    # Differences, of format 8, are summed from the first sample on.
    first = 0 if block.initials else start // per_frame
    n_frames = -(-min(end + latest, n_stored) // per_frame) - first
    frames = read_frames(file, block.fmt, block.offset, n_frames, block.per_frame, first)
    if set(block.per_frame) == {1}:
        digital = frames.T[list(block.columns)]
    else:
        starts = np.cumsum((0, *block.per_frame))
        digital = np.stack(
            [frames[:, starts[c] : starts[c + 1]].reshape(-1) for c in block.columns]
        )
    if block.initials:  # format 8 stores differences
        digital = np.cumsum(digital, axis=1, dtype=np.int64) + np.array(block.initials)[:, None]
    if sums is not None:
        # Sums of 16 bits overflow as those of WFDB do, and take no wider copy.
        sums[list(block.places)] = np.add.reduce(digital, axis=1, dtype=np.int16).view(np.uint16)
    # The steps of wfdb in their order, so that every bit agrees.
    signal = digital.astype(np.float64)
    if any(block.baselines):
        signal -= np.array(block.baselines)[:, None]
    signal /= np.array(block.gains)[:, None]
    if (missing := FORMATS[block.fmt].missing) is not None:
        signal[digital == missing] = np.nan
    start, end = start - first * per_frame, end - first * per_frame
    if latest:
        signal = _shifted(signal, block.skews, end)
    return signal[:, start:end]


def _shifted(signal: np.ndarray, skews: Sequence[int], end: int) -> np.ndarray:
    """Let each lead begin at its skew; NaN beyond the end of the file."""
    out = np.full((len(signal), end), np.nan)
    for row, skew in enumerate(skews):
        kept = signal[row, skew : skew + end]
        out[row, : len(kept)] = kept
    return out
