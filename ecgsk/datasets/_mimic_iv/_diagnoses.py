"""ICD-10 labels of an ECG, from MIMIC-IV-ECG-Ext-ICD or from the hospital's discharge codes."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import assign_folds
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError

EXTENSION = "records_w_diag_icd10"
DEFAULT_COLUMN = "all_diag_all"
_CATEGORY = 3  # characters of an ICD-10 category, such as I48
_LONGEST = 7
_N_FOLDS = 20


class Diagnoses(NamedTuple):
    """Labels, and how they came about."""

    Y: pd.DataFrame
    source: str
    n_labelled: int
    n_icd9_only: int
    n_codes: int


def diagnoses(
    tables: MimicTables, source: str | None, icd_digits: int, min_count: int, n_records: int
) -> Diagnoses:
    """Label every ECG with the ICD-10 codes of its stay and their ancestors.

    Parameters
    ----------
    tables : MimicTables
        With a table ``ecgs``.
    source : str or None
        A column of ``records_w_diag_icd10.csv``, or ``"diagnoses_icd"``. None: the
        column ``all_diag_all`` where that file is there, else ``diagnoses_icd``.
    icd_digits : int
        Characters codes are cut to, 3 to 7.
    min_count : int
        ECGs a label must have to be kept, counted after cutting and propagation.
    n_records : int
        Number of ECGs.

    Returns
    -------
    Diagnoses
        ``Y`` is float32: 1 and 0 in a stay with codes, NaN where the ECG lies in
        no stay or its stay has no ICD-10 code at all: then nothing is known, and
        0 would mean healthy.
    """
    if not _CATEGORY <= icd_digits <= _LONGEST:
        raise ECGError(f"load_mimic_iv: icd_digits must be 3 to 7, got {icd_digits!r}.")
    if source is None:
        source = DEFAULT_COLUMN if tables.find("ecg", EXTENSION) else "diagnoses_icd"
    n_icd9_only = _collect(tables, source)
    prefixes = ", ".join(f"left(code, {n})" for n in range(_CATEGORY, icd_digits + 1))
    # ICD-10-CM fills unused places with X: such a prefix is the code above it.
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE ecg_labels AS
        SELECT DISTINCT ecg, label FROM (
            SELECT ecg, unnest([{prefixes}]) AS label FROM ecg_codes
        ) WHERE length(label) = {_CATEGORY} OR NOT ends_with(label, 'X')"""
    )
    labels = tables.query("SELECT ecg, label FROM ecg_labels")
    counts = labels["label"].value_counts()
    kept = pd.Index(sorted(counts.index[counts >= min_count]), dtype=object)
    if kept.empty:
        raise ECGError(
            f"load_mimic_iv: no diagnosis from {source} has min_count={min_count} ECGs; the most "
            f"frequent has {counts.max() if len(counts) else 0}. Lower min_count."
        )
    values = np.full((n_records, len(kept)), np.nan, np.float32)
    labelled = labels["ecg"].unique()
    values[labelled] = 0.0
    labels = labels[labels["label"].isin(kept)]
    values[labels["ecg"], kept.get_indexer(labels["label"])] = 1.0
    Y = pd.DataFrame(values, columns=pd.Index([str(label) for label in kept]))
    return Diagnoses(Y, source, len(labelled), n_icd9_only, len(counts))


def _collect(tables: MimicTables, source: str) -> int:
    """Make the table ``ecg_codes`` (ecg, code); the number of ECGs with ICD-9 codes alone."""
    if source == "diagnoses_icd":
        return _collect_discharge_codes(tables)
    columns = [name for name in tables.columns("ecg", EXTENSION) if "_diag_" in name]
    if source not in columns:
        raise ECGError(
            f"load_mimic_iv: diagnoses={source!r} is neither 'diagnoses_icd' nor a column of "
            f"{EXTENSION}.csv, which has {', '.join(columns) or 'none (the file is absent)'}."
        )
    tables.view("ecg", EXTENSION, {"study_id": "BIGINT", source: "VARCHAR"})
    # The column is text such as "['I10', 'I480']".
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE ecg_codes AS
        SELECT ecg, unnest(regexp_extract_all(
            replace(upper({source}), '.', ''), '[A-Z][0-9][A-Z0-9]+')) AS code
        FROM ecgs JOIN {EXTENSION} USING (study_id)"""
    )
    return 0


def _collect_discharge_codes(tables: MimicTables) -> int:
    kinds = {"subject_id": "BIGINT", "hadm_id": "BIGINT"}
    tables.view("hosp", "admissions", kinds | {"admittime": "TIMESTAMP", "dischtime": "TIMESTAMP"})
    tables.view(
        "hosp", "diagnoses_icd", {"hadm_id": "BIGINT", "icd_code": "VARCHAR", "icd_version": "INT"}
    )
    stays = "SELECT subject_id, hadm_id, admittime AS start, dischtime AS stop FROM admissions"
    if tables.find("ed", "edstays"):
        tables.view("ed", "edstays", kinds | {"intime": "TIMESTAMP", "outtime": "TIMESTAMP"})
        stays += " UNION ALL SELECT subject_id, hadm_id, intime, outtime FROM edstays"
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE stay_codes AS
        SELECT DISTINCT ecg, icd_version, upper(replace(trim(icd_code), '.', '')) AS code
        FROM ecgs JOIN ({stays}) USING (subject_id) JOIN diagnoses_icd USING (hadm_id)
        WHERE ecg_time BETWEEN start AND stop"""
    )
    tables.execute(
        """CREATE OR REPLACE TEMP TABLE ecg_codes AS
        SELECT ecg, code FROM stay_codes WHERE icd_version = 10"""
    )
    alone = tables.query(
        "SELECT ecg FROM stay_codes GROUP BY ecg HAVING count(*) FILTER (icd_version = 10) = 0"
    )
    return len(alone)


def folds(tables: MimicTables, groups: pd.Series, random_state: int) -> tuple[pd.Series, str]:
    """Folds by subject, and where they come from: the extension's, or drawn."""
    if "strat_fold" in tables.columns("ecg", EXTENSION):
        tables.view("ecg", EXTENSION, {"study_id": "BIGINT", "strat_fold": "BIGINT"})
        found = tables.query(f"SELECT ecg, strat_fold FROM ecgs JOIN {EXTENSION} USING (study_id)")
        stated = found.set_index("ecg")["strat_fold"].reindex(groups.index)
        if stated.notna().all():
            return stated.astype("int64").rename("fold").rename_axis(None), "strat_fold"
    return assign_folds(groups, _N_FOLDS, random_state), f"{_N_FOLDS} drawn by subject"
