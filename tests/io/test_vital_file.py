"""Reader of ``.vital`` files, against files that the `vitaldb` package wrote."""

import gzip
import struct

import numpy as np
import pytest

from ecgsk.exceptions import RecordReadError, UnitError
from ecgsk.io.vital_file import load_vitaldb_package, read_vital_file

RATE = 500
WAVE = np.random.default_rng(0).normal(size=5 * RATE).astype(np.float32)


def read(path, name="A/II"):
    return read_vital_file(path, [name], ["A/HR"], name="test")


@pytest.mark.parametrize("packed", [True, False])
def test_every_sample_is_at_its_place(tmp_path, write_vital, packed):
    write_vital(tmp_path / "1.vital", {"A/II": WAVE}, packed=packed)
    wave = read(tmp_path / "1.vital").waves["A/II"]
    np.testing.assert_array_equal(wave.samples, WAVE)
    assert wave.sampling_rate == RATE


def test_late_packets_are_joined(tmp_path, write_vital):
    write_vital(tmp_path / "1.vital", {"A/II": WAVE}, jitter=0.004)
    np.testing.assert_array_equal(read(tmp_path / "1.vital").waves["A/II"].samples, WAVE)


def test_a_gap_is_missing_samples(tmp_path, write_vital):
    write_vital(tmp_path / "1.vital", {"A/II": WAVE[: 2 * RATE]}, jitter=0.1)
    samples = read(tmp_path / "1.vital").waves["A/II"].samples
    assert np.isnan(samples[RATE : RATE + 50]).all()
    np.testing.assert_array_equal(samples[RATE + 50 :], WAVE[RATE : 2 * RATE])


def test_clock_is_the_start_of_the_file_whichever_track_begins_first(tmp_path):
    file = load_vitaldb_package().VitalFile()
    file.dtstart, file.dtend = 4e9, 4e9 + 10
    file.add_track("A/II", [{"dt": 4e9 + 3, "val": WAVE[:RATE]}], srate=RATE, unit="mV")
    file.add_track("A/HR", [{"dt": 4e9 + 7.5, "val": 60.0}, {"dt": 4e9 + 2, "val": 50.0}])
    file.to_vital(str(tmp_path / "1.vital"))
    recording = read(tmp_path / "1.vital")
    samples = recording.waves["A/II"].samples
    assert np.isnan(samples[: 3 * RATE]).all()
    np.testing.assert_array_equal(samples[3 * RATE :], WAVE[:RATE])
    assert recording.numbers["A/HR"].seconds.tolist() == [2, 7.5]
    assert recording.numbers["A/HR"].values.tolist() == [50, 60]


def test_integers_are_scaled_and_their_mark_is_missing(tmp_path, write_vital):
    file = load_vitaldb_package().VitalFile()
    file.dtstart, file.dtend = 4e9, 4e9 + 1
    stored = np.array([100, -32768, -200], np.int16)
    track = file.add_track("A/II", [{"dt": 4e9, "val": stored}], srate=RATE, unit="uV")
    track.fmt, track.gain, track.offset = 5, 10.0, 1000.0
    file.to_vital(str(tmp_path / "1.vital"))
    samples = read(tmp_path / "1.vital").waves["A/II"].samples
    np.testing.assert_allclose(samples, [2.0, np.nan, -1.0], rtol=1e-6)


def test_absent_tracks_are_absent(tmp_path, write_vital):
    write_vital(tmp_path / "1.vital", {"A/II": WAVE})
    recording = read(tmp_path / "1.vital", "A/V5")
    assert not recording.waves
    assert not recording.numbers


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-100], "ended before"),
        (lambda data: b"no gzip", "gzipped"),
        (lambda data: gzip.compress(b"RIFF" + bytes(100)), "it is no .vital file"),
        (lambda data: gzip.compress(gzip.decompress(data)[:20] + bytes(40)), "states no start"),
        (
            lambda data: gzip.compress(
                gzip.decompress(data)[:37] + b"\x01" + struct.pack("<L", 14) + bytes(14)
            ),
            "",
        ),
    ],
)
def test_damaged_files_are_named(tmp_path, write_vital, damage, reason):
    path = tmp_path / "1.vital"
    write_vital(path, {"A/II": WAVE})
    path.write_bytes(damage(path.read_bytes()))
    if not reason:  # packets of no track are skipped
        assert not read(path).waves
        return
    with pytest.raises(RecordReadError, match=rf"test: .*1\.vital cannot be read: .*{reason}"):
        read(path)


def test_a_unit_that_is_no_voltage_is_refused(tmp_path, write_vital):
    write_vital(tmp_path / "1.vital", {"A/II": WAVE}, unit="mmHg")
    with pytest.raises(UnitError, match="expected a voltage in the track A/II, got the unit"):
        read(tmp_path / "1.vital")
