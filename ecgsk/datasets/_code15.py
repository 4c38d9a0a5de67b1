"""Loader of CODE-15 %, as Zenodo ships it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._csv_files import warn_of_unread
from ecgsk.datasets._layouts import read_table
from ecgsk.exceptions import RecordReadError
from ecgsk.io.hdf5_storage import HDF5Storage
from ecgsk.signals import STANDARD_12_LEADS, ECGArray, ECGStorage
from ecgsk.signals.concat import ConcatStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.storage import LeadSelection

_LABELS = ["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"]
_COLUMNS = ["exam_id", "age", "is_male", "patient_id", "trace_file", *_LABELS]
_FOLLOW_UP = ["nn_predicted_age", "normal_ecg", "death", "timey"]
_RATE = 400


def load_code15(
    path: str | Path,
    *,
    gain: float = 1.0,
    leads: Sequence[str] = STANDARD_12_LEADS,
    return_X_y: bool = False,
) -> Any:
    """Load CODE-15 %, or the parts of it that are in a folder.

    345,779 ECGs of 233,770 patients, 12 leads, 400 Hz, in 18 HDF5 files.
    Needs h5py: ``pip install 'ecgsk[hdf5]'``.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``exams.csv`` and the unpacked ``exams_part0.hdf5`` to
        ``exams_part17.hdf5``. Exams of absent parts are left out.
    gain : float, default=1.0
        Stored units per millivolt; see Notes.
    leads : sequence of str
        Leads to read, in this order.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.

    Returns
    -------
    Cohort
        ``X``: ``ecg`` (10.24 s, read from the files when needed), ``age``
        (years), ``sex`` and ``subject_id``, indexed by ``exam_id``. ``Y``: 1st
        degree AV block (1dAVb), right and left bundle branch block (RBBB, LBBB),
        sinus bradycardia (SB) and tachycardia (ST), atrial fibrillation (AF).
        ``exams``: normal ECG, follow-up and death, as stored. ``broken``: exams
        without a tracing in their file.

    Raises
    ------
    RecordReadError
        When a table or column is absent, there is no HDF5 file, or one cannot be
        read.
    ImportError
        When h5py is not installed.

    Notes
    -----
    * **The database does not state the unit.** The authors' program [2]_ states
      "1e-4 V" and, in the same sentence, multiplies volts by 1000, which gives
      millivolts. The median R wave of lead II is 1.75 stored units, and typical
      amplitudes are 1.6 to 2 times those of sources in millivolts: the unit is 1 or
      0.5 mV, not 0.1 mV. ``gain=1`` reads millivolts, as the PhysioNet Challenge of
      2025 does; ``gain=2`` reads units of 0.5 mV.
    * Records of 10 s and of 7.3 s were padded with zeros at both ends to 4,096
      samples. These are read as NaN; about 700 tracings are all zero, hence
      all NaN: ``X["ecg"].ecg.quality()`` finds them.
    * Labels were derived from cardiologists' free text and automatic
      measurements, with some errors.

    References
    ----------
    .. [1] Ribeiro et al., "CODE-15%: a large scale annotated dataset of 12-lead
       ECGs", Zenodo, 2021, doi:10.5281/zenodo.4916206, CC BY 4.0.
    .. [2] Ribeiro et al., "Automatic diagnosis of the 12-lead ECG using a deep
       neural network", Nature Communications 11:1760, 2020,
       doi:10.1038/s41467-020-15432-4.

    Examples
    --------
    >>> from ecgsk.datasets import load_code15
    >>> cohort = load_code15("code-15")  # doctest: +SKIP
    """
    folder = Path(path)
    exams = read_table(
        folder / "exams.csv",
        _COLUMNS,
        source="CODE-15 %",
        name="load_code15",
        kinds={"exam_id": "whole", "patient_id": "whole", "age": "number", "trace_file": "text"},
        key="exam_id",
    )
    parts = _find_parts(folder, exams)
    storages = [
        HDF5Storage(
            folder / name, "tracings", STANDARD_12_LEADS, _RATE, gain=gain, zero_padded=True
        )
        for name in parts
    ]
    here = exams[exams["trace_file"].isin(parts)].reset_index(drop=True)
    rows = _rows(here, parts, storages)
    broken = [
        {"record": str(exam), "reason": f"{name} has no tracing of exam {exam}."}
        for exam, name in zip(here["exam_id"][rows < 0], here["trace_file"][rows < 0], strict=True)
    ]
    exams, rows = here[rows >= 0].set_index("exam_id"), rows[rows >= 0]
    storage: ECGStorage = ConcatStorage(storages)
    if canonical_leads(leads) != storage.leads:
        storage = LeadSelection(storage, leads)
    X = pd.DataFrame(
        {
            "ecg": pd.Series(ECGArray(storage, rows), index=exams.index),
            "age": exams["age"].astype("float64"),
            "sex": np.where(_flags(exams["is_male"]) == 1, "M", "F"),
            "subject_id": exams["patient_id"],
        }
    )
    known = _flags(exams["is_male"]).notna()
    X["sex"] = X["sex"].astype(pd.CategoricalDtype(["F", "M"])).where(known)
    warn_of_unread(exams["is_male"], X["sex"], "is_male", name="load_code15")
    Y = exams[_LABELS].apply(_flags)
    X.attrs["population"] = "patients of CODE-15 %"  # a model that is fitted on X states it
    if return_X_y:
        return X, Y
    return Cohort(
        X,
        Y,
        DESCR=f"CODE-15 %, 400 Hz, {len(parts)} of its 18 parts: {len(X):,} records of "
        f"{X['subject_id'].nunique():,} patients. CC BY 4.0, Ribeiro et al., Zenodo.",
        exams=exams[[name for name in _FOLLOW_UP if name in exams]],
        broken=broken,
    )


def _find_parts(folder: Path, exams: pd.DataFrame) -> list[str]:
    """Return the names of the HDF5 files that the table names and the folder holds."""
    named = sorted(set(exams["trace_file"]))
    # Of a name that no file can have, Path.is_file raises.
    parts = [name for name in named if os.path.isfile(folder / name)]
    if not parts:
        raise RecordReadError(
            f"load_code15: expected files such as {(*named, 'exams_part0.hdf5')[0]:.80} in "
            f"{folder}, got none. Unpack one or more of exams_part0.zip to exams_part17.zip there."
        )
    return parts


def _rows(exams: pd.DataFrame, parts: Sequence[str], storages: Sequence[HDF5Storage]) -> np.ndarray:
    """Return the row of each exam in the concatenated parts; -1 where it has no tracing."""
    rows, start = np.full(len(exams), -1), 0
    for name, storage in zip(parts, storages, strict=True):
        here = np.flatnonzero(exams["trace_file"] == name)
        # Files have another order than the table, and end with a row of zeros, exam 0.
        stored = pd.Index(storage.column("exam_id"))
        if (repeated := stored[stored.duplicated()].intersection(exams["exam_id"])).size:
            raise RecordReadError(
                f"load_code15: exam {repeated[0]} occurs more than once in {storage.path}. "
                "Unpack it again."
            )
        found = pd.Series(np.arange(len(stored)), stored)[~stored.duplicated()]
        found = found.reindex(exams["exam_id"].iloc[here], fill_value=-1).to_numpy()
        rows[here] = np.where(found < 0, -1, found + start)
        start += len(storage)
    return rows


def _flags(column: pd.Series) -> pd.Series:
    """Convert True, False, 0 and 1 to 0 or 1, and anything else to NaN."""
    numbers = column.astype(str).replace({"True": "1", "False": "0"})
    return pd.to_numeric(numbers, errors="coerce").where(lambda number: number.isin([0, 1]))
