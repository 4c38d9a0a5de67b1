"""Read and write ECGs: WFDB records, HDF5 files, and folders of NumPy, Parquet and JSON files."""

from ecgsk.io._beats import find_beats
from ecgsk.io._ecg_folder import DEFAULT_GAIN, read_ecg_folder, write_ecg_folder
from ecgsk.io._hdf5_storage import HDF5Storage
from ecgsk.io._ingest import ingest_wfdb
from ecgsk.io._wfdb_folder import read_wfdb_folder, read_wfdb_record, read_wfdb_records
from ecgsk.io._wfdb_storage import WFDBStorage

__all__ = [
    "DEFAULT_GAIN",
    "HDF5Storage",
    "WFDBStorage",
    "find_beats",
    "ingest_wfdb",
    "read_ecg_folder",
    "read_wfdb_folder",
    "read_wfdb_record",
    "read_wfdb_records",
    "write_ecg_folder",
]
