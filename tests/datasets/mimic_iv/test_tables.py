"""Views over MIMIC's files: errors and limits of the database."""

import os
import signal
import threading

import pytest

from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError, RecordReadError


def test_absent_folder_table_or_column_is_an_error(hospital):
    with pytest.raises(RecordReadError, match=r"hosp='.*nowhere' is not a folder"):
        hospital.load(hosp=hospital.folder / "nowhere")
    hospital.rewrite("hosp/patients", "anchor_age", "age")
    with pytest.raises(RecordReadError, match=r"patients\.csv\.gz lacks the column anchor_age"):
        hospital.load()
    hospital.path("hosp/patients").unlink()
    with pytest.raises(RecordReadError, match=r"expected patients\.csv\.gz or patients\.csv in"):
        hospital.load()


def test_value_of_another_type_is_an_error(hospital):
    hospital.rewrite("hosp/patients", "10,F,60,2150", "10,F,60,2150\nten,F,60,2150")
    with pytest.raises(RecordReadError, match=r"line 3, column subject_id: 'ten' does not have"):
        hospital.load()


def test_limits_of_the_database(hospital, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    limits = {"memory_limit": "500MB", "threads": 1, "temp_directory": scratch}
    assert len(hospital.load(**limits).X) == 3
    assert not list(scratch.iterdir())
    with pytest.raises(ECGError, match=r"Raise memory_limit, or lower threads"):
        hospital.load(memory_limit="20MB", temp_directory=scratch)
    with pytest.raises(ECGError, match="memory_limit='much' and threads=None are not valid"):
        hospital.load(memory_limit="much", temp_directory=scratch)
    assert not list(scratch.iterdir())


def test_ctrl_c_in_a_query_is_an_interrupt(tmp_path):
    """DuckDB takes the signal and raises a RuntimeError, which a caller may take for a failure."""
    endless = "SELECT sum(hash(range)) AS total FROM range(1000000000000)"
    # A shell starts a background process with the signal ignored: then the query never ends.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with MimicTables({"hosp": tmp_path}, "500MB", threads=1) as tables:
            timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                tables.query(endless)
    finally:
        signal.signal(signal.SIGINT, before)
