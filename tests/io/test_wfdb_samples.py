"""Samples of every format: as an independent writer stored them, and as wfdb reads them."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.exceptions import RecordReadError
from ecgsk.io import read_wfdb_folder, read_wfdb_record
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_header import read_header, record_path
from ecgsk.io._wfdb_samples import read_blocks
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import canonical_leads

# Bits of the largest sample of each format.
LIMITS = {"8": 7, "16": 15, "24": 23, "32": 31, "61": 15, "80": 7, "160": 15, "212": 11}
LIMITS |= {"310": 9, "311": 9}
FORMATS = list(LIMITS)
LEADS = ("i", "II", "iii", "AVR", "v1")
BITS = {"508": 8, "516": 16, "524": 24}


class Signal(NamedTuple):
    """Stored samples and how a header describes them."""

    name: str
    samples: np.ndarray
    gain: float = 200.0
    baseline: int = 0
    unit: str = "mV"
    per_frame: int = 1
    skew: int = 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@st.composite
def signals(draw, fmt):
    n_frames, n_signals = draw(st.integers(1, 30)), draw(st.integers(1, len(LEADS)))
    per_frame = draw(st.sampled_from([1, 1, 1, 2, 3]))
    # Format 8 stores differences of 8 bits.
    limit = 2 ** LIMITS[fmt] - 1 if fmt != "8" else 60
    values = st.one_of(st.sampled_from([-limit, limit, 0]), st.integers(-limit, limit))
    n = n_frames * per_frame
    return [
        Signal(
            name,
            np.array(draw(st.lists(values, min_size=n, max_size=n))),
            gain=draw(st.sampled_from([200, 1000.0, -3.7, 0.1])),
            baseline=draw(st.integers(-(2**16), 2**16)),
            unit=draw(st.sampled_from(["mV", "uV", "µV", "V"])),
            per_frame=per_frame,
            skew=draw(st.sampled_from([0, 0, 0, min(2, n_frames - 1)])),
        )
        for name in LEADS[:n_signals]
    ]


MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3}


def expected_samples(signal):
    values = (signal.samples - float(signal.baseline)) / signal.gain * MILLIVOLTS[signal.unit]
    skew = min(signal.skew * signal.per_frame, len(values))
    return np.concatenate([values[skew:], np.full(skew, np.nan)])


@pytest.mark.parametrize("fmt", FORMATS)
@settings(max_examples=25)
@given(data=st.data())
def test_samples_of_every_format_are_those_written(folder, write_signals, fmt, data):
    stored = data.draw(signals(fmt))
    offset = data.draw(st.sampled_from([0, 1, 24]))
    rate = data.draw(st.sampled_from([100, 62.4725, 250.5]))
    write_signals(folder, "r", stored, fmt=fmt, rate=rate, offset=offset)
    wanted = data.draw(st.permutations(LEADS[: len(stored)]))
    ecg = read_wfdb_record(folder / "r", leads=wanted)
    assert ecg.sampling_rate == pytest.approx(rate * stored[0].per_frame, rel=1e-15)
    by_name = dict(zip(LEADS, map(expected_samples, stored), strict=False))
    expected = np.array([by_name[lead] for lead in wanted]).astype(np.float32)
    np.testing.assert_array_equal(ecg.read()[0], expected)


@pytest.mark.parametrize("fmt", FORMATS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_part_of_every_format_has_the_samples_of_the_whole(folder, write_signals, fmt, data):
    stored = data.draw(signals(fmt))
    write_signals(folder, "part", stored, fmt=fmt, offset=data.draw(st.sampled_from([0, 3])))
    storage = read_wfdb_record(folder / "part", leads=LEADS[: len(stored)]).storage
    start = data.draw(st.integers(0, storage.n_samples - 1))
    n_samples = data.draw(st.integers(1, storage.n_samples - start))
    part = storage.read_part(np.array([0]), np.array([start]), n_samples)
    whole = storage.read(np.array([0]))[:, :, start : start + n_samples]
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("fmt", FORMATS)
def test_missing_samples_are_nan(tmp_path, write_signals, fmt):
    samples = np.array([5, -(2 ** LIMITS[fmt]), 7])
    if fmt == "8":  # differences have no value for it
        samples = np.array([5, -100, -128])
    write_signals(tmp_path, "r", [Signal("II", samples)], fmt=fmt)
    ecg = read_wfdb_record(tmp_path / "r", leads=["II"]).read()[0, 0]
    np.testing.assert_array_equal(np.isnan(ecg), [False, fmt != "8", False])


def assert_as_wfdb(path, leads, seconds=None):
    """Compare the float64 signal in the header's units with that of wfdb."""
    header = read_header(record_path(path), canonical_leads(leads))
    layout = header.layout
    end = layout.n_samples if seconds is None else round(seconds * layout.sampling_rate)
    expected = load_wfdb().rdrecord(header.path, sampto=end).p_signal.T[list(layout.channels)]
    found, sums = read_blocks(layout.blocks, header.path, end, layout.n_samples)
    assert found.tobytes() == expected.tobytes()
    assert (sums is None) == (end < layout.n_samples)
    assert sums is None or tuple(sums) == header.checksums


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt != "8"])
def test_samples_equal_those_of_wfdb(tmp_path, write_signals, fmt):
    rng, limit = np.random.default_rng(0), 2 ** LIMITS[fmt]
    stored = [Signal(name, rng.integers(-limit, limit, 40), 3.7, 5) for name in LEADS]
    write_signals(tmp_path, "r", stored, fmt=fmt, offset=24)
    assert_as_wfdb(tmp_path / "r", ["v1", "I", "III"])
    assert_as_wfdb(tmp_path / "r", ["II"], seconds=0.03)


@pytest.mark.parametrize("folder", ["brugada_huca", "ludb", "cinc2021", "mimic_iv_demo/ecg"])
@pytest.mark.real_data
def test_samples_and_checksums_of_real_records_equal_wfdb(real_data, folder):
    for path in sorted((real_data / folder).rglob("*.hea")):
        assert_as_wfdb(path, STANDARD_12_LEADS)
        assert_as_wfdb(path, ["V6", "I"], seconds=2)


@pytest.mark.parametrize("fmt", list(BITS))
@pytest.mark.parametrize("per_frame", [1, 4])
def test_flac_is_read(tmp_path, write_signals, fmt, per_frame):
    soundfile = pytest.importorskip("soundfile")
    bits, rng = BITS[fmt], np.random.default_rng(0)
    limit = 2 ** (bits - 1)
    stored = [Signal(name, rng.integers(-limit, limit, 400), 10) for name in ("I", "II")]
    write_signals(tmp_path, "r", stored, fmt="32")
    subtype = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}[bits]
    samples = np.stack([signal.samples for signal in stored], axis=1).astype(np.int32)
    soundfile.write(tmp_path / "r.flac", samples << (32 - bits), 500, subtype, format="FLAC")
    header = (tmp_path / "r.hea").read_text().replace("r.dat 32", f"r.flac {fmt}x{per_frame}")
    stated = f"r 2 {500 / per_frame} {400 // per_frame}"
    for first_line in (stated, stated.rpartition(" ")[0]):  # the number of samples is optional
        (tmp_path / "r.hea").write_text(header.replace("r 2 500 400", first_line))
        ecg = read_wfdb_record(tmp_path / "r", leads=["II", "I"])
        expected = samples.T[::-1] / 10
        expected[expected == -limit / 10] = np.nan
        assert ecg.sampling_rate == 500
        np.testing.assert_array_equal(ecg.read()[0], expected.astype(np.float32))
        (part,) = ecg.storage.read_part(np.array([0]), np.array([131]), 90)
        np.testing.assert_array_equal(part, expected[:, 131:221].astype(np.float32))
    (tmp_path / "r.hea").write_text(header.replace("r 2 500 400", "r 2 500 4000"))
    with pytest.raises(RecordReadError, match=r"r.flac is truncated"):
        read_wfdb_record(tmp_path / "r", leads=["I"])
    (tmp_path / "r.hea").write_text(header.replace(f" {fmt}x", " 508x").replace("II", "III"))
    (tmp_path / "r.flac").write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(RecordReadError, match="no FLAC file"):
        read_wfdb_record(tmp_path / "r", leads=["I"])


def test_leads_in_several_files(tmp_path, write_signals):
    i, ii, iii = (np.arange(9) * k for k in (1, 2, 3))
    write_signals(tmp_path, "a", [Signal("I", i), Signal("II", ii)])
    write_signals(tmp_path, "b", [Signal("III", iii)], fmt="80")
    lines = [*(tmp_path / "a.hea").read_text().splitlines()]
    lines += (tmp_path / "b.hea").read_text().splitlines()[1:]
    (tmp_path / "r.hea").write_text("\n".join(["r 3 500 9", *lines[1:]]))
    ecg = read_wfdb_record(tmp_path / "r", leads=["III", "II", "I"]).read()[0]
    np.testing.assert_array_equal(ecg, np.array([iii, ii, i], np.float32) / np.float32(200))


BAD = {
    "files by turns": ("II", "r.dat 16", "s.dat 16", "do not follow one another"),
    "two formats": (
        "III",
        "r.dat 16",
        "r.dat 80",
        "in one format, got format 16 from byte 0 and format 80",
    ),
    "two offsets": ("III", "r.dat 16", "r.dat 16+2", "from byte 0 and format 16 from byte 2"),
    "unknown format": ("", "r.dat 16", "r.dat 17", "expected format 8, 16, .* got 17"),
    "samples of several rates": ("III", "r.dat 16", "r.dat 16x2", "III 1000 Hz"),
    "infinite gain": ("", "200.0(", "1e-99(", "lead I has a gain of 1e-99 units"),
    "skew": ("", "r.dat 16", "r.dat 16:9", "lead I begins 9 samples after"),
    "another folder": ("", "r.dat 16", "../r.dat 16", "beside the header, got '../r.dat'"),
    "absolute": ("", "r.dat 16", "/etc/passwd 16", "beside the header, got '/etc/passwd'"),
    "no file": ("", "r.dat 16", "~ 0", "beside the header, got '~'"),
}


@pytest.mark.parametrize(("lead", "old", "new", "reason"), BAD.values(), ids=list(BAD))
def test_a_layout_that_cannot_be_read_is_broken(tmp_path, write_signals, lead, old, new, reason):
    write_signals(tmp_path, "good", [Signal(name, np.arange(50)) for name in ("I", "II", "III")])
    text = write_signals(
        tmp_path, "r", [Signal(name, np.arange(50)) for name in ("I", "II", "III")], n_frames="9"
    )
    lines = text.splitlines()
    changed = [line.replace(old, new) if lead in ("", line.split()[-1]) else line for line in lines]
    (tmp_path / "r.hea").write_text("\n".join(changed))
    (tmp_path / "s.dat").write_bytes(bytes(100))
    with pytest.raises(RecordReadError, match=reason):
        read_wfdb_record(tmp_path / "r", leads=["I", "II", "III"])
    with pytest.warns(match="left out 1 of 2"):
        frame = read_wfdb_folder(tmp_path, leads=["I", "II", "III"])
    assert frame["record"].tolist() == ["good"]


def test_the_offset_of_a_matlab_file_is_checked(tmp_path, write_signals):
    samples = np.arange(60)
    head = np.array([30, 1, 60, 0, 4], "<i4").tobytes() + b"val\0"
    text = write_signals(tmp_path, "r", [Signal("II", samples)], file="r.mat")
    (tmp_path / "r.mat").write_bytes(head + samples.astype("<i2").tobytes())
    with pytest.raises(RecordReadError, match="samples begin at byte 24; the header states 0"):
        read_wfdb_record(tmp_path / "r", leads=["II"])
    (tmp_path / "r.hea").write_text(text.replace("r.mat 16", "r.mat 16+24"))
    ecg = read_wfdb_record(tmp_path / "r", leads=["II"]).read()[0, 0]
    np.testing.assert_allclose(ecg, samples / 200)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("stated", ["", "0"])
def test_the_number_of_samples_is_inferred_from_the_file(tmp_path, write_signals, fmt, stated):
    stored = [Signal(name, np.arange(36) % 32) for name in ("I", "II")]
    write_signals(tmp_path, "r", stored, fmt=fmt, offset=3, n_frames=stated)
    ecg = read_wfdb_record(tmp_path / "r", leads=["II"])
    assert ecg.n_samples == 36
    np.testing.assert_allclose(ecg.read()[0, 0], stored[1].samples / 200)
