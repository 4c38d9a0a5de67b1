"""Headers of records: layouts, and the reasons why a record cannot be read."""

import json
import pickle

import pytest

from ecgsk.exceptions import (
    LeadMismatchError,
    RecordReadError,
    SignalQualityWarning,
    UnitError,
)
from ecgsk.io import read_wfdb_folder, read_wfdb_record
from ecgsk.io._wfdb_header import read_header, record_path
from ecgsk.io.wfdb_storage import WFDBStorage
from ecgsk.signals import STANDARD_12_LEADS


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
    (folder / "bad.hea").write_text("bad/2 12 500 1000\ngood 500\nabsent 500\n")


DAMAGES = [
    (no_samples, RecordReadError, "its signal file .*bad.dat is absent"),
    (truncated, RecordReadError, "bad.dat is truncated: expected 500 .* got 41 in 1001 bytes"),
    (garbage_header, RecordReadError, "expected a WFDB header in .*bad.hea"),
    (empty_header, RecordReadError, "expected a WFDB header in .*bad.hea"),
    (no_signals, RecordReadError, "it states 12 signals and describes 0"),
    (segments, RecordReadError, "no header .*/absent.hea"),
    (rename(" aVF\n", " aVX\n"), LeadMismatchError, "it lacks aVF; it stores I, II, .* aVX"),
    (rename(" V2\n", " v1\n"), LeadMismatchError, "it lacks V2"),
    (rename("/mV", "/mmHg"), UnitError, "lead I: unknown unit 'mmHg'"),
]


@pytest.mark.parametrize(("damage", "error", "reason"), DAMAGES)
def test_a_broken_record_does_not_lose_the_others(tmp_path, write_record, damage, error, reason):
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


def test_a_repeated_lead_is_refused(tmp_path, write_record):
    write_record("twice", leads=("I", "II", "ii"))
    with pytest.raises(LeadMismatchError, match="lead II occurs more than once"):
        read_wfdb_record(tmp_path / "twice", leads=["I", "II"])
    with pytest.raises(LeadMismatchError, match=r"lead I is repeated in I, I"):
        read_wfdb_record(tmp_path / "twice", leads=["I", "i"])


def test_equal_layouts_are_kept_once(tmp_path, write_record):
    for number in range(10, 20):
        write_record(f"s{number}")
    paths = sorted(map(record_path, tmp_path.glob("*.hea")))
    headers = [read_header(path, STANDARD_12_LEADS) for path in paths]
    assert len({id(header.layout) for header in headers}) == 1
    few, many = (
        len(pickle.dumps(WFDBStorage(headers[:n], STANDARD_12_LEADS, 500, 500))) for n in (1, 10)
    )
    checksums, state = 2 * 12, 8
    assert (many - few) / 9 < len(paths[0]) + checksums + state + 10
