"""Search for recordings in a folder."""

import logging

import numpy as np
import pytest

from ecgsk.exceptions import RecordReadError
from ecgsk.io._search import find_records
from tests.io.formats.writers import edf_signal, make_digital, write_edf, write_scp


@pytest.fixture
def folder(write_record, tmp_path):
    write_record("in/p1/a", leads=["II"])
    write_edf(tmp_path / "in" / "p1" / "b.rec", [edf_signal("II", [1] * 100, 100)])
    write_scp(tmp_path / "in" / "c", make_digital(["II"], 100))
    return tmp_path / "in"


def test_records_of_all_formats_are_found_by_content(folder):
    (folder / "README.md").write_text("Notes.\n")
    (folder / "labels.json").write_text("{}")
    assert find_records(folder, name="test") == ["c", "p1/a", "p1/b.rec"]


def test_a_damaged_file_with_a_known_suffix_is_found_too(folder):
    (folder / "d.dcm").write_bytes(b"damaged")
    (folder / "e.xml").write_text("<svg/>")
    assert find_records(folder, name="test") == ["c", "d.dcm", "e.xml", "p1/a", "p1/b.rec"]


def test_files_of_a_wfdb_record_are_not_opened(folder, monkeypatch):
    opened = []
    monkeypatch.setattr("ecgsk.io._search.find_format", lambda path: opened.append(path))
    (folder / "p1" / "a.atr").write_bytes(b"annotations")
    with pytest.raises(RecordReadError, match="no recording"):
        find_records(folder / "none", name="test")
    assert find_records(folder / "p1", name="test") == ["a"]
    assert [path.rpartition("/")[2] for path in opened] == ["b.rec"]


def test_a_file_beside_a_wfdb_record_of_its_name_is_a_record_of_its_own(folder):
    write_scp(folder / "p1" / "a.SCP", make_digital(["II"], 100))
    assert find_records(folder / "p1", name="test") == ["a", "a.SCP", "b.rec"]


def test_tables_and_arrays_are_records_only_where_no_others_are(folder, tmp_path, caplog):
    (folder / "labels.csv").write_text("1,2\n3,4\n")
    with caplog.at_level(logging.INFO, logger="ecgsk"):
        assert "labels.csv" not in find_records(folder, name="test")
    assert "test: 1 tables and arrays beside the recordings" in caplog.text
    alone = tmp_path / "alone"
    alone.mkdir()
    np.save(alone / "a.npy", np.ones((2, 9)))
    (alone / "b.csv").write_text("1,2\n3,4\n")
    (alone / "notes.txt").write_text("1,2\n3,4\n")
    assert find_records(alone, name="test") == ["a.npy", "b.csv"]


def test_a_folder_set_aside_is_not_searched(folder):
    assert find_records(folder, aside=folder / "p1", name="test") == ["c"]
