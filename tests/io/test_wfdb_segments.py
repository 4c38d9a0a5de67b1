"""Records of several segments, against arithmetic on the segments and against wfdb."""

import os
import tracemalloc
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError, RecordReadError, SignalQualityWarning
from ecgsk.io import ingest, read_ecg, read_ecg_folder, read_ecgs, read_wfdb_folder
from ecgsk.io._record_state import source_stamp
from ecgsk.io._search import find_records
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_header import read_header
from ecgsk.io.wfdb_storage import WFDBStorage

MISSING = -(2**15)
MILLIVOLTS = {"mV": 1.0, "uV": 0.001, "V": 1000.0}


def write_segment(folder, name, signals, *, rate="125", per_frame=1, n_frames=None, layout=False):
    """Write a segment; `signals` are name, integers, gain, baseline and unit."""
    stored = [np.asarray(samples, "<i2") for _, samples, *_ in signals]
    n_frames = len(stored[0]) // per_frame if n_frames is None else n_frames
    file, fmt = ("~", "0") if layout else (f"{name}.dat", "16")
    spec = f"{fmt}x{per_frame}" if per_frame > 1 else fmt
    lines = [f"{name} {len(signals)} {rate} {n_frames}"]
    for (lead, _, gain, baseline, unit), samples in zip(signals, stored, strict=True):
        checksum = int(samples.astype(np.int64).sum()) % 2**16
        lines.append(f"{file} {spec} {gain}({baseline})/{unit} 16 0 0 {checksum} 0 {lead}")
    (folder / f"{name}.hea").write_text("\n".join([*lines, ""]))
    if not layout:
        frames = [samples.reshape(-1, per_frame) for samples in stored]
        np.concatenate(frames, axis=1).tofile(folder / f"{name}.dat")


def write_master(folder, name, n_signals, segments, *, rate="125", n_frames=None):
    total = sum(length for _, length in segments) if n_frames is None else n_frames
    lines = [f"{name}/{len(segments)} {n_signals} {rate} {total} 10:11:12 01/02/2150"]
    lines += [f"{segment} {length}" for segment, length in segments]
    (folder / f"{name}.hea").write_text("\n".join([*lines, "# Age: 61", ""]))


def in_mv(signal):
    _, samples, gain, baseline, unit = signal
    samples = np.asarray(samples, float)
    scaled = (samples - baseline) / gain * MILLIVOLTS[unit]
    return np.where(samples == MISSING, np.nan, scaled)


signals = st.tuples(
    st.lists(st.integers(MISSING, 2**15 - 1), min_size=24, max_size=24),
    st.sampled_from([10, 200, 1000.5]),
    st.integers(-300, 300),
    st.sampled_from(list(MILLIVOLTS)),
)
parts = st.one_of(
    st.integers(1, 4),  # frames of a null segment
    st.dictionaries(st.sampled_from(["II", "V1", "ABP"]), signals, min_size=1),
)


@settings(max_examples=60)
@given(
    held=st.lists(parts, min_size=1, max_size=4),
    per_frame=st.sampled_from([1, 4]),
    bounds=st.tuples(st.integers(0, 60), st.integers(1, 60)),
)
def test_variable_layout_equals_arithmetic_on_its_segments(held, per_frame, bounds):
    with TemporaryDirectory() as name:
        folder, segments, expected = Path(name), [("r_layout", 0)], []
        names = ["V1", "ABP", "II"]
        layout = [(lead, [], 0, 0, "mV") for lead in names]
        write_segment(folder, "r_layout", layout, per_frame=per_frame, layout=True)
        for number, part in enumerate(held):
            if isinstance(part, int):
                segments.append(("~", part))
                expected.append(np.full((2, part * per_frame), np.nan))
                continue
            stated = [(lead, *signal) for lead, signal in part.items()]
            write_segment(folder, f"r_{number}", stated, per_frame=per_frame)
            segments.append((f"r_{number}", 24 // per_frame))
            found = {signal[0]: in_mv(signal) for signal in stated}
            expected.append([found.get(lead, np.full(24, np.nan)) for lead in ("II", "V1")])
        write_master(folder, "r", 3, segments)
        expected = np.concatenate(expected, axis=1)
        record = read_ecg(folder / "r", leads=["II", "V1"])
        assert record.sampling_rate == 125 * per_frame
        np.testing.assert_allclose(record.signal, expected, rtol=1e-6)
        header = read_header(str(folder / "r"), ["II", "V1"])
        storage = WFDBStorage([header], ["II", "V1"], header.sampling_rate, expected.shape[1])
        begin, n_samples = bounds
        padded = np.pad(expected, ((0, 0), (0, 130)), constant_values=np.nan)
        part = storage.read_part(np.array([0]), np.array([begin]), n_samples)[0]
        np.testing.assert_allclose(part, padded[:, begin : begin + n_samples], rtol=1e-6)


@pytest.fixture
def monitoring(tmp_path):
    """A record of variable layout, as MIMIC-III has them; its scales differ by segment."""
    rng = np.random.default_rng(0)
    a = [("II", rng.integers(-900, 900, 1000), 200, 5, "mV")]
    a += [("ABP", rng.integers(-900, 900, 1000), 12, 0, "mmHg")]
    b = [
        (lead, rng.integers(-900, 900, 700), 100 + i, i, "mV") for i, lead in enumerate(["V", "II"])
    ]
    write_segment(tmp_path, "3001_0001", a)
    write_segment(tmp_path, "3001_0002", b)
    layout = [(lead, [], 0, 0, "mV") for lead in ("II", "V", "ABP")]
    write_segment(tmp_path, "3001_layout", layout, layout=True)
    segments = [("3001_layout", 0), ("~", 40), ("3001_0001", 1000), ("~", 510), ("3001_0002", 700)]
    write_master(tmp_path, "p1", 3, segments)
    return tmp_path


def test_variable_layout_equals_wfdb(monitoring):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = load_wfdb().rdrecord(str(monitoring / "p1"), m2s=True)
    record = read_ecg(monitoring / "p1", leads={"II": "II", "V": "x-v"})
    for lead, name in zip(record.leads, ("II", "V"), strict=True):
        stored = expected.p_signal[:, expected.sig_name.index(name)].astype("f4")
        np.testing.assert_array_equal(record.signal[record.leads.index(lead)], stored)


def test_fixed_layout_equals_wfdb(tmp_path):
    rng = np.random.default_rng(1)
    for number, gain in enumerate((200, 100)):
        stated = [(lead, rng.integers(-900, 900, 300), gain, number, "mV") for lead in ("I", "II")]
        write_segment(tmp_path, f"r_{number}", stated)
    write_master(tmp_path, "r", 2, [("r_0", 300), ("r_1", 300)])
    expected = load_wfdb().rdrecord(str(tmp_path / "r"), m2s=True).p_signal.T.astype("f4")
    np.testing.assert_array_equal(read_ecg(tmp_path / "r", leads=["I", "II"]).signal, expected)


def test_a_segment_is_no_record_of_its_own(monitoring, write_record):
    write_record("other", leads=["II"], rate=125)
    assert find_records(monitoring, name="test") == ["other", "p1"]
    frame = read_wfdb_folder(monitoring, leads=["II"], duration=4, progress=False)
    assert frame["record"].tolist() == ["other", "p1"]
    assert frame["age"].tolist()[1] == 61
    assert frame.attrs["broken"] == []
    segments = read_wfdb_folder(monitoring, leads=["II"], duration=4, pattern="*_000?.hea")
    assert segments["record"].tolist() == ["3001_0001", "3001_0002"]


def test_every_reader_takes_a_record_of_segments(monitoring):
    expected = read_ecg(monitoring / "p1", leads=["II"]).signal
    table = read_ecgs(monitoring, leads=["II"])
    np.testing.assert_array_equal(table["ecg"].ecg.to_numpy()[0], expected)
    ingest(monitoring, monitoring / "out", leads=["II"], progress=False)
    stored = read_ecg_folder(monitoring / "out")[0]["ecg"].ecg.to_numpy()[0]
    np.testing.assert_allclose(stored, expected, atol=0.00051)


def test_a_part_of_a_long_record_reads_its_own_segment_alone(tmp_path):
    """A day of 200 segments at 125 Hz; a window takes the memory of the window."""
    samples = np.arange(54_000) % 997
    segments = []
    for number in range(200):
        write_segment(tmp_path, f"r_{number}", [("II", samples, 100 + number, 0, "mV")])
        segments.append((f"r_{number}", len(samples)))
    write_master(tmp_path, "r", 1, segments)
    header = read_header(str(tmp_path / "r"), ["II"])
    storage = WFDBStorage([header], ["II"], 125, header.layout.n_samples)
    assert header.seconds == 86_400
    for number in range(199):  # a segment that is not read may be absent
        if number not in (7, 8):
            os.remove(tmp_path / f"r_{number}.dat")
    tracemalloc.start()
    begin = 8 * len(samples) - 500
    window = storage.read_part(np.array([0]), np.array([begin]), 1250)[0, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(window[:500], samples[-500:] / 107, rtol=1e-6)
    np.testing.assert_allclose(window[500:], samples[:750] / 108, rtol=1e-6)
    assert peak < 500_000


def test_a_changed_segment_is_noticed(monitoring):
    frame = read_wfdb_folder(monitoring, leads=["II"], progress=False)
    before = source_stamp(str(monitoring / "p1"))
    os.utime(monitoring / "3001_0002.dat", ns=(0, 0))
    assert source_stamp(str(monitoring / "p1")) != before
    with pytest.raises(RecordReadError, match="a segment or its header has changed"):
        frame["ecg"].ecg.to_numpy()
    with pytest.raises(RecordReadError, match="changed"):
        frame["ecg"].array.storage.read(np.array([0]))


def test_a_damaged_segment_differs_from_its_checksum(monitoring):
    with open(monitoring / "3001_0002.dat", "r+b") as file:
        file.seek(2)  # of lead II
        file.write(b"\x7e")
    with pytest.warns(SignalQualityWarning, match=r"1 of 1 records differ .*p1 in II"):
        read_wfdb_folder(monitoring, leads={"II": "II"})["ecg"].ecg.to_numpy()


def change(name, old, new):
    def damage(folder):
        path = folder / name
        path.write_text(path.read_text().replace(old, new, 1))

    return damage


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (change("p1.hea", "~ 510", "~ 511"), RecordReadError, "2250 samples, and segments of 2251"),
        (change("p1.hea", "_0002 700", "_0002 "), RecordReadError, "the segment line '3001_0002'"),
        (change("p1.hea", "3001_0002", "../x"), RecordReadError, "segments beside the header"),
        (change("p1.hea", "3001_0002", "3001_9"), RecordReadError, "no header .*3001_9.hea"),
        (change("p1.hea", "3001_0002", "p1"), RecordReadError, "segment p1 has segments itself"),
        (change("3001_0002.hea", " 700\n", " 701\n"), RecordReadError, "701 samples and not 700"),
        (
            change("3001_0002.hea", "2 125", "2 250"),
            RecordReadError,
            "one .* rate, got 125 Hz, 250",
        ),
        (change("3001_0002.hea", "V\n", "II\n"), LeadMismatchError, "II occurs more than once"),
        (change("3001_0002.hea", "16 ", "16+8 "), RecordReadError, "format 16 from byte"),
        (lambda folder: (folder / "3001_0001.dat").unlink(), RecordReadError, "0001.dat is absent"),
    ],
)
def test_damaged_segments_are_refused(monitoring, damage, error, message):
    damage(monitoring)
    with pytest.raises(error, match=message):
        read_ecg(monitoring / "p1", leads=["II"])


def test_other_signals_in_a_fixed_layout_are_refused(tmp_path):
    write_segment(tmp_path, "a", [("I", np.arange(9), 1, 0, "mV")])
    write_segment(tmp_path, "b", [("II", np.arange(9), 1, 0, "mV")])
    write_master(tmp_path, "r", 1, [("a", 9), ("b", 9)])
    with pytest.raises(RecordReadError, match="segment b has other signals than the first"):
        read_ecg(tmp_path / "r", leads=["I"])


def test_a_lead_that_no_segment_holds_is_missing(monitoring):
    path = monitoring / "3001_layout.hea"
    path.write_text(path.read_text().replace("ABP", "III"))
    record = read_ecg(monitoring / "p1", leads=["III"])
    assert record.signal.shape == (1, 2250)
    assert np.isnan(record.signal).all()
