"""Checksums of compressed tables."""

import gzip

import numpy as np
import pytest

from ecgsk.datasets._mimic_iv._gzip_check import GzipCheck
from ecgsk.exceptions import RecordReadError


def check(path):
    checked = GzipCheck()
    checked.start(path)
    try:
        checked.finish()
    finally:
        checked.close()


def test_whole_files_of_one_or_several_parts_pass(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n"))
    check(path)
    check(tmp_path / "absent.csv")  # not compressed


def test_any_changed_byte_of_the_data_is_found(tmp_path):
    path = tmp_path / "t.csv.gz"
    numbers = np.random.default_rng(0).integers(10**6, size=2_000)
    data = gzip.compress("\n".join(map(str, numbers)).encode())
    for place in np.linspace(10, len(data) - 1, 60).astype(int):
        changed = bytearray(data)
        changed[place] ^= 4
        path.write_bytes(changed)
        with pytest.raises(RecordReadError, match=r"t\.csv\.gz is damaged: .*Download it again"):
            check(path)


def test_changed_checksum_of_a_table_is_an_error_of_the_load(hospital):
    path = hospital.path("hosp/labevents")
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # within the checksum: DuckDB reads on
    path.write_bytes(data)
    with pytest.raises(RecordReadError, match=r"labevents\.csv\.gz is damaged: CRC"):
        hospital.load()
