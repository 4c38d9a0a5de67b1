"""Counts and description of a MIMIC-IV cohort."""

from typing import Any

import pandas as pd

from ecgsk.datasets._mimic_iv._diagnoses import Diagnoses
from ecgsk.datasets._mimic_iv._options import MimicInputs, MimicTargets, Window

_ANY_KIND = {
    "biometrics": "height or weight",
    "labs": "laboratory inputs",
    "vitals": "vital signs or acuity",
    "measurements": "machine measurements",
}


def flow(listed: pd.DataFrame, readable: pd.DataFrame, X: pd.DataFrame) -> pd.DataFrame:
    """Count records and subjects left after each step."""
    steps = {
        "listed": (listed, ""),
        "readable": (readable, "cannot be read"),
        "in the cohort": (X, "later ECG of a stay, in validation or test"),
    }
    counts = [(step, len(left), left["subject_id"].nunique()) for step, (left, _) in steps.items()]
    table = pd.DataFrame(counts, columns=["step", "records", "subjects"]).set_index("step")
    left_out = -table["records"].diff().fillna(0).astype("int64")
    return table.assign(left_out=left_out, reason=[reason for _, reason in steps.values()])


def kinds_of_data(
    listed: pd.DataFrame, rows: dict[str, Any], kinds: dict[str, list[Any]]
) -> pd.DataFrame:
    """Count the records and subjects that have each kind of data.

    Columns of `kinds` that are absent from ``X`` are missing everywhere.
    """
    X = rows["X"]
    known = {kind: X.reindex(columns=columns).notna() for kind, columns in kinds.items()}
    having = {"ECG readable": pd.Series(True, index=X.index)}
    having["age and sex known"] = known.pop("demographics").all(axis=1)
    having |= {_ANY_KIND[kind]: table.any(axis=1) for kind, table in known.items()}
    having["laboratory targets"] = rows["labs"].notna().any(axis=1)
    having["diagnoses"] = rows["Y"].notna().any(axis=1)
    counts = {"listed": (len(listed), listed["subject_id"].nunique())}
    for kind, has in having.items():
        counts[kind] = (int(has.sum()), X.loc[has, "subject_id"].nunique())
    return pd.DataFrame.from_dict(counts, orient="index", columns=["records", "subjects"])


def describe(
    steps: pd.DataFrame,
    labels: Diagnoses,
    folds_source: str,
    lab_counts: pd.DataFrame,
    unread: pd.DataFrame,
    inputs: MimicInputs,
    targets: MimicTargets,
) -> str:
    """Write the cohort's ``DESCR``."""
    left_out = lab_counts[["other_unit", "implausible", "not_a_number"]].sum()
    cells, places = unread["n"], unread.index.map(".".join)
    lines = [
        "MIMIC-IV-ECG joined to MIMIC-IV.",
        "",
        "Records (subjects) with each kind of data:",
        *(f"  {step}: {row.records:,} ({row.subjects:,})" for step, row in steps.iterrows()),
        "",
        f"Laboratory inputs: {', '.join(inputs.aggregates)} value "
        f"{_window_text(inputs.lab_window, 'before the ECG')}, by charttime; targets: nearest "
        f"{_window_text(targets.target_window, 'of the ECG')}.",
        f"Left out: {left_out['other_unit']:,} laboratory values in another unit, "
        f"{left_out['implausible']:,} implausible ones, "
        f"{left_out['not_a_number']:,} texts that are no numbers.",
        *(f"Not readable: {n:,} cells of {place}." for place, n in zip(places, cells, strict=True)),
        _label_text(labels),
        f"Folds: {folds_source}.",
    ]
    return "\n".join(lines)


def _label_text(labels: Diagnoses) -> str:
    icd9 = labels.icd9
    text = (
        f"Diagnoses: {labels.Y.shape[1]} of {labels.n_codes} ICD-10 labels, from {labels.source}. "
        f"{len(labels.Y) - labels.n_labelled:,} records have no known diagnosis and are NaN"
    )
    text += (
        f", {icd9.n_ecgs_left_out:,} of them coded in ICD-9 alone" if icd9.n_ecgs_left_out else ""
    )
    if icd9.n_codes:
        mapped = icd9.n_codes - icd9.n_unmapped
        text += f". {mapped:,} of {icd9.n_codes:,} ICD-9 codes were mapped to ICD-10"
    return text + "."


def _window_text(window: Window, place: str) -> str:
    if isinstance(window, str):
        return f"within {window} {place}"
    return f"from {window[0]} to {window[1]} after the ECG"
