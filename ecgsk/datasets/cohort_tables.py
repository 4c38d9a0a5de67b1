"""Tables that describe a cohort: Table 1, missing values, prevalences."""

from typing import Any

import numpy as np
import pandas as pd

from ecgsk._privacy import enough_patients, pool_rare_levels
from ecgsk.checks.roles import split_roles
from ecgsk.datasets._cohort import Cohort
from ecgsk.signals.columns import find_ecg_column

#: Kind of each row of the missingness table, by the cohort's entry.
_KINDS = {"X": "input", "labs": "laboratory target", "Y": "diagnoses"}
_MAX_LEVELS = 10  # text columns with more are left out of Table 1


def flow_table(cohort: Cohort) -> pd.DataFrame:
    """Return records and subjects left after each step.

    A cohort without ``flow`` has steps for the entries ``broken`` and ``records_left_out`` that
    it has. The subjects of records that were left out are not known: NaN.
    """
    if "flow" in cohort:
        return cohort.flow
    left = {
        "with a row in the table": (len(cohort.get("records_left_out", ())), "no row in the table"),
        "readable": (len(cohort.get("broken", ())), "cannot be read"),
    }
    left = {step: entry for step, entry in left.items() if entry[0]}
    n_records = len(cohort.X) + sum(count for count, _ in left.values())
    steps = {"listed": (n_records, 0, "")} if left else {}
    for step, (count, reason) in left.items():
        n_records -= count
        steps[step] = (n_records, count, reason)
    steps["in the cohort"] = (n_records, 0, "")
    table = pd.DataFrame.from_dict(
        steps, orient="index", columns=["records", "left_out", "reason"]
    ).rename_axis("step" if left else None)
    subjects = pd.Series(cohort.groups.nunique(), index=table.index)
    last = table.index == "in the cohort"
    table.insert(1, "subjects", subjects.astype("Int64").where(last) if left else subjects)
    return table


def lab_abnormalities(cohort: Cohort) -> pd.DataFrame:
    """Return laboratory values below and above their reference range as 0, 1 or NaN.

    The cohort's own ``lab_abnormalities`` come first: they know the range of each value.
    """
    if "lab_abnormalities" in cohort:
        return cohort.lab_abnormalities
    columns = {}
    for name in cohort.labs:
        values = cohort.labs[name].astype("float64")
        for side in ("low", "high"):
            bound = cohort.reference_ranges[side].astype("float64")[name]
            if np.isfinite(bound):
                beyond = values < bound if side == "low" else values > bound
                columns[f"{name} {side}"] = beyond.astype("float64").where(values.notna())
    return pd.DataFrame(columns, index=cohort.X.index)


def part_table(cohort: Cohort) -> pd.DataFrame:
    """Return records and subjects of each part of the split; empty without one."""
    split = cohort.get("split")
    if split is None:
        return pd.DataFrame({"records": [], "subjects": []}, dtype="int64")
    groups = cohort.groups.groupby(split, observed=False)
    return pd.DataFrame({"records": groups.size(), "subjects": groups.nunique()})


def characteristics(cohort: Cohort) -> pd.DataFrame:
    """Describe each clinical column, in all records and in each part of the split.

    Numbers are median [quartiles]; flags of 0 and 1, and levels, are n (%) of the records with
    a value. Levels of few patients are pooled, and numbers known of few patients are left out.
    """
    masks = {"all": pd.Series(True, index=cohort.X.index)} | _part_masks(cohort)
    rows: dict[str, list[str]] = {
        "records": [f"{mask.sum():,}" for mask in masks.values()],
        "subjects": [f"{cohort.groups[mask].nunique():,}" for mask in masks.values()],
    }
    for name in _clinical_columns(cohort):
        try:
            column: Any = pool_rare_levels(cohort.X[name], cohort.groups)
        except TypeError:  # lists and dictionaries have no levels
            continue
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            numbers = column.astype("float64")
            if numbers.dropna().isin([0, 1]).all():
                rows[f"{name}, n (%)"] = [_share(numbers[mask]) for mask in masks.values()]
                continue
            rows[f"{name}, median [quartiles]"] = [
                _median(numbers.loc[mask], cohort.groups) for mask in masks.values()
            ]
            continue
        levels = sorted(column.dropna().unique(), key=str)
        for level in levels if len(levels) <= _MAX_LEVELS else []:
            is_level = (column == level).astype("float64").where(column.notna())
            rows[f"{name}: {level}, n (%)"] = [_share(is_level[mask]) for mask in masks.values()]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(masks))
    return table.rename_axis("characteristic").reset_index()


def missingness(cohort: Cohort) -> pd.DataFrame:
    """Count missing values of each column, in all records and in each part of the split.

    ``known`` is a number of records, ``missing`` a share. The diagnoses share one row.
    """
    masks = _part_masks(cohort)
    columns: list[tuple[str, str, pd.Series]] = [
        (_KINDS["X"], name, cohort.X[name].isna()) for name in _clinical_columns(cohort)
    ]
    columns += [(_KINDS["labs"], str(name), cohort.labs[name].isna()) for name in cohort.labs]
    columns.append((_KINDS["Y"], "any diagnosis known", cohort.Y.isna().all(axis=1)))
    rows: list[dict[str, Any]] = []
    for kind, name, missing in columns:
        row = {"kind": kind, "name": name, "known": int((~missing).sum())}
        row["missing"] = missing.mean()
        rows.append(
            row | {f"missing in {part}": missing[mask].mean() for part, mask in masks.items()}
        )
    return pd.DataFrame(rows)


def prevalences(cohort: Cohort, labels: pd.DataFrame) -> pd.DataFrame:
    """Compute the prevalence of each label among records where it is known, in each fold.

    The most frequent label comes first. NaN for a fold in which a label is not known. Titles of
    ``label_titles``, such as those of ICD codes, are beside the labels.
    """
    masks = _part_masks(cohort)
    masks |= {f"fold {fold}": cohort.folds == fold for fold in sorted(cohort.folds.unique())}
    titles = dict(cohort.get("label_titles", {}))
    rows = {}
    for label in labels:  # one at a time, to bound memory with many records and labels
        column = labels[label].astype("float64")
        shares = {name: column[mask].mean() for name, mask in masks.items()}
        count = {"positive": int(column.sum()), "known": int(column.count())}
        rows[label] = count | {"prevalence": column.mean()} | shares
    columns = ["positive", "known", "prevalence", *masks]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    order = table["positive"].sort_values(ascending=False, kind="stable").index
    table = table.loc[order].rename_axis("label").reset_index()
    titled = [titles.get(label, "") for label in table["label"]]
    if any(titled):
        table.insert(1, "title", titled)
    return table


def _part_masks(cohort: Cohort) -> dict[str, pd.Series]:
    """Return the rows of each part of the split; none without a split."""
    split = cohort.get("split")
    if split is None:
        return {}
    return {str(part): split == part for part in split.astype("category").cat.categories}


def _clinical_columns(cohort: Cohort) -> list[str]:
    return split_roles(cohort.X.columns, {find_ecg_column(cohort.X), "subject_id"}, None)[0]


def _median(values: pd.Series, patients: pd.Series) -> str:
    known = values.dropna()
    if known.empty or not enough_patients(known, patients):
        return ""
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return f"{_format(middle)} [{_format(low)}, {_format(high)}]"


def _share(values: pd.Series) -> str:
    known = values.dropna()
    return f"{known.sum():,.0f} ({known.mean():.1%})" if len(known) else ""


def _format(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
