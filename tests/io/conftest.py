"""A folder of records to ingest, and what an ingest wrote."""

import shutil

import numpy as np
import pytest

from ecgsk.io import ingest_wfdb


@pytest.fixture
def records(write_record, tmp_path, tmp_path_factory):
    """Twenty records in two folders, one of them at another rate."""
    folder, written = tmp_path / "in", tmp_path_factory.getbasetemp() / "records-to-ingest"
    if written.exists():  # wfdb takes seconds to write them
        return shutil.copytree(written, folder)
    rng = np.random.default_rng(0)
    for number in range(20):
        rate = 250 if number == 7 else 500
        signal = np.cumsum(rng.normal(scale=0.02, size=(12, 4 * rate)), axis=1).round(3)
        name = f"in/p{number % 2}/r{number:02d}"
        write_record(name, rate=rate, signal=signal, comments=[f"Age: {40 + number}", "Sex: F"])
    shutil.copytree(folder, written)
    return folder


@pytest.fixture
def ingest(records, tmp_path):
    def call(out="out", transform=None, **settings):
        settings = {"chunk_size": 3, "progress": False, **settings}
        return ingest_wfdb(records, tmp_path / out, transform, **settings)

    return call


@pytest.fixture
def content():
    """Bytes of all files of a finished ingest."""
    files = ["broken.csv", "ecg.json", "ecg.npy", "records.parquet", "sources.parquet"]

    def read(folder):
        assert sorted(path.name for path in folder.iterdir()) == files
        return {name: (folder / name).read_bytes() for name in files}

    return read
