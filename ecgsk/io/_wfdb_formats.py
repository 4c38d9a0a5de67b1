"""Stored samples of each WFDB format, as integers."""

import importlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# A block of constant FLAC samples takes at least 10 bytes and holds at most 65,535 per channel.
_MAX_FLAC_SAMPLES_PER_BYTE = 6554
_FLAC_BITS = (8, 16, 24)
_FLAC_CHUNK = 1 << 20  # samples; libsndfile fails beyond 2**24 at once
_STREAMINFO_BYTES = 42


@dataclass(frozen=True)
class SampleFormat:
    """Packing of samples: in blocks of whole bytes, or as FLAC."""

    block_samples: int
    block_bytes: int
    missing: int | None  # value of a missing sample
    decode: Callable[[np.ndarray], np.ndarray] | None  # of whole blocks; None for FLAC
    word_bytes: int = 1  # of which a block is made

    def n_bytes(self, n_samples: int) -> int:
        """Return the bytes that hold so many samples."""
        n_words = -(-n_samples * self.block_bytes // (self.block_samples * self.word_bytes))
        return n_words * self.word_bytes

    def n_samples(self, n_bytes: int) -> int:
        """Return the samples that so many bytes hold."""
        n_whole = n_bytes // self.word_bytes * self.word_bytes
        return n_whole * self.block_samples // self.block_bytes


def _plain(dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda stored: stored.view(dtype)


def _unsigned(dtype: str, zero: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda stored: stored.view(dtype).astype(np.int32) - zero


def _signed(value: np.ndarray, n_bits: int) -> np.ndarray:
    sign = 1 << (n_bits - 1)
    return (value & ((1 << n_bits) - 1) ^ sign) - sign


def _decode_24(stored: np.ndarray) -> np.ndarray:
    padded = np.zeros((len(stored) // 3, 4), np.uint8)
    padded[:, 1:] = stored.reshape(-1, 3)
    return padded.view("<i4")[:, 0] >> 8


def _decode_212(stored: np.ndarray) -> np.ndarray:
    first, shared, second = stored.reshape(-1, 3).T.astype(np.int16)
    pairs = np.stack([first | (shared & 0x0F) << 8, second | (shared >> 4) << 8], axis=1)
    return _signed(pairs, 12).reshape(-1)


def _decode_310(stored: np.ndarray) -> np.ndarray:
    low, high = stored.view("<u2").astype(np.int32).reshape(-1, 2).T
    third = (low >> 11) | (high >> 11) << 5
    return _signed(np.stack([low >> 1, high >> 1, third], axis=1), 10).reshape(-1)


def _decode_311(stored: np.ndarray) -> np.ndarray:
    words = stored.view("<u4").astype(np.int64)
    return _signed(np.stack([words, words >> 10, words >> 20], axis=1), 10).reshape(-1)


#: By the number of the format in a header.
FORMATS: dict[str, SampleFormat] = {
    # First differences have no value of their own for a missing sample.
    "8": SampleFormat(1, 1, None, _plain("i1")),
    "16": SampleFormat(1, 2, -(2**15), _plain("<i2")),
    "24": SampleFormat(1, 3, -(2**23), _decode_24),
    "32": SampleFormat(1, 4, -(2**31), _plain("<i4")),
    "61": SampleFormat(1, 2, -(2**15), _plain(">i2")),
    "80": SampleFormat(1, 1, -(2**7), _unsigned("u1", 2**7)),
    "160": SampleFormat(1, 2, -(2**15), _unsigned("<u2", 2**15)),
    "212": SampleFormat(2, 3, -(2**11), _decode_212),
    "310": SampleFormat(3, 4, -(2**9), _decode_310, word_bytes=2),
    "311": SampleFormat(3, 4, -(2**9), _decode_311),
    "508": SampleFormat(1, 1, -(2**7), None),
    "516": SampleFormat(1, 2, -(2**15), None),
    "524": SampleFormat(1, 3, -(2**23), None),
}


def read_frames(
    file: str, fmt: str, offset: int, n_frames: int, per_frame: tuple[int, ...], first: int = 0
) -> np.ndarray:
    """Read frames of a file from the `first` on, of shape (n_frames, sum of `per_frame`).

    Raises OSError or ValueError when the file cannot be read or is too short.
    """
    if not os.path.isfile(file):  # a pipe would wait for ever
        raise OSError(f"{file} is absent or no regular file")
    packed = FORMATS[fmt]
    if packed.decode is None:
        offset += first * per_frame[0]  # of FLAC, samples
        return _read_flac(file, offset, n_frames, len(per_frame), per_frame[0])
    block, n_before = divmod(first * sum(per_frame), packed.block_samples)
    offset += block * packed.block_bytes
    n_samples = n_before + n_frames * sum(per_frame)
    n_bytes = packed.n_bytes(n_samples)
    stored = np.fromfile(file, np.uint8, count=n_bytes, offset=offset)
    if len(stored) < n_bytes:
        raise ValueError(f"{file} is truncated: expected {n_bytes} bytes, got {len(stored)}")
    if n_bytes % packed.block_bytes:
        stored = np.pad(stored, (0, -n_bytes % packed.block_bytes))
    return packed.decode(stored)[n_before:n_samples].reshape(n_frames, -1)


def _read_flac(file: str, offset: int, n_frames: int, n_signals: int, per_frame: int) -> np.ndarray:
    n_times = n_frames * per_frame
    out = np.empty((n_times, n_signals), np.int32)
    with importlib.import_module("soundfile").SoundFile(file) as stream:
        stream.seek(offset)
        for start in range(0, n_times, _FLAC_CHUNK):
            part = out[start : start + _FLAC_CHUNK]
            if len(stream.read(out=part)) < len(part):
                raise ValueError(f"{file} is truncated: expected {n_times} samples per channel")
    out >>= 32 - flac_stream(file)[1]  # they come at the top of 32 bits
    return out.reshape(n_frames, per_frame, n_signals).transpose(0, 2, 1).reshape(n_frames, -1)


def flac_stream(file: str) -> tuple[int, int, int]:
    """Return channels, bits per sample and samples per channel of a FLAC file."""
    with open(file, "rb") as stream:
        start = stream.read(_STREAMINFO_BYTES)
    if len(start) < _STREAMINFO_BYTES or start[:4] != b"fLaC" or start[4] & 0x7F:
        raise ValueError(f"{file} is no FLAC file")
    (packed,) = struct.unpack(">Q", start[18:26])
    return (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, packed & (2**36 - 1)


def count_frames(file: str, fmt: str, offset: int, per_frame: tuple[int, ...]) -> int:
    """Return how many frames a file holds; raise ValueError when it has another format."""
    size, packed = os.path.getsize(file), FORMATS[fmt]
    if packed.decode is not None:
        return packed.n_samples(max(size - offset, 0)) // sum(per_frame)
    n_channels, n_bits, n_times = flac_stream(file)
    most = int(fmt) - 500
    if n_channels != len(per_frame) or n_bits not in _FLAC_BITS or n_bits > most:
        raise ValueError(
            f"expected FLAC of {len(per_frame)} channels and at most {most} bits, got "
            f"{n_channels} channels of {n_bits} bits"
        )
    if len(set(per_frame)) > 1:
        raise ValueError(f"expected one rate in a FLAC file, got {per_frame} samples per frame")
    if n_times > size * _MAX_FLAC_SAMPLES_PER_BYTE:
        raise ValueError(f"{size} bytes of FLAC cannot hold {n_times} samples per channel")
    return max(n_times - offset, 0) // per_frame[0]
