"""The loader: one row per ECG, joined to what is known of its subject at that time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._mimic_iv import _biometrics, _diagnoses, _labs, _vitals
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.datasets._mimic_iv._windows import Window, check_no_leak, window_seconds
from ecgsk.exceptions import ECGError
from ecgsk.io import read_wfdb_records
from ecgsk.signals import STANDARD_12_LEADS


def load_mimic_iv(
    ecg: str | Path,
    hosp: str | Path,
    ed: str | Path | None = None,
    *,
    labs: Sequence[str] | pd.DataFrame | None = None,
    lab_window: Window = "24h",
    target_window: Window = "60min",
    vitals_window: Window = "24h",
    biometrics_window: Window = "30D",
    time_leak: Literal["error", "allow"] = "error",
    diagnoses: str | None = None,
    icd_digits: int = 5,
    min_count: int = 10,
    leads: Sequence[str] = STANDARD_12_LEADS,
    sampling_rate: float | None = None,
    errors: Literal["list", "raise"] = "list",
    random_state: int = 0,
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load MIMIC-IV-ECG joined to MIMIC-IV and MIMIC-IV-ED, as PhysioNet ships them.

    Parameters
    ----------
    ecg : path-like
        MIMIC-IV-ECG: ``record_list.csv`` and ``files/``; also
        ``records_w_diag_icd10.csv`` of MIMIC-IV-ECG-Ext-ICD where you have it.
    hosp : path-like
        MIMIC-IV's module ``hosp``, tables as ``.csv.gz`` or ``.csv``.
    ed : path-like, optional
        MIMIC-IV-ED's module ``ed``; without it, no vital signs.
    labs : sequence of str or DataFrame, optional
        Laboratory tests by name, or a list of your own in the layout of
        ``ecgsk/datasets/data/mimic_iv_labs.csv``. By default all of that list
        that this cohort has values of.
    lab_window, vitals_window : str or (str, str)
        How long before the ECG an *input* may have been taken (``charttime``);
        two times are the window's ends, counted from the ECG.
    target_window : str or (str, str), default="60min"
        How far from the ECG, on either side, a *target* may have been taken.
    biometrics_window : str or (str, str), default="30D"
        How far from the ECG, on either side, height and weight may have been
        taken. They have dates, not times; ``("-30D", "0D")`` admits only days
        before the ECG's own.
    time_leak : {"error", "allow"}, default="error"
        What to do about a `lab_window` or `vitals_window` that ends after the ECG.
    diagnoses : str, optional
        A column of ``records_w_diag_icd10.csv``, such as ``"all_diag_all"`` (the
        default where that file is there) or ``"ed_diag_ed"``; or
        ``"diagnoses_icd"``, the discharge codes of the stay the ECG was taken in.
    icd_digits : int, default=5
        Characters ICD-10 codes are cut to; each also counts as its ancestors
        (I48.01 as I4801, I480 and I48).
    min_count : int, default=10
        ECGs a diagnosis must have, counted after cutting and propagation.
    leads : sequence of str
        Leads wanted; found by name (MIMIC stores aVF before aVL).
    sampling_rate : float, optional
        Hz; by default as stored (500).
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    random_state : int, default=0
        Seeds the folds where no ``strat_fold`` is given.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar on a terminal.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex``, ``height`` (cm), ``weight``
        (kg), ``bmi``, vital signs, ``acuity``, laboratory inputs, and
        ``subject_id``; columns without a single value are left out. ``Y``: 0, 1,
        or NaN in rows without any known diagnosis. ``labs``: value nearest to the
        ECG in `target_window`.
        ``lab_abnormalities``: each of these judged against the reference range
        *delivered with it*, such as ``"potassium low"``; ``reference_ranges``
        gives each laboratory's most frequent range. ``folds``, ``groups``;
        ``ecg_time`` and ``study_id`` per row; ``steps`` (what was left after each
        step), ``lab_counts`` (values used and left out) and ``broken``.

    Raises
    ------
    RecordReadError
        When a table or column is absent, or no record can be read.
    ECGError
        When a parameter is out of range, an input window ends after the ECG, or
        no diagnosis is frequent enough.

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
    * From ``diagnoses_icd`` only ICD-10 codes are used; a stay coded in ICD-9 is
      unlabelled, and ``DESCR`` says how many. MIMIC-IV-ECG-Ext-ICD has them mapped.
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
       Health, 2024 (MIMIC-IV-ECG-Ext-ICD; cutting and propagation of codes).
    """
    inputs = window_seconds(lab_window, "lab_window")
    targets = window_seconds(target_window, "target_window", around=True)
    measured = window_seconds(vitals_window, "vitals_window")
    body = window_seconds(biometrics_window, "biometrics_window", around=True)
    check_no_leak(inputs, "lab_window", time_leak)
    check_no_leak(measured, "vitals_window", time_leak)
    with MimicTables(ecg=ecg, hosp=hosp, ed=ed) as tables:
        listed = _record_list(tables)
        signals, kept, _, broken = read_wfdb_records(
            [Path(ecg) / path for path in listed["path"]],
            listed["path"].tolist(),
            leads=leads,
            sampling_rate=sampling_rate,
            duration=None,
            errors=errors,
            progress=progress,
            name="load_mimic_iv",
        )
        records = listed.iloc[kept].reset_index(drop=True)
        n_records = len(records)
        tables.register("ecgs", records.rename_axis("ecg").reset_index())

        lab = _labs.join_labs(tables, labs, inputs, targets, n_records)
        parts = _table_parts(tables, body, measured if ed else None, lab.inputs)
        found = _diagnoses.diagnoses(tables, diagnoses, icd_digits, min_count, n_records)
        folds, folds_source = _diagnoses.folds(tables, records["subject_id"], random_state)

    X = _assemble(signals, parts, records["subject_id"])
    if return_X_y:
        return X, found.Y
    steps = _steps(listed, records, parts, lab.values, found)
    return Cohort(
        X,
        found.Y,
        labs=lab.values,
        reference_ranges=lab.reference_ranges,
        folds=folds,
        DESCR=_describe(steps, found, folds_source, lab.counts, (lab_window, target_window)),
        lab_abnormalities=lab.abnormalities,
        ecg_time=records["ecg_time"],
        study_id=records["study_id"],
        steps=steps,
        lab_counts=lab.counts,
        broken=broken,
    )


def _record_list(tables: MimicTables) -> pd.DataFrame:
    kinds = {"subject_id": "BIGINT", "study_id": "BIGINT"}
    tables.view("ecg", "record_list", kinds | {"ecg_time": "TIMESTAMP", "path": "VARCHAR"})
    listed = tables.query("SELECT * FROM record_list")
    if listed.empty:
        raise ECGError("load_mimic_iv: record_list.csv lists no records. Download it again.")
    return listed


def _table_parts(
    tables: MimicTables,
    body: tuple[float, float],
    measured: tuple[float, float] | None,
    lab_inputs: pd.DataFrame,
) -> list[pd.DataFrame]:
    """Return demographics, biometrics, vital signs given a window, and laboratory inputs."""
    n_records = len(lab_inputs)
    parts = [_biometrics.demographics(tables, n_records)]
    parts.append(_biometrics.biometrics(tables, body, n_records))
    if measured is not None:
        parts.append(_vitals.vitals(tables, measured, n_records))
    # A column without a single value tells nothing, and no estimator can scale it.
    return [part.dropna(axis=1, how="all") for part in [*parts, lab_inputs]]


def _assemble(signals: Any, parts: list[pd.DataFrame], subject_id: pd.Series) -> pd.DataFrame:
    X: pd.DataFrame = pd.concat([pd.DataFrame({"ecg": signals}), *parts, subject_id], axis=1)
    if repeated := X.columns[X.columns.duplicated()].tolist():
        raise ECGError(
            f"load_mimic_iv: the laboratory name {repeated[0]!r} is taken by another column of X. "
            "Rename it in labs=."
        )
    return X


def _steps(
    listed: pd.DataFrame,
    records: pd.DataFrame,
    parts: list[pd.DataFrame],
    values_at: pd.DataFrame,
    found: _diagnoses.Diagnoses,
) -> pd.DataFrame:
    """Count the records and subjects that have each kind of data."""
    everyone = pd.Series(True, index=records.index)
    having = {
        "ECG readable": everyone,
        "age and sex known": parts[0].notna().all(axis=1),
        "height or weight": parts[1].notna().any(axis=1),
        "laboratory inputs": parts[-1].notna().any(axis=1),
        "laboratory targets": values_at.notna().any(axis=1),
        "diagnoses": found.Y.notna().any(axis=1),
    }
    if len(parts) > 3:
        having["vital signs or acuity"] = parts[2].notna().any(axis=1)
    counts = {"listed": (len(listed), listed["subject_id"].nunique())}
    for step, has in having.items():
        counts[step] = (int(has.sum()), records.loc[has, "subject_id"].nunique())
    return pd.DataFrame.from_dict(counts, orient="index", columns=["records", "subjects"])


def _describe(
    steps: pd.DataFrame,
    found: _diagnoses.Diagnoses,
    folds_source: str,
    lab_counts: pd.DataFrame,
    windows: tuple[Window, Window],
) -> str:
    left_out = lab_counts[["other_unit", "implausible"]].sum()
    lines = [
        "MIMIC-IV-ECG joined to MIMIC-IV.",
        "",
        "Records (subjects) with each kind of data:",
        *(f"  {step}: {row.records:,} ({row.subjects:,})" for step, row in steps.iterrows()),
        "",
        f"Laboratory inputs: nearest value {_span(windows[0], 'before the ECG')}, by charttime; "
        f"targets: nearest {_span(windows[1], 'of the ECG')}.",
        f"Left out: {left_out['other_unit']:,} laboratory values in another unit, "
        f"{left_out['implausible']:,} implausible ones.",
        f"Diagnoses: {found.Y.shape[1]} of {found.n_codes} ICD-10 labels, from {found.source}. "
        f"{len(found.Y) - found.n_labelled:,} records have no known diagnosis and are NaN"
        + (f", {found.n_icd9_only:,} of them coded in ICD-9 alone." if found.n_icd9_only else "."),
        f"Folds: {folds_source}.",
    ]
    return "\n".join(lines)


def _span(window: Window, place: str) -> str:
    """Words for a window."""
    if isinstance(window, str):
        return f"within {window} {place}"
    return f"from {window[0]} to {window[1]} after the ECG"
