"""Join MIMIC-IV-ECG to MIMIC-IV and MIMIC-IV-ED: one row per ECG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._mimic_iv import _describe
from ecgsk.datasets._mimic_iv._biometrics import biometrics, demographics
from ecgsk.datasets._mimic_iv._diagnoses import label_records
from ecgsk.datasets._mimic_iv._drift import count_by_drift
from ecgsk.datasets._mimic_iv._folds import make_folds, name_parts
from ecgsk.datasets._mimic_iv._labs import join_labs, laboratory_list
from ecgsk.datasets._mimic_iv._measurements import machine_measurements
from ecgsk.datasets._mimic_iv._options import MimicFolds, MimicInputs, MimicTargets
from ecgsk.datasets._mimic_iv._signals import read_signals
from ecgsk.datasets._mimic_iv._stays import find_stays, place_within_stay
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.datasets._mimic_iv._titles import code_titles
from ecgsk.datasets._mimic_iv._vitals import vitals
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import canonical_leads


def load_mimic_iv(
    ecg: str | Path,
    hosp: str | Path,
    ed: str | Path | None = None,
    *,
    store: str | Path | None = None,
    labs: Sequence[str] | pd.DataFrame | None = None,
    inputs: MimicInputs = MimicInputs(),  # noqa: B008, frozen
    targets: MimicTargets = MimicTargets(),  # noqa: B008, frozen
    folds: MimicFolds = MimicFolds(),  # noqa: B008, frozen
    leads: Sequence[str] = STANDARD_12_LEADS,
    sampling_rate: float | None = None,
    errors: Literal["list", "raise"] = "list",
    memory_limit: str = "2GB",
    temp_directory: str | Path | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Cohort:
    """Load MIMIC-IV-ECG joined to MIMIC-IV and MIMIC-IV-ED, as PhysioNet ships them.

    The tables are joined out of core: ``labevents`` is read once, and memory is
    bounded whatever its size.

    .. versionadded:: 0.1

    Parameters
    ----------
    ecg : path-like
        MIMIC-IV-ECG: ``record_list.csv`` and ``files/``; also
        ``records_w_diag_icd10.csv`` of MIMIC-IV-ECG-Ext-ICD where you have it.
    hosp : path-like
        MIMIC-IV's module ``hosp``, tables as ``.csv.gz``, ``.csv`` or ``.parquet``.
    ed : path-like, optional
        MIMIC-IV-ED's module ``ed``; without it, no vital signs.
    store : path-like, optional
        Folder that `ecgsk.io.ingest` made of `ecg`: signals are read from
        there. By default they are read from the WFDB files when needed.
    labs : sequence of str or DataFrame, optional
        Laboratory tests by name, or a list of your own in the layout of
        ``ecgsk/datasets/data/mimic_iv_labs.csv``. By default all tests of that list
        that have values in this cohort.
    inputs : MimicInputs, default=MimicInputs()
        Clinical columns of ``X``: time windows, laboratory aggregates and machine
        measurements.
    targets : MimicTargets, default=MimicTargets()
        Diagnoses and laboratory targets: ICD codes, minimum counts, time window.
    folds : MimicFolds, default=MimicFolds()
        Training, validation and test folds.
    leads : sequence of str
        Leads to read; found by name (MIMIC stores aVF before aVL).
    sampling_rate : float, optional
        Hz; by default as stored (500).
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    memory_limit : str, default="2GB"
        Memory that the database may use before it writes to `temp_directory`.
        The returned tables come on top.
    temp_directory : path-like, optional
        An existing folder; by default the system's. Files written there are
        removed at the end.
    threads : int, optional
        Threads of the database; by default one per core.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex``, ``height`` (cm), ``weight``
        (kg), ``bmi``, vital signs, ``acuity``, the recorder's measurements if
        requested, laboratory inputs, and ``subject_id``; columns without a single
        value are left out. ``Y``: 0, 1, or NaN in rows without any known
        diagnosis. ``labs``: value nearest to the ECG in the target window.
        ``lab_abnormalities``: each value compared with the reference range
        *delivered with it*, such as ``"potassium low"``; ``reference_ranges``
        gives each laboratory's most frequent range. ``folds``, ``split``
        (train, validation or test), ``groups``; ``ecg_time``, ``study_id`` and
        ``ecg_no_within_stay`` (0 the first; NaN outside every stay) per row;
        ``flow`` (records left after each step, and why others were left out),
        ``steps`` (records with each kind of data), ``label_titles`` (of the codes in
        ``Y``, from ``hosp/d_icd_diagnoses`` where it is there), ``clock_drift`` (counts
        of readable records and values if all ECGs had been recorded 1, 2 or 4 h earlier
        or later), ``lab_counts`` (values found and left out), ``unread`` (numbers of
        cells that could not be read) and ``broken``.

    Raises
    ------
    RecordReadError
        When a table or column is absent, a file is damaged or has another dialect, a
        value has the wrong type, or no record can be read.
    ECGError
        When a parameter is out of range, or no diagnosis is frequent enough.

    Warns
    -----
    UserWarning
        When cells could not be read, with their numbers by table and column.

    See Also
    --------
    write_cohort : Write the cohort to a folder of plain files.
    write_cohort_report : Write its flow diagram and Table 1.

    Notes
    -----
    * A result counts by the time its specimen was taken. It may have become
      known (``storetime``) only after the ECG: inputs describe the patient, not
      what was known on the ward.
    * A value taken within the target window before the ECG is input and target.
      Evaluate a laboratory model on the ECG alone, or end `lab_window` earlier.
    * Values in a unit the list does not name, beyond its plausible limits, or
      without a number (such as "<0.01") are left out; ``lab_counts`` counts them.
    * CSV files are read as UTF-8 with commas and doubled quotes, and times as UTC or
      without a zone, whatever the zone of the machine. Parquet columns in another zone
      are converted to UTC; they are refused beside times without a zone.
    * Empty text, ``NULL``, ``NA``, ``None`` and ``NaN`` are missing. Numbers with a
      decimal comma are an error.
    * ``Y`` takes 4 bytes per record and label: at MIMIC's size raise `min_count`, to
      about 2000; rarer codes have few records in a test fold anyway.
    * An ICD-9 code with several equivalents is mapped to the last of them, as in
      MIMIC-IV-ECG-Ext-ICD.
    * An ECG outside every stay, or in one without codes, is unlabelled (NaN),
      not healthy.
    * An anchor age of 91 means above 89. The time of a triage is the arrival of its
      stay. Temperatures are converted to Celsius.

    References
    ----------
    .. [1] Gow et al., MIMIC-IV-ECG 1.0, PhysioNet, 2023.

    Examples
    --------
    >>> from ecgsk.datasets import MimicTargets, load_mimic_iv
    >>> cohort = load_mimic_iv(
    ...     "mimic-iv-ecg", "mimiciv/hosp", targets=MimicTargets(min_count=2000)
    ... )  # doctest: +SKIP
    """
    _check_arguments(inputs, targets, folds, errors)
    leads = canonical_leads(leads)
    tests = laboratory_list(labs)
    modules = {"ecg": ecg, "hosp": hosp, "ed": ed}
    with MimicTables(modules, memory_limit, temp_directory, threads) as tables:
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
        find_stays(tables)
        # Read labevents last: it takes longest, and other faults are then raised before it.
        labels = label_records(tables, targets, n_records)
        clinical = _clinical_tables(tables, inputs, n_records)
        lab = join_labs(
            tables,
            tests,
            inputs.lab_seconds,
            inputs.aggregates,
            targets.target_seconds,
            n_records,
            keep_empty=labs is not None,
        )
        X = _assemble(signals, [*clinical.values(), lab.inputs], records["subject_id"])
        drift = count_by_drift(
            tables,
            {"laboratory inputs": inputs.lab_seconds, "laboratory targets": targets.target_seconds},
            inputs.vitals_seconds if "ed" in tables.folders else None,
            n_records,
        )
        titles = code_titles(tables, labels.Y.columns)
        fold, source = make_folds(tables, X, labels.Y, folds)
        place = place_within_stay(tables, n_records)
        tables.finish()
        unread = tables.unread_table()
    rows: dict[str, Any] = {
        "X": X,
        "Y": labels.Y,
        "labs": lab.values,
        "folds": fold,
        "lab_abnormalities": lab.abnormalities,
        "split": name_parts(fold, source, folds.split),
        "ecg_time": records["ecg_time"],
        "study_id": records["study_id"],
        "ecg_no_within_stay": place,
    }
    rows = _select_rows(rows, folds.first_per_stay)
    columns = {name: list(part) for name, part in clinical.items()} | {"labs": list(lab.inputs)}
    steps = _describe.kinds_of_data(listed, rows, columns)
    return Cohort(
        **rows,
        reference_ranges=lab.reference_ranges,
        population="patients of MIMIC-IV",
        DESCR=_describe.describe(steps, labels, source, lab.counts, unread, inputs, targets),
        flow=_describe.flow(listed, records, rows["X"]),
        steps=steps,
        label_titles=titles,
        clock_drift=drift,
        lab_counts=lab.counts,
        unread=unread,
        broken=broken,
    )


def _check_arguments(
    inputs: MimicInputs, targets: MimicTargets, folds: MimicFolds, errors: str
) -> None:
    if errors not in ("list", "raise"):
        raise ECGError(f"load_mimic_iv: errors must be 'list' or 'raise', got {errors!r}.")
    for name, value, kind in (
        ("inputs", inputs, MimicInputs),
        ("targets", targets, MimicTargets),
        ("folds", folds, MimicFolds),
    ):
        if not isinstance(value, kind):
            raise ECGError(
                f"load_mimic_iv: {name} must be a {kind.__name__}, got {value!r}. "
                f"Give {kind.__name__}(...)."
            )


def _record_list(tables: MimicTables) -> pd.DataFrame:
    kinds = {"subject_id": "BIGINT", "study_id": "BIGINT"}
    tables.view("ecg", "record_list", kinds | {"ecg_time": "TIMESTAMP", "path": "VARCHAR"})
    listed = tables.query("SELECT * FROM record_list")
    if listed.empty:
        raise ECGError("load_mimic_iv: record_list.csv lists no records. Download it again.")
    for name in kinds | {"ecg_time": "", "path": ""}:
        if missing := int(listed[name].isna().sum()):
            raise RecordReadError(
                f"load_mimic_iv: the column {name} of record_list is missing in {missing} of "
                f"{len(listed)} rows. Complete or remove them."
            )
    tables.check_unique("record_list", "study_id")
    return listed


def _clinical_tables(
    tables: MimicTables, inputs: MimicInputs, n_records: int
) -> dict[str, pd.DataFrame]:
    """Return the inputs other than laboratory values, by kind."""
    parts = {
        "demographics": demographics(tables, n_records),
        "biometrics": biometrics(tables, inputs.biometrics_seconds, n_records),
    }
    if "ed" in tables.folders:
        parts["vitals"] = vitals(tables, inputs.vitals_seconds, n_records)
    if inputs.machine_measurements:
        parts["measurements"] = machine_measurements(tables, n_records)
    return parts


def _assemble(signals: Any, parts: list[pd.DataFrame], subject_id: pd.Series) -> pd.DataFrame:
    X: pd.DataFrame = pd.concat([pd.DataFrame({"ecg": signals}), *parts, subject_id], axis=1)
    if repeated := X.columns[X.columns.duplicated()].tolist():
        raise ECGError(
            f"load_mimic_iv: the laboratory name {repeated[0]!r} is also the name of another "
            "column of X. Rename it in labs=."
        )
    return X


def _select_rows(rows: dict[str, Any], first_per_stay: bool) -> dict[str, Any]:
    """Drop later ECGs of a stay from validation and test, and empty columns of ``X``."""
    if first_per_stay:
        repeated = (rows["split"] != "train") & (rows["ecg_no_within_stay"] > 0)
        rows = {name: part[~repeated].reset_index(drop=True) for name, part in rows.items()}
    # A column without a single value carries no information and cannot be scaled.
    return rows | {"X": rows["X"].dropna(axis=1, how="all")}
