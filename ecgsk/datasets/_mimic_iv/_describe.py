"""What a cohort says about itself: counts and words."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ecgsk.datasets._mimic_iv._diagnoses import Diagnoses
from ecgsk.datasets._mimic_iv._windows import Window

_ANY_KIND = {
    "biometrics": "height or weight",
    "labs": "laboratory inputs",
    "vitals": "vital signs or acuity",
    "measurements": "machine measurements",
}


def flow(listed: pd.DataFrame, readable: pd.DataFrame, X: pd.DataFrame) -> pd.DataFrame:
    """Count records and subjects left after each step, and why others went.

    Returns
    -------
    DataFrame
        Indexed by step: ``records``, ``subjects``, ``left_out`` (records) and
        ``reason``.
    """
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

    Parameters
    ----------
    listed : DataFrame
        Every record of the list.
    rows : dict
        The cohort's tables.
    kinds : dict of str to list
        Columns of each kind; those that ``X`` lacks are missing everywhere.
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


def windows_in_words(lab_window: Window, target_window: Window, aggregates: Sequence[str]) -> str:
    """Sentence about laboratory values."""
    return (
        f"Laboratory inputs: {', '.join(aggregates)} value {_span(lab_window, 'before the ECG')}, "
        f"by charttime; targets: nearest {_span(target_window, 'of the ECG')}."
    )


def describe(
    steps: pd.DataFrame,
    found: Diagnoses,
    folds_source: str,
    lab_counts: pd.DataFrame,
    windows: str,
) -> str:
    """Text of the cohort's ``DESCR``."""
    left_out = lab_counts[["other_unit", "implausible"]].sum()
    lines = [
        "MIMIC-IV-ECG joined to MIMIC-IV.",
        "",
        "Records (subjects) with each kind of data:",
        *(f"  {step}: {row.records:,} ({row.subjects:,})" for step, row in steps.iterrows()),
        "",
        windows,
        f"Left out: {left_out['other_unit']:,} laboratory values in another unit, "
        f"{left_out['implausible']:,} implausible ones.",
        _labels_in_words(found),
        f"Folds: {folds_source}.",
    ]
    return "\n".join(lines)


def _labels_in_words(found: Diagnoses) -> str:
    nines = found.icd9
    words = (
        f"Diagnoses: {found.Y.shape[1]} of {found.n_codes} ICD-10 labels, from {found.source}. "
        f"{len(found.Y) - found.n_labelled:,} records have no known diagnosis and are NaN"
    )
    words += (
        f", {nines.n_ecgs_left_out:,} of them coded in ICD-9 alone" if nines.n_ecgs_left_out else ""
    )
    if nines.n_codes:
        mapped = nines.n_codes - nines.n_unmapped
        words += f". {mapped:,} of {nines.n_codes:,} ICD-9 codes were mapped to ICD-10"
    return words + "."


def _span(window: Window, place: str) -> str:
    """Words for a window."""
    if isinstance(window, str):
        return f"within {window} {place}"
    return f"from {window[0]} to {window[1]} after the ECG"
