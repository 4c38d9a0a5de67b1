"""Read and write ECGs: WFDB records, HDF5 files, and folders of NumPy, Parquet and JSON files."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.io._beats import find_beats
    from ecgsk.io._ingest import ingest
    from ecgsk.io._read_ecg import read_ecg
    from ecgsk.io._read_ecgs import read_ecgs
    from ecgsk.io.ecg_folder import read_ecg_folder, write_ecg_folder
    from ecgsk.io.wfdb_folder import read_wfdb_folder, read_wfdb_record

__all__ = [
    "find_beats",
    "ingest",
    "read_ecg",
    "read_ecg_folder",
    "read_ecgs",
    "read_wfdb_folder",
    "read_wfdb_record",
    "write_ecg_folder",
]
__getattr__, __dir__ = import_on_first_use(__name__)
