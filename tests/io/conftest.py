"""A folder of records to ingest, and what an ingest wrote."""

import shutil

import numpy as np
import pytest

from ecgsk import io


@pytest.fixture
def records(write_record, tmp_path, tmp_path_factory):
    """Twenty records in two folders, one of them at another rate."""
    folder, written = tmp_path / "in", tmp_path_factory.getbasetemp() / "records-to-ingest"
    if written.exists():  # wfdb takes seconds to write them
        return shutil.copytree(written, folder)
    rng = np.random.default_rng(0)
    for number in range(20):
        rate = 250 if number == 7 else 500
        signal = np.cumsum(rng.normal(scale=0.02, size=(12, 4 * rate)), axis=1).round(3)
        name = f"in/p{number % 2}/r{number:02d}"
        write_record(name, rate=rate, signal=signal, comments=[f"Age: {40 + number}", "Sex: F"])
    shutil.copytree(folder, written)
    return folder


@pytest.fixture
def ingest(records, tmp_path):
    def call(out="out", transform=None, **settings):
        settings = {"chunk_size": 3, "progress": False, **settings}
        return io.ingest(records, tmp_path / out, transform, **settings)

    return call


@pytest.fixture
def content():
    """Bytes of all files of a finished ingest."""
    files = ["broken.csv", "ecg.json", "ecg.npy", "records.parquet", "sources.parquet"]

    def read(folder):
        assert sorted(path.name for path in folder.iterdir()) == files
        return {name: (folder / name).read_bytes() for name in files}

    return read


@pytest.fixture(scope="session")
def write_signals():
    return _write_signals


def _pack(samples, fmt):
    """Return the bytes of integers, one sample after another."""
    samples = [int(sample) for sample in samples]
    if fmt in ("16", "24", "32", "61"):
        size, order = {"16": 2, "24": 3, "32": 4, "61": 2}[fmt], "big" if fmt == "61" else "little"
        return b"".join(sample.to_bytes(size, order, signed=True) for sample in samples)
    if fmt == "8":
        return b"".join(sample.to_bytes(1, "little", signed=True) for sample in samples)
    if fmt == "80":
        return bytes(sample + 128 for sample in samples)
    if fmt == "160":
        return b"".join((sample + 32768).to_bytes(2, "little") for sample in samples)
    out = bytearray()
    if fmt == "212":
        for i in range(0, len(samples), 2):
            a, b = ((s & 0xFFF) for s in ([*samples[i : i + 2], 0])[:2])
            out += bytes([a & 0xFF, (a >> 8) | (b >> 8) << 4, b & 0xFF])
        return bytes(out[: -(-len(samples) * 3 // 2)])
    for i in range(0, len(samples), 3):
        a, b, c = ((s & 0x3FF) for s in ([*samples[i : i + 3], 0, 0])[:3])
        if fmt == "310":
            low, high = a << 1 | (c & 31) << 11, b << 1 | (c >> 5) << 11
            out += low.to_bytes(2, "little") + high.to_bytes(2, "little")
        else:
            out += (a | b << 10 | c << 20).to_bytes(4, "little")
    return bytes(out)


def _write_signals(
    folder, name, signals, *, fmt="16", rate=500, offset=0, encoding="utf-8", **extra
):
    """Write a record in any format, independent of the package and of wfdb; return its header.

    Signals have ``name``, ``samples``, ``gain``, ``baseline``, ``unit``, ``per_frame``, ``skew``.
    `extra`: ``n_frames`` (text instead of their number), ``comments``, ``file`` (its name).
    """
    n_frames = len(signals[0].samples) // signals[0].per_frame
    stated = extra.get("n_frames", str(n_frames))
    file = extra.get("file", f"{name}.dat")
    lines = [f"{name} {len(signals)} {rate} {stated}".rstrip()]
    columns = []
    for signal in signals:
        spec = fmt + (f"x{signal.per_frame}" if signal.per_frame > 1 else "")
        spec += f":{signal.skew}" if signal.skew else ""
        spec += f"+{offset}" if offset else ""
        first, checksum = int(signal.samples[0]), int(signal.samples.astype(np.int64).sum())
        checksum = (checksum + 2**15) % 2**16 - 2**15
        lines.append(
            f"{file} {spec} {signal.gain}({signal.baseline})/{signal.unit} 16 0 {first} {checksum} "
            f"0 {signal.name}"
        )
        stored = signal.samples.astype(np.int64)
        if fmt == "8":
            stored = np.diff(stored, prepend=first)
        columns.append(stored.reshape(n_frames, signal.per_frame))
    lines += [f"# {comment}" for comment in extra.get("comments", ())]
    text = "\n".join([*lines, ""])
    (folder / f"{name}.hea").write_bytes(text.encode(encoding))
    flat = np.concatenate(columns, axis=1).reshape(-1)
    (folder / file).write_bytes(b"\xff" * offset + _pack(flat, fmt))
    return text
