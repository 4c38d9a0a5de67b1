"""Direct reading of samples stored as plain integers in one file, bit-equal to wfdb."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

# Formats of plain integers: data type, and the value of a missing sample.
_FORMATS = {"16": ("<i2", -(2**15)), "61": (">i2", -(2**15)), "32": ("<i4", -(2**31))}
# Placeholder of the record's name, so that the records of a folder share a layout.
_RECORD_NAME = "*"


@dataclass(frozen=True)
class SampleBlock:
    """Position and scale of the requested leads in a file of interleaved integers."""

    file: str  # ``*`` stands for the name of the record
    fmt: str  # number of the WFDB format
    offset: int  # bytes before the first sample
    n_signals: int  # in the file
    columns: tuple[int, ...]  # positions of the requested leads in the file
    # (stored - baseline) / gain is the signal in the lead's unit.
    gains: tuple[float, ...]
    baselines: tuple[int, ...]


def find_block(header: Any, channels: tuple[int, ...], path: str) -> SampleBlock | None:
    """Find the samples of the header's `channels`; None when only wfdb can read them."""
    file = header.file_name[channels[0]]
    inside = [place for place, name in enumerate(header.file_name) if name == file]
    offsets = {header.byte_offset[place] or 0 for place in inside}
    known = (
        header.n_sig == len(header.file_name)
        and len(set(header.fmt)) == 1
        and header.fmt[0] in _FORMATS
        and set(header.samps_per_frame) == {1}
        and not any(header.skew)
        and set(channels) <= set(inside)
        and inside == list(range(inside[0], inside[-1] + 1))
        and len(offsets) == 1
    )
    if not known:
        return None
    stem, dot, suffix = file.rpartition(".")
    own = stem == os.path.basename(path)
    return SampleBlock(
        file=f"{_RECORD_NAME}{dot}{suffix}" if own else file,
        fmt=header.fmt[0],
        offset=offsets.pop(),
        n_signals=len(inside),
        columns=tuple(channel - inside[0] for channel in channels),
        gains=tuple(header.adc_gain[channel] for channel in channels),
        baselines=tuple(header.baseline[channel] for channel in channels),
    )


def block_file(block: SampleBlock, path: str) -> str:
    """Return the path of the file that holds the samples of a record."""
    folder, name = os.path.split(path)
    return os.path.join(folder, block.file.replace(_RECORD_NAME, name))


def read_block(block: SampleBlock, path: str, end: int) -> np.ndarray:
    """Read the first `end` samples of each lead, in the header's units, NaN where missing.

    Raises OSError or ValueError when the file cannot be read or is too short.
    """
    file = block_file(block, path)
    dtype, missing = _FORMATS[block.fmt]
    stored = np.fromfile(file, dtype, count=end * block.n_signals, offset=block.offset)
    # Raises when the file is too short.
    digital = stored.reshape(end, block.n_signals).T[list(block.columns)]
    # The steps of wfdb in their order, so that every bit agrees.
    signal = digital.astype(np.float64)
    if any(block.baselines):
        signal -= np.array(block.baselines)[:, None]
    signal /= np.array(block.gains)[:, None]
    signal[digital == missing] = np.nan
    return signal
