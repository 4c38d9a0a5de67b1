"""The builder: one row per ECG, joined to what is known of its subject at that time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._mimic_iv import (
    _biometrics,
    _describe,
    _diagnoses,
    _folds,
    _labs,
    _measurements,
    _stays,
    _vitals,
)
from ecgsk.datasets._mimic_iv._signals import read_signals
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.datasets._mimic_iv._windows import Window, check_no_leak, window_seconds
from ecgsk.exceptions import ECGError
from ecgsk.signals import STANDARD_12_LEADS


class _Windows(NamedTuple):
    """First and last second after the ECG of what is looked for."""

    labs: tuple[float, float]
    targets: tuple[float, float]
    vitals: tuple[float, float]
    body: tuple[float, float]


def build_mimic_iv_cohort(
    ecg: str | Path,
    hosp: str | Path,
    ed: str | Path | None = None,
    *,
    labs: Sequence[str] | pd.DataFrame | None = None,
    lab_window: Window = "24h",
    lab_aggregates: str | Sequence[str] = "nearest",
    target_window: Window = "60min",
    vitals_window: Window = "24h",
    biometrics_window: Window = "30D",
    machine_measurements: bool = False,
    time_leak: Literal["error", "allow"] = "error",
    diagnoses: str | None = None,
    setting: Literal["both", "hospital", "ed"] = "both",
    icd9: Literal["map", "leave"] = "map",
    icd_digits: int = 5,
    min_count: int = 10,
    split: tuple[int, int, int] = (18, 1, 1),
    stratify: bool = True,
    first_per_stay: bool = True,
    store: str | Path | None = None,
    leads: Sequence[str] = STANDARD_12_LEADS,
    sampling_rate: float | None = None,
    errors: Literal["list", "raise"] = "list",
    memory_limit: str = "2GB",
    temp_directory: str | Path | None = None,
    threads: int | None = None,
    random_state: int = 0,
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Build a cohort from MIMIC-IV-ECG, MIMIC-IV and MIMIC-IV-ED, as PhysioNet ships them.

    The tables are joined out of core: ``labevents`` is read once, and memory is
    bounded whatever its size.

    Parameters
    ----------
    ecg : path-like
        MIMIC-IV-ECG: ``record_list.csv`` and ``files/``; also
        ``records_w_diag_icd10.csv`` of MIMIC-IV-ECG-Ext-ICD where you have it.
    hosp : path-like
        MIMIC-IV's module ``hosp``, tables as ``.csv.gz``, ``.csv`` or ``.parquet``.
    ed : path-like, optional
        MIMIC-IV-ED's module ``ed``; without it, no vital signs.
    labs : sequence of str or DataFrame, optional
        Laboratory tests by name, or a list of your own in the layout of
        ``ecgsk/datasets/data/mimic_iv_labs.csv``. By default all of that list
        that this cohort has values of.
    lab_window, vitals_window : str or (str, str), default="24h"
        How long before the ECG an *input* may have been taken (``charttime``);
        two times are the window's ends, counted from the ECG.
    lab_aggregates : str or sequence of str, default="nearest"
        How the values within `lab_window` become one: of ``"nearest"`` (in the
        column ``potassium``), ``"first"``, ``"last"``, ``"min"``, ``"max"``,
        ``"mean"`` and ``"slope"`` (units per hour, where there are values of two
        times; in columns such as ``potassium slope``).
    target_window : str or (str, str), default="60min"
        How far from the ECG, on either side, a *target* may have been taken, as
        in CardioLab [3]_.
    biometrics_window : str or (str, str), default="30D"
        How far from the ECG, on either side, height and weight may have been
        taken. They have dates, not times; ``("-30D", "0D")`` admits only days
        before the ECG's own.
    machine_measurements : bool, default=False
        Add the recorder's intervals (ms) and axes (degrees) to ``X``. At inference
        the table must then have them too.
    time_leak : {"error", "allow"}, default="error"
        What to do about a `lab_window` or `vitals_window` that ends after the ECG.
    diagnoses : str, optional
        A column of ``records_w_diag_icd10.csv``, such as ``"all_diag_all"``, or
        ``"diagnoses_icd"``, MIMIC's own discharge codes. By default that file's
        column for `setting` where the file is there, else ``"diagnoses_icd"``.
    setting : {"both", "hospital", "ed"}, default="both"
        Whose codes label an ECG: the hospital's (``hosp/diagnoses_icd``; of an
        emergency stay, those of the admission it led to), the emergency
        department's (``ed/diagnosis``), or the hospital's and without any the
        department's: columns ``all_diag_hosp``, ``ed_diag_ed`` and
        ``all_diag_all``.
    icd9 : {"map", "leave"}, default="map"
        Map ICD-9 codes of ``diagnoses_icd`` to ICD-10 by the general equivalence
        mappings, or leave stays coded in them alone unlabelled. ``DESCR`` counts
        both.
    icd_digits : int, default=5
        Characters ICD-10 codes are cut to; each also counts as its ancestors
        (I48.01 as I4801, I480 and I48) [2]_.
    min_count : int, default=10
        ECGs a diagnosis must have, counted after cutting and propagation.
    split : (int, int, int), default=(18, 1, 1)
        Folds for training, validation and test.
    stratify : bool, default=True
        Make folds alike in diagnoses, sex and age; otherwise they are drawn by
        subject at random. Where twenty folds are wanted and
        ``records_w_diag_icd10.csv`` states them, they are taken from there.
    first_per_stay : bool, default=True
        Keep, in validation and test, only the first ECG of each stay: several of
        one stay share its codes. ECGs outside every stay are kept.
    store : path-like, optional
        Folder that `ecgsk.io.ingest_wfdb` made of `ecg`: signals come from there,
        filtered and resampled as they were then. By default they are read from the
        WFDB files when they are needed.
    leads : sequence of str
        Leads wanted; found by name (MIMIC stores aVF before aVL).
    sampling_rate : float, optional
        Hz; by default as stored (500).
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    memory_limit : str, default="2GB"
        What the database may hold in memory before it writes to `temp_directory`.
        The tables returned come on top.
    temp_directory : path-like, optional
        An existing folder; by default the system's. What is written there is
        removed at the end.
    threads : int, optional
        Of the database; by default one for each core.
    random_state : int, default=0
        Seeds the folds where none are stated.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar on a terminal.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex``, ``height`` (cm), ``weight``
        (kg), ``bmi``, vital signs, ``acuity``, the recorder's measurements if
        wanted, laboratory inputs, and ``subject_id``; columns without a single
        value are left out. ``Y``: 0, 1, or NaN in rows without any known
        diagnosis. ``labs``: value nearest to the ECG in `target_window`.
        ``lab_abnormalities``: each of these judged against the reference range
        *delivered with it*, such as ``"potassium low"``; ``reference_ranges``
        gives each laboratory's most frequent range. ``folds``, ``split``
        (train, validation or test), ``groups``; ``ecg_time``, ``study_id`` and
        ``ecg_no_within_stay`` (0 the first; NaN outside every stay) per row;
        ``flow`` (records left after each step, and why others went), ``steps``
        (records with each kind of data), ``lab_counts`` (values found and left
        out) and ``broken``.

    Raises
    ------
    RecordReadError
        When a table or column is absent, or no record can be read.
    ECGError
        When a parameter is out of range, an input window ends after the ECG, or
        no diagnosis is frequent enough.

    See Also
    --------
    write_cohort_report : What a paper's first figure and first table need.
    load_mimic_iv : The same without choices of split and labels.

    Notes
    -----
    * A result counts by the time its specimen was taken. It may have become
      known (``storetime``) only after the ECG: inputs say how the patient was,
      not what the ward knew.
    * A value taken within `target_window` before the ECG is input and target.
      Judge a laboratory model on the ECG alone, or end `lab_window` earlier.
    * Values in a unit the list does not name, beyond its plausible limits, or
      without a number ("<0.01" has none) are left out; ``lab_counts`` counts the
      first two.
    * ``Y`` takes 4 bytes a record and label: at MIMIC's size raise `min_count`, to
      2000 or so; rarer codes have few records in a test fold anyway.
    * An ICD-9 code with several equivalents gets the mapping's last, as in
      MIMIC-IV-ECG-Ext-ICD.
    * An ECG outside every stay, or in one without codes, is unlabelled (NaN),
      not healthy.
    * An anchor age of 91 stands for all above 89. Triage is timed by the stay's
      arrival. Temperatures are converted to Celsius.

    References
    ----------
    .. [1] Gow et al., MIMIC-IV-ECG 1.0, PhysioNet, 2023.
    .. [2] Strodthoff, Lopez Alcaraz and Haverkamp, "Prospects for artificial
       intelligence-enhanced electrocardiogram as a unified screening tool for
       cardiac and non-cardiac conditions", European Heart Journal - Digital
       Health, 2024 (MIMIC-IV-ECG-Ext-ICD; cutting and propagation of codes,
       folds, one ECG per stay in the test).
    .. [3] Lopez Alcaraz and Strodthoff, "CardioLab: Laboratory values estimation
       and monitoring from electrocardiogram signals", 2024 (abnormality within
       60 minutes).

    Examples
    --------
    The folders are read where they lie; nothing is written.

    >>> from ecgsk.datasets import build_mimic_iv_cohort
    >>> build_mimic_iv_cohort("ecg", "hosp", lab_window=("-24h", "2h"))
    Traceback (most recent call last):
    ...
    ecgsk.exceptions.ECGError: build_mimic_iv_cohort: lab_window ends 7200 s after the ECG, ...
    """
    windows = _check_windows(lab_window, target_window, vitals_window, biometrics_window, time_leak)
    aggregates = _labs.check_aggregates(lab_aggregates)
    split = _folds.check_split(split)
    folders = {"ecg": ecg, "hosp": hosp, "ed": ed}
    with MimicTables(folders, memory_limit, temp_directory, threads) as tables:
        listed = _record_list(tables)
        signals, kept, broken = read_signals(
            listed,
            ecg,
            store,
            leads=leads,
            sampling_rate=sampling_rate,
            errors=errors,
            progress=progress,
        )
        records = listed.iloc[kept].reset_index(drop=True)
        n_records = len(records)
        tables.register("ecgs", records.rename_axis("ecg").reset_index())
        _stays.find_stays(tables)

        lab = _labs.join_labs(tables, labs, windows.labs, aggregates, windows.targets, n_records)
        parts = _table_parts(tables, windows, n_records, machine_measurements)
        X = _assemble(signals, [*parts.values(), lab.inputs], records["subject_id"])
        found = _diagnoses.diagnoses(
            tables, diagnoses, setting, icd9, icd_digits, min_count, n_records
        )
        folds, source = _folds.make_folds(tables, X, found.Y, sum(split), stratify, random_state)
        place = _stays.place_within_stay(tables, n_records)

    rows: dict[str, Any] = {
        "X": X,
        "Y": found.Y,
        "labs": lab.values,
        "folds": folds,
        "lab_abnormalities": lab.abnormalities,
        "split": _folds.name_parts(folds, source, split),
        "ecg_time": records["ecg_time"],
        "study_id": records["study_id"],
        "ecg_no_within_stay": place,
    }
    if first_per_stay:
        repeated = (rows["split"] != "train") & (place > 0)
        rows = {name: part[~repeated].reset_index(drop=True) for name, part in rows.items()}
    # A column without a single value tells nothing, and no estimator can scale it.
    rows["X"] = rows["X"].dropna(axis=1, how="all")
    if return_X_y:
        return rows["X"], rows["Y"]
    kinds = {name: list(part) for name, part in parts.items()} | {"labs": list(lab.inputs)}
    steps = _describe.kinds_of_data(listed, rows, kinds)
    words = _describe.windows_in_words(lab_window, target_window, aggregates)
    return Cohort(
        **rows,
        reference_ranges=lab.reference_ranges,
        DESCR=_describe.describe(steps, found, source, lab.counts, words),
        flow=_describe.flow(listed, records, rows["X"]),
        steps=steps,
        lab_counts=lab.counts,
        broken=broken,
    )


def _check_windows(
    lab_window: Window,
    target_window: Window,
    vitals_window: Window,
    biometrics_window: Window,
    time_leak: str,
) -> _Windows:
    windows = _Windows(
        window_seconds(lab_window, "lab_window"),
        window_seconds(target_window, "target_window", around=True),
        window_seconds(vitals_window, "vitals_window"),
        window_seconds(biometrics_window, "biometrics_window", around=True),
    )
    check_no_leak(windows.labs, "lab_window", time_leak)
    check_no_leak(windows.vitals, "vitals_window", time_leak)
    return windows


def _record_list(tables: MimicTables) -> pd.DataFrame:
    kinds = {"subject_id": "BIGINT", "study_id": "BIGINT"}
    tables.view("ecg", "record_list", kinds | {"ecg_time": "TIMESTAMP", "path": "VARCHAR"})
    listed = tables.query("SELECT * FROM record_list")
    if listed.empty:
        raise ECGError(
            "build_mimic_iv_cohort: record_list.csv lists no records. Download it again."
        )
    return listed


def _table_parts(
    tables: MimicTables, windows: _Windows, n_records: int, measurements: bool
) -> dict[str, pd.DataFrame]:
    """Return what is known of the patient besides laboratory values, by kind."""
    parts = {
        "demographics": _biometrics.demographics(tables, n_records),
        "biometrics": _biometrics.biometrics(tables, windows.body, n_records),
    }
    if "ed" in tables.folders:
        parts["vitals"] = _vitals.vitals(tables, windows.vitals, n_records)
    if measurements:
        parts["measurements"] = _measurements.machine_measurements(tables, n_records)
    return parts


def _assemble(signals: Any, parts: list[pd.DataFrame], subject_id: pd.Series) -> pd.DataFrame:
    X: pd.DataFrame = pd.concat([pd.DataFrame({"ecg": signals}), *parts, subject_id], axis=1)
    if repeated := X.columns[X.columns.duplicated()].tolist():
        raise ECGError(
            f"build_mimic_iv_cohort: the laboratory name {repeated[0]!r} is taken by another "
            "column of X. Rename it in labs=."
        )
    return X
