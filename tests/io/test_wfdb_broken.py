"""Records that cannot be read: each says why, and none loses the others."""

import json

import pytest

from ecgsk.exceptions import (
    LeadMismatchError,
    RecordReadError,
    SamplingRateError,
    SignalQualityWarning,
    UnitError,
)
from ecgsk.io import read_wfdb_folder, read_wfdb_record


def no_samples(folder):
    (folder / "bad.dat").unlink()


def truncated(folder):
    path = folder / "bad.dat"
    path.write_bytes(path.read_bytes()[:1001])


def garbage_header(folder):
    (folder / "bad.hea").write_bytes(b"\x00\xff this is no header\n")


def empty_header(folder):
    (folder / "bad.hea").write_bytes(b"")


def no_signals(folder):
    (folder / "bad.hea").write_text("bad 12 500 500\n")


def rename(old, new):
    def damage(folder):
        path = folder / "bad.hea"
        path.write_text(path.read_text().replace(old, new))

    return damage


def segments(folder):
    (folder / "bad.hea").write_text("bad/2 12 500 1000\ngood 500\ngood 500\n")


DAMAGES = [
    (no_samples, RecordReadError, "its signal file .*bad.dat is absent"),
    (truncated, RecordReadError, "bad.dat is truncated: expected at least 12000 bytes .* got 1001"),
    (garbage_header, RecordReadError, "expected a WFDB header in .*bad.hea"),
    (empty_header, RecordReadError, "expected a WFDB header in .*bad.hea"),
    (no_signals, RecordReadError, "the header must state signals"),
    (segments, RecordReadError, "expected one segment, got 2 segments"),
    (rename(" aVF\n", " aVX\n"), LeadMismatchError, "it lacks aVF; it stores I, II, .* aVX"),
    (rename(" V2\n", " v1\n"), LeadMismatchError, "it lacks V2"),
    (rename("/mV", "/mmHg"), UnitError, "lead I: unknown unit 'mmHg'"),
]


@pytest.mark.parametrize(("damage", "error", "reason"), DAMAGES)
def test_one_broken_record_loses_no_other(tmp_path, write_record, damage, error, reason):
    write_record("good")
    write_record("bad")
    damage(tmp_path)
    with pytest.warns(SignalQualityWarning, match="left out 1 of 2 records .* such as bad"):
        frame = read_wfdb_folder(tmp_path)
    assert frame["record"].tolist() == ["good"]
    assert frame["ecg"].ecg.to_numpy().shape == (1, 12, 500)
    (broken,) = frame.attrs["broken"]
    assert broken["record"] == "bad"
    json.dumps(frame.attrs)
    with pytest.raises(error, match=reason):
        read_wfdb_record(tmp_path / "bad")
    with pytest.raises(RecordReadError, match=r"record .*bad"):
        read_wfdb_folder(tmp_path, errors="raise")


def test_duplicate_lead_is_named(tmp_path, write_record):
    write_record("twice", leads=("I", "II", "ii"))
    with pytest.raises(LeadMismatchError, match="lead II stands more than once"):
        read_wfdb_record(tmp_path / "twice", leads=["I", "II"])
    with pytest.raises(LeadMismatchError, match="lead I is repeated"):
        read_wfdb_record(tmp_path / "twice", leads=["I", "i"])


def test_unknown_lead_wanted(tmp_path, write_record):
    write_record("r")
    with pytest.raises(LeadMismatchError, match="unknown lead 'V99'"):
        read_wfdb_folder(tmp_path, leads=["V99"])


def test_no_record_at_all(tmp_path, write_record):
    with pytest.raises(RecordReadError, match=r"no file matches .* Give the folder"):
        read_wfdb_folder(tmp_path)
    with pytest.raises(RecordReadError, match="which is no folder"):
        read_wfdb_folder(tmp_path / "absent")
    with pytest.raises(RecordReadError, match=r"there is no header .*absent\.hea"):
        read_wfdb_record(tmp_path / "absent")
    write_record("bad")
    no_samples(tmp_path)
    with pytest.raises(RecordReadError, match="none of 1 records can be read; the first: record"):
        read_wfdb_folder(tmp_path)


def test_record_that_breaks_after_it_was_found(tmp_path, write_record):
    write_record("bad")
    frame = read_wfdb_folder(tmp_path)
    truncated(tmp_path)
    with pytest.raises(RecordReadError, match=r"record .*bad: its samples cannot be read"):
        frame["ecg"].ecg.to_numpy()


def test_header_that_changes_after_it_was_found(tmp_path, write_record):
    write_record("bad")
    frame = read_wfdb_folder(tmp_path)
    rename(" aVF\n", " V7\n")(tmp_path)
    with pytest.raises(RecordReadError, match="header has changed since it was found"):
        frame["ecg"].ecg.to_numpy()


@pytest.mark.parametrize("rate", [0, -1, float("nan"), "fast"])
def test_sampling_rate_must_be_a_rate(tmp_path, write_record, rate):
    write_record("r")
    with pytest.raises(SamplingRateError, match="Hz above 0"):
        read_wfdb_folder(tmp_path, sampling_rate=rate)


def test_errors_must_be_known(tmp_path, write_record):
    write_record("r")
    with pytest.raises(ValueError, match="'list' or 'raise', got 'ignore'"):
        read_wfdb_folder(tmp_path, errors="ignore")
