"""Paths of WFDB records told from those of other files."""

import pytest

from ecgsk.exceptions import RecordReadError
from ecgsk.io._open_record import is_wfdb, open_header, open_storage
from ecgsk.io.file_storage import FileStorage
from ecgsk.io.formats.recording import Declared
from ecgsk.io.wfdb_storage import WFDBStorage
from tests.io.formats.writers import edf_signal, write_edf


@pytest.fixture
def folder(write_record, tmp_path):
    write_record("a", leads=["II"])
    write_edf(tmp_path / "a.edf", [edf_signal("II", [1] * 100, 100)])
    write_edf(tmp_path / "b", [edf_signal("II", [1] * 100, 100)])
    return tmp_path


def test_a_wfdb_record_has_a_header(folder):
    found = {name: is_wfdb(f"{folder}/{name}") for name in ("a", "a.hea", "a.dat", "a.mat")}
    assert all(found.values())
    assert not is_wfdb(f"{folder}/a.edf")
    assert not is_wfdb(f"{folder}/b")
    assert is_wfdb(f"{folder}/absent.hea")


def test_a_header_comes_with_its_storage(folder):
    for name, kind in (("a", WFDBStorage), ("a.edf", FileStorage)):
        header = open_header(f"{folder}/{name}", ["II"], Declared())
        storage = open_storage([header], ["II"], header.sampling_rate, 10)
        assert type(storage) is kind
    with pytest.raises(RecordReadError, match="there is no header"):
        open_header(f"{folder}/absent", ["II"], Declared())
