"""Roles of the columns of X: clinical, patient, or written by our own readers."""

from collections.abc import Collection, Iterable
from typing import Any

#: Columns that `read_wfdb_folder`, `read_ecgs` and `ingest` write beside the ECG: what and
#: when the recording is, its diagnoses and its quality. They are no clinical columns unless named.
READER_COLUMNS = frozenset(
    {
        "record",
        "ecg_time",
        "comments",
        "note",
        "path",
        "dx",
        "age_text",
        "sex_text",
        "checksum_differs",
        "n_missing_leads",
        "n_flat_leads",
        "n_nan_leads",
        "n_nan_samples",
        "n_clipped_leads",
        "max_abs_mv",
        "suspected_reversal",
        "usable",
        "problem",
        "window_start_s",
    }
)


def split_roles(
    columns: Iterable[Any], aside: Collection[Any], named: Collection[Any] | None
) -> tuple[list[Any], list[Any]]:
    """Return clinical columns, and those of our readers that are left out.

    `aside` are the ECG and the columns of patients. `named` are the columns that the user
    wants: of our readers' columns, only these are clinical.
    """
    wanted = set(named or ())
    rest = [name for name in columns if name not in aside]
    left = [name for name in rest if name in READER_COLUMNS and name not in wanted]
    return [name for name in rest if name not in left], left
