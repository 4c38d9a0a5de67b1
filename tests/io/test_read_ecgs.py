"""`read_ecgs`: records, folders and stores as one table."""

import numpy as np
import pytest

from ecgsk.exceptions import (
    DurationError,
    LeadMismatchError,
    RecordReadError,
    SamplingRateError,
    SignalQualityWarning,
)
from ecgsk.io import read_ecgs, read_wfdb_record, write_ecg_folder


@pytest.fixture
def store(cohort, tmp_path):
    return write_ecg_folder(cohort.X[["ecg", "age"]].iloc[:5], tmp_path / "store", progress=False)


def test_sources_become_one_table(write_record, store, tmp_path):
    write_record("a", rate=500, seconds=4, comments=["Age: 61"])
    frame = read_ecgs(tmp_path / "a.hea", store, sampling_rate=100, duration=4)
    assert frame.index.name == "record"
    assert frame.index.tolist() == ["a", "0", "1", "2", "3", "4"]
    assert str(frame["ecg"].dtype) == "ecg[12x400, 100 Hz]"
    assert frame["path"].tolist() == [str(tmp_path / "a"), *[str(store)] * 5]
    assert frame["age"].notna().all()
    assert frame.attrs["broken"] == []
    expected = read_wfdb_record(tmp_path / "a", sampling_rate=100, duration=4)
    np.testing.assert_array_equal(frame["ecg"].iloc[:1].ecg.to_numpy(), expected.read())
    assert frame["ecg"].array.nbytes < 1000  # nothing is read yet


def test_broken_records_are_listed(write_record, tmp_path):
    write_record("in/a")
    write_record("in/b")
    (tmp_path / "in" / "b.dat").write_bytes(b"cut")
    with pytest.warns(SignalQualityWarning, match=r"left out 1 records .* such as b: record"):
        frame = read_ecgs(tmp_path / "in")
    (broken,) = frame.attrs["broken"]
    assert (broken["record"], broken["path"]) == ("b", str(tmp_path / "in" / "b"))
    (tmp_path / "in" / "a.dat").write_bytes(b"cut")
    with pytest.raises(RecordReadError, match="none of 2 records can be read; the first: record"):
        read_ecgs(tmp_path / "in")


def test_differing_records_are_refused_with_the_mend(write_record, store, tmp_path):
    write_record("in/a", rate=500)
    write_record("in/b", rate=250)
    with pytest.raises(SamplingRateError, match=r"got 250 Hz, 500 Hz. Pass sampling_rate=500"):
        read_ecgs(tmp_path / "in")
    assert len(read_ecgs(tmp_path / "in", sampling_rate=500)) == 2
    write_record("in/b", rate=500, seconds=2)
    with pytest.raises(DurationError, match=r"got 1 s, 2 s. Pass duration=1 to crop"):
        read_ecgs(tmp_path / "in")
    with pytest.raises(LeadMismatchError, match=r"expected leads VX, got a store of I, II"):
        read_ecgs(store, leads=["VX"])


def test_bad_parameters_are_refused(store):
    with pytest.raises(DurationError, match="read_ecgs: expected a duration"):
        read_ecgs(store, duration=-1)
    with pytest.raises(SamplingRateError, match="read_ecgs"):
        read_ecgs(store, sampling_rate=0)
