"""Tables of a cohort report: Table 1, missing values, prevalences."""

from typing import Any

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import Cohort

#: What the rows of the missingness table come from.
KINDS = {"X": "input", "labs": "laboratory target", "Y": "diagnoses"}
_MAX_LEVELS = 10  # a column of text with more is no characteristic


def flow_table(cohort: Cohort) -> pd.DataFrame:
    """Return records and subjects left after each step; one step where none were counted."""
    if "flow" in cohort:
        return cohort.flow
    counts = {"records": len(cohort.X), "subjects": cohort.groups.nunique()}
    return pd.DataFrame(counts | {"left_out": 0, "reason": ""}, index=["in the cohort"])


def part_of_each_row(cohort: Cohort) -> pd.Series | None:
    """Return train, validation or test for each record, where the cohort says so."""
    return cohort.get("split")


def part_table(cohort: Cohort) -> pd.DataFrame:
    """Return records and subjects of each part of the split; empty without one."""
    part = part_of_each_row(cohort)
    if part is None:
        return pd.DataFrame({"records": [], "subjects": []}, dtype="int64")
    groups = cohort.groups.groupby(part, observed=False)
    return pd.DataFrame({"records": groups.size(), "subjects": groups.nunique()})


def characteristics(cohort: Cohort) -> pd.DataFrame:
    """Describe each clinical column, in all records and in each part.

    Returns
    -------
    DataFrame of str
        Columns ``characteristic``, ``all`` and one for each part. Numbers are
        median [quartiles], counts are n (%) of the records that are known.
    """
    sides = {"all": pd.Series(True, index=cohort.X.index)}
    part = part_of_each_row(cohort)
    if part is not None:
        sides |= {str(name): part == name for name in part.cat.categories}
    rows: dict[str, list[str]] = {
        "records": [f"{side.sum():,}" for side in sides.values()],
        "subjects": [f"{cohort.groups[side].nunique():,}" for side in sides.values()],
    }
    for name in _clinical_columns(cohort):
        column = cohort.X[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            numbers = column.astype("float64")
            rows[f"{name}, median [quartiles]"] = [
                _median(numbers[side]) for side in sides.values()
            ]
            continue
        levels = sorted(column.dropna().unique(), key=str)
        for level in levels if len(levels) <= _MAX_LEVELS else []:
            is_level = (column == level).astype("float64").where(column.notna())
            rows[f"{name}: {level}, n (%)"] = [_share(is_level[side]) for side in sides.values()]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(sides))
    return table.rename_axis("characteristic").reset_index()


def missingness(cohort: Cohort) -> pd.DataFrame:
    """Count missing values of each column, in all records and in each part.

    Returns
    -------
    DataFrame
        Columns ``kind``, ``name``, ``known`` (records), ``missing`` (share) and
        ``missing in ...`` for each part. All diagnoses are known together, or not.
    """
    part = part_of_each_row(cohort)
    columns: list[tuple[str, str, pd.Series]] = [
        (KINDS["X"], name, cohort.X[name].isna()) for name in _clinical_columns(cohort)
    ]
    columns += [(KINDS["labs"], str(name), cohort.labs[name].isna()) for name in cohort.labs]
    columns.append((KINDS["Y"], "any diagnosis known", cohort.Y.isna().all(axis=1)))
    rows: list[dict[str, Any]] = []
    for kind, name, missing in columns:
        row = {"kind": kind, "name": name, "known": int((~missing).sum())}
        row["missing"] = missing.mean()
        if part is not None:
            shares = missing.groupby(part, observed=False).mean()
            row |= {f"missing in {side}": share for side, share in shares.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def prevalences(cohort: Cohort, labels: pd.DataFrame) -> pd.DataFrame:
    """Share of each label among the records where it is known, in each fold.

    Parameters
    ----------
    cohort : Cohort
        Whose folds and parts.
    labels : DataFrame of 0, 1 and NaN
        Diagnoses, or laboratory abnormalities.

    Returns
    -------
    DataFrame
        Columns ``label``, ``positive`` and ``known`` (records), ``prevalence``, one
        for each part of a split, and ``fold 1`` and so on; the most frequent first.
        NaN where a fold has no record in which it is known.
    """
    sides = {f"fold {fold}": cohort.folds == fold for fold in sorted(cohort.folds.unique())}
    part = part_of_each_row(cohort)
    if part is not None:
        sides = {str(name): part == name for name in part.cat.categories} | sides
    rows = {}
    for label in labels:  # one at a time: there may be a thousand, of a million records each
        column = labels[label].astype("float64")
        shares = {name: column[side].mean() for name, side in sides.items()}
        count = {"positive": int(column.sum()), "known": int(column.count())}
        rows[label] = count | {"prevalence": column.mean()} | shares
    columns = ["positive", "known", "prevalence", *sides]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    order = table["positive"].sort_values(ascending=False, kind="stable").index
    return table.loc[order].rename_axis("label").reset_index()


def _clinical_columns(cohort: Cohort) -> list[str]:
    return [name for name in cohort.X.columns if name not in ("ecg", "subject_id")]


def _median(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return ""
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return f"{_short(middle)} [{_short(low)}, {_short(high)}]"


def _share(values: pd.Series) -> str:
    known = values.dropna()
    return f"{known.sum():,.0f} ({known.mean():.1%})" if len(known) else ""


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
