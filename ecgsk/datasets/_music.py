"""Loader of MUSIC, as PhysioNet ships it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._music_table import (
    NAME,
    clinical_columns,
    laboratory_values,
    outcomes,
    read_patients,
)
from ecgsk.exceptions import DurationError, ECGError, RecordReadError
from ecgsk.io.wfdb_folder import read_wfdb_records
from ecgsk.signals import ECGArray
from ecgsk.signals.windows import WindowStorage

# Folder, suffix of the patient's name, sampling rate in Hz and longest recording in seconds.
_RECORDINGS = {
    "holter": ("Holter_ECG", "", 200, 86_400),
    "high_resolution": ("High-resolution_ECG", "_H", 1000, 1200),
}


def load_music(
    path: str | Path,
    *,
    recording: Literal["high_resolution", "holter"] = "high_resolution",
    start: float = 60.0,
    duration: float | None = 10.0,
    horizon: str | None = None,
    leads: Sequence[str] = ("VX", "VY", "VZ"),
    errors: Literal["list", "raise"] = "list",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load MUSIC: sudden cardiac death in chronic heart failure.

    992 patients with laboratory values at enrolment and causes of death in 44 months,
    936 Holter recordings (24 h, 200 Hz) and 687 high-resolution ECGs (20 min, 1000 Hz)
    of orthogonal leads.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``subject-info.csv``, ``Holter_ECG`` and ``High-resolution_ECG``.
    recording : {"high_resolution", "holter"}, default="high_resolution"
        Which recording of each patient to read.
    start, duration : float, default=60.0, 10.0
        Seconds of the recording to read: one window per patient. ``duration=None``
        gives whole recordings, read when needed and padded with NaN to 24 h or 20 min,
        for `ecgsk.preprocessing.cut_windows`; `start` is not used then.
    horizon : str, optional
        Time such as ``"365D"`` within which a death counts; by default the end of the
        study.
    leads : sequence of str
        Leads to read, in this order; X, Y and Z of the files are VX, VY and VZ. 38
        Holter recordings have X and Y alone: they are listed as broken unless
        `leads` leaves Z out.
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex``, ``weight`` (kg), ``height`` (cm),
        ``bmi``, ``nyha_class``, blood pressures (mmHg), ``ejection_fraction`` (%),
        history and medication (0 or 1), and ``subject_id``, indexed by patient. ``Y``:
        ``death``, ``sudden cardiac death``, ``pump failure death`` and ``non-cardiac
        death``. ``labs``: laboratory values of enrolment. ``reference_ranges``: their
        units, as the database states no ranges. ``follow_up``: ``days`` and the codes
        ``exit`` and ``cause`` of the database; ``flow``; ``broken``.

    Raises
    ------
    RecordReadError
        When the table or a column is absent, a code is unknown, or no record can be
        read.
    DurationError
        When `start` and `duration` are out of range.
    ECGError
        When another parameter is out of range.

    Notes
    -----
    * The table has semicolons and decimal commas. Numbers with several commas have lost
      their decimal point; the column that has them, premature beats per hour, is not
      read, and elsewhere they are missing.
    * A patient who left the study alive before `horizon` (lost, transplanted, or not
      followed for so long) has unknown outcomes: NaN. One who died of another cause has
      0 for the others. Codes 6 and 7 are both pump failure.
    * ``start=60`` leaves out the first seconds, which hold no ECG.
    * Laboratory values have no times; they are targets, and no columns of ``X``.
    * The headers of 20 high-resolution recordings state two thirds of their samples;
      the rest is not read.
    * Ages such as ">89" become one year more, 90.

    References
    ----------
    .. [1] Martin-Yebra, Martínez and Laguna, "MUSIC (Sudden Cardiac Death in Chronic
       Heart Failure)" (version 1.0.1), PhysioNet, 2025, doi:10.13026/z3m7-rf58, Open
       Data Commons Open Database License 1.0.

    Examples
    --------
    >>> from ecgsk.datasets import load_music
    >>> from ecgsk.preprocessing import cut_windows
    >>> cohort = load_music("music", horizon="365D")  # doctest: +SKIP
    >>> holter = load_music("music", recording="holter", duration=None)  # doctest: +SKIP
    >>> windows = cut_windows(holter.X, 10, stride=3600)  # doctest: +SKIP
    """
    days = _check_arguments(recording, start, duration, horizon)
    folder, suffix, rate, longest = _RECORDINGS[recording]
    patients = read_patients(Path(path))
    records = [Path(path) / folder / f"{patient}{suffix}" for patient in patients.index]
    there = np.flatnonzero([record.with_suffix(".hea").is_file() for record in records])
    if not len(there):
        raise RecordReadError(
            f"{NAME}: expected recordings such as {records[0]}.hea, got none. Download the folder "
            f"{folder}, or read the other recording=."
        )
    signals, kept, _, broken = read_wfdb_records(
        [records[place] for place in there],
        [f"{folder}/{records[place].name}" for place in there],
        leads=leads,
        sampling_rate=rate,
        duration=longest if duration is None else start + duration,
        errors=errors,
        progress=progress,
        name=NAME,
    )
    if duration is not None:
        signals = _windows(signals, round(start * rate), round(duration * rate))
    table = patients.iloc[there[kept]]
    X = clinical_columns(table)
    X.insert(0, "ecg", pd.Series(signals, index=X.index))
    # A column without a single value carries no information and cannot be scaled.
    X = X.assign(subject_id=X.index).dropna(axis=1, how="all")
    Y, follow_up = outcomes(table, days)
    X.attrs["population"] = "patients of MUSIC, with chronic heart failure"
    if return_X_y:
        return X, Y
    labs, ranges = laboratory_values(table)
    return Cohort(
        X,
        Y,
        labs=labs,
        reference_ranges=ranges,
        DESCR=f"MUSIC, {recording} recordings, {rate} Hz: {len(X):,} patients with chronic heart "
        f"failure; deaths within {horizon or 'the study'}. ODbL 1.0, Martin-Yebra et al., "
        "PhysioNet.",
        follow_up=follow_up,
        flow=_flow(len(patients), len(there), len(X)),
        flow_unit="recording",
        broken=broken,
    )


def _check_arguments(
    recording: str, start: float, duration: float | None, horizon: str | None
) -> float:
    """Check parameters; return the horizon in days."""
    if recording not in _RECORDINGS:
        raise ECGError(
            f"{NAME}: recording must be one of {', '.join(_RECORDINGS)}; got {recording!r}."
        )
    longest = _RECORDINGS[recording][3]
    if not 0 <= start < longest or (duration is not None and not 0 < duration <= longest - start):
        raise DurationError(
            f"{NAME}: expected start and duration within {longest:,} s, got start={start!r} and "
            f"duration={duration!r}. Give seconds of the recording, or duration=None for all."
        )
    if horizon is None:
        return np.inf
    try:
        days = pd.Timedelta(horizon) / pd.Timedelta("1D")
    except (ValueError, TypeError) as error:
        raise ECGError(
            f"{NAME}: horizon={horizon!r} is not a time: {error}. Give one such as '365D'."
        ) from error
    if not days > 0:
        raise ECGError(f"{NAME}: expected a horizon above 0, got {horizon!r}. Give such as '365D'.")
    return days


def _windows(signals: ECGArray, first: int, n_samples: int) -> ECGArray:
    """Return one window of each recording, as a view."""
    starts = np.full(len(signals), first, dtype=np.int64)
    return ECGArray(WindowStorage(signals.storage, signals.rows, starts, n_samples))


def _flow(n_patients: int, n_recorded: int, n_read: int) -> pd.DataFrame:
    counts = [n_patients, n_recorded, n_read]
    reasons = ["", "no such recording of the patient", "cannot be read, or lacks a lead"]
    steps = pd.Index(["in the study", "with a recording", "in the cohort"], name="step")
    left_out = [0, n_patients - n_recorded, n_recorded - n_read]
    columns = {"records": counts, "subjects": counts, "left_out": left_out, "reason": reasons}
    return pd.DataFrame(columns, index=steps)
