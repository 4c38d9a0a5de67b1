"""ECGs on disk: WFDB records, and cohort folders of plain NumPy, parquet and JSON files."""

from ecgsk.io._wfdb_folder import read_wfdb_folder, read_wfdb_record
from ecgsk.io._wfdb_storage import WFDBStorage

__all__ = ["WFDBStorage", "read_wfdb_folder", "read_wfdb_record"]
