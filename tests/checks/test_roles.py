"""Columns that our readers write are those that are left out of the clinical table."""

from ecgsk import io
from ecgsk.checks.roles import READER_COLUMNS, split_roles
from ecgsk.io import read_ecg_folder, read_ecgs, read_wfdb_folder


def test_every_column_of_our_readers_has_a_role(write_record, tmp_path):
    for name in ("a/1", "a/2"):
        write_record(name, comments=["Age: 61", "Sex: F", "Dx: 426783006", "a remark"])
    X = read_wfdb_folder(tmp_path, progress=False)
    io.ingest(tmp_path, tmp_path / "store", progress=False)
    stored, _ = read_ecg_folder(tmp_path / "store")
    for frame in (X, stored, read_ecgs(tmp_path)):
        clinical, left = split_roles(frame.columns, {"ecg"}, None)
        assert clinical == ["age", "sex"]
        assert set(left) <= READER_COLUMNS
    assert {"record", "dx", "comments"} <= set(X.columns)
    # There for headers with a date, and with an age or sex that cannot be read; for doubts
    # about a file; of `read_ecgs`; and of windows.
    unusual = {"ecg_time", "age_text", "sex_text", "note", "path", "window_start_s"}
    assert set(stored.columns) | unusual == READER_COLUMNS | {"ecg", "age", "sex"}
