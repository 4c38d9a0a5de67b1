"""Sources of records: what is found at a path, opened in parts, with a state to compare."""

import os
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk import io
from ecgsk.datasets import write_cohort
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io import read_wfdb_record, write_ecg_folder
from ecgsk.io.sources import TableRecords, Wanted, find_sources
from ecgsk.signals import STANDARD_12_LEADS, ECGArray

ALL = Wanted((STANDARD_12_LEADS,))


@pytest.fixture
def folder(write_record, tmp_path):
    """Three records, of two rates and two lengths."""
    write_record("in/a", rate=500)
    write_record("in/deep/b", rate=250, seconds=2)
    write_record("in/c", rate=500, comments=["Age: 61"])
    return tmp_path / "in"


def only(path):
    (source,) = find_sources([path], name="test")
    return source


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_record_is_found_with_or_without_suffix(folder, suffix):
    source = only(f"{folder}/c{suffix}")
    assert [*source.names] == ["c"]
    assert source.path(0) == f"{folder}/c"
    (frame,) = source.open(ALL).frames
    np.testing.assert_array_equal(
        frame["ecg"].ecg.to_numpy(), read_wfdb_record(folder / "c").read()
    )
    assert frame.index.tolist() == ["c"]
    assert frame["age"].tolist() == [61]


def test_a_relative_path_stays_relative(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert only("deep/b.hea").path(0) == "deep/b"
    assert only("a").path(0) == "a"


def test_records_of_a_folder_are_grouped_by_rate_and_length(folder):
    source = only(folder)
    assert [*source.names] == ["a", "c", "deep/b"]
    opened = source.open(ALL)
    assert [places.tolist() for places in opened.places] == [[0, 1], [2]]
    assert [str(f["ecg"].dtype) for f in opened.frames] == [
        "ecg[12x500, 500 Hz]",
        "ecg[12x500, 250 Hz]",
    ]
    assert not opened.broken


def test_a_duration_crops_and_pads(folder):
    opened = only(folder).open(Wanted((STANDARD_12_LEADS,), duration=1.5))
    lengths = [frame["ecg"].ecg.n_samples for frame in opened.frames]
    assert lengths == [750, 375]
    assert np.isnan(opened.frames[0]["ecg"].ecg.to_numpy()[..., 500:]).all()


def test_a_broken_record_is_listed_and_the_others_are_read(folder):
    (folder / "c.dat").write_bytes(b"cut")
    opened = only(folder).open(ALL)
    assert opened.broken.keys() == {1}
    assert "is truncated" in opened.broken[1]
    assert [places.tolist() for places in opened.places] == [[0], [2]]


def test_the_first_alternative_that_a_record_has_is_read(write_record, tmp_path):
    eight = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    write_record("twelve")
    write_record("eight", leads=eight)
    wanted = Wanted((STANDARD_12_LEADS, eight))
    leads = [frame["ecg"].ecg.leads for frame in only(tmp_path).open(wanted).frames]
    assert leads == [eight, STANDARD_12_LEADS]
    # The reason is that of the leads wanted first.
    write_record("four", leads=("I", "II", "V1", "V2"))
    (reason,) = only(tmp_path).open(wanted).broken.values()
    assert "expected leads I, II, III" in reason


def test_a_header_without_a_gain_is_noted(write_record, tmp_path):
    write_record("a", leads=["II"])
    header = (tmp_path / "a.hea").read_text()
    (tmp_path / "a.hea").write_text(re.sub(r"1000[.\d]*\(0\)/mV", "0", header))
    (frame,) = only(tmp_path / "a").open(Wanted((["II"],))).frames
    assert frame["note"].tolist() == ["no gain stated in II: 200 units per mV assumed"]


def test_a_store_is_opened_by_record_names(folder, tmp_path):
    store = io.ingest(folder, tmp_path / "store", duration=1, progress=False)
    source = only(store)
    assert [*source.names] == ["a", "c", "deep/b"]
    assert {source.path(place) for place in range(3)} == {str(store)}
    (frame,) = source.open(ALL).frames
    assert frame["ecg"].ecg.to_numpy().shape == (3, 12, 500)
    assert frame["age"].isna().tolist() == [True, False, True]


def test_a_cohort_is_opened_without_its_labels(cohort, tmp_path):
    source = only(write_cohort(cohort, tmp_path / "cohort", progress=False))
    (frame,) = source.open(ALL).frames
    assert len(frame) == len(cohort.X)
    assert {"ecg", "path", "note", "age"} <= {*frame.columns}
    assert not [name for name in frame if "/" in name]


def test_leads_of_a_store_are_selected_by_name(cohort, tmp_path):
    source = only(write_ecg_folder(cohort.X[["ecg"]], tmp_path / "store", progress=False))
    (frame,) = source.open(Wanted((["V1", "I"],), duration=4)).frames
    assert str(frame["ecg"].dtype) == "ecg[2x400, 100 Hz: V1 I]"


def test_a_table_needs_one_ecg_column(cohort):
    source = TableRecords.of(cohort.X, "", name="test")
    assert [*source.names] == [str(name) for name in cohort.X.index]
    with pytest.raises(ECGError, match="test: expected a table with an ECG column, got the col"):
        TableRecords.of(cohort.X[["age"]], "", name="test")


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(RecordReadError, match=r"there is no header .*nobody\.hea, and no file or"):
        only(tmp_path / "nobody")
    with pytest.raises(RecordReadError, match=r"test: no recording in "):
        only(tmp_path)
    (tmp_path / "a.xyz").touch()
    with pytest.raises(RecordReadError, match=r"a\.xyz: it is in no format that is read: it is e"):
        only(tmp_path / "a.xyz")
    with pytest.raises(RecordReadError, match="test: expected at least one path"):
        find_sources([], name="test")


def test_the_state_changes_with_the_files_and_the_names(folder):
    source = only(folder)
    before = source.state()
    assert only(folder).state() == before
    assert source.take(slice(0, 2)).state() != before
    state = os.stat(folder / "c.dat")
    os.utime(folder / "c.dat", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert source.state() != before
    assert source.take(slice(0, 1)).state() == only(folder).take(slice(0, 1)).state()


def test_the_state_of_a_store_changes_with_its_rows_and_files(cohort, tmp_path):
    store = write_ecg_folder(cohort.X[["ecg"]], tmp_path / "store", progress=False)
    before = only(store).state()
    assert only(store).state() == before
    assert only(store).take(slice(0, 5)).state() != only(store).take(slice(5, 10)).state()
    write_ecg_folder(cohort.X[["ecg"]], store, gain=500, overwrite=True, progress=False)
    assert only(store).state() != before


def test_the_state_of_a_table_in_memory_changes_with_a_sample(cohort):
    x = cohort.X["ecg"].iloc[:3].ecg.to_numpy()

    def state(signals):
        ecg = ECGArray.from_numpy(signals, sampling_rate=100, leads=STANDARD_12_LEADS)
        return TableRecords.of(pd.DataFrame({"ecg": ecg}), "", name="test").state()

    before = state(x.copy())
    assert state(x.copy()) == before
    x[2, 3, 4] += 0.001
    assert state(x) != before


@given(cut=st.integers(0, 3))
def test_parts_hold_the_records_of_the_whole(cut, tmp_path_factory, write_record_into):
    folder = tmp_path_factory.getbasetemp() / "parts-of-sources"
    if not folder.exists():
        for name, rate in (("a", 100), ("b", 200), ("c", 100)):
            write_record_into(folder, name, rate=rate)
    source = only(folder)
    found = {}
    for part in (source.take(slice(0, cut)), source.take(slice(cut, None))):
        for frame in pickle.loads(pickle.dumps(part)).open(ALL).frames:
            found |= dict(zip(frame.index, frame["ecg"].array, strict=True))
    assert found.keys() == {"a", "b", "c"}
    for name, record in found.items():
        np.testing.assert_array_equal(record.signal, read_wfdb_record(folder / name).read()[0])


def test_a_part_of_a_store_pickles_without_samples(cohort, tmp_path):
    source = only(write_ecg_folder(cohort.X[["ecg"]], tmp_path / "store", progress=False))
    assert len(pickle.dumps(source.take(slice(0, 8)))) < 10_000
