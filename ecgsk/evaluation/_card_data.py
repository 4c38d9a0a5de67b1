"""Sections of a model card about the cohort: patients, missing values and labels."""

import numpy as np
import pandas as pd

from ecgsk.datasets import Cohort
from ecgsk.datasets.cohort_tables import characteristics, missingness
from ecgsk.evaluation._card_parts import TO_FILL, as_table
from ecgsk.evaluation._comparison import ArmsComparison
from ecgsk.exceptions import ECGError
from ecgsk.explain import Section


def describe_data(cohort: Cohort | None, comparison: ArmsComparison | None) -> list[Section]:
    """Describe the source, the split, the patients and the labels.

    Raise ECGError if the comparison used other rows than the cohort's.
    """
    names = ("Data", "Participants", "Missing values", "Outcome")
    if cohort is None:
        return [Section(name, TO_FILL) for name in names]
    sides = {"all": np.arange(len(cohort.X))}
    if comparison is not None:
        _check_rows(cohort, comparison)
        sides = {"training": comparison.train, "test": comparison.test}
        if comparison.calibration is not None:
            sides["calibration"] = comparison.calibration
    data, participants, missing, outcome = names
    split = _with_split(cohort, sides)
    return [
        Section(data, table=as_table(_counts(cohort, sides)), details=cohort.DESCR or None),
        Section(
            participants,
            "Characteristics of the records: median [quartiles] of numbers, n (%) of the records "
            "with a known value for categories.",
            characteristics(split)[["characteristic", *sides]],
        ),
        Section(
            missing,
            "Number of records with a known value and share of records without.",
            _missing(split),
        ),
        Section(
            outcome,
            "Labels are 0, 1 or not known. Training and scores leave out those that are not known. "
            "Prevalences are shares of the records with a known label.",
            _labels(cohort, sides),
        ),
    ]


def _check_rows(cohort: Cohort, comparison: ArmsComparison) -> None:
    """Raise ECGError if the cohort cannot be the one of the comparison."""
    n_seen = int(max(comparison.train.max(), comparison.test.max())) + 1
    held_out = comparison.held_out
    same = n_seen <= len(cohort.X) and (
        held_out is None or set(held_out.patients) == set(cohort.groups.to_numpy()[comparison.test])
    )
    if not same:
        raise ECGError(
            "model_card expected the cohort of the comparison, with the same rows; got one of "
            f"{len(cohort.X):,} records with other test patients. Pass the cohort whose X and Y "
            "compare_arms got."
        )


def _counts(cohort: Cohort, sides: dict[str, np.ndarray]) -> dict[str, object]:
    facts: dict[str, object] = {}
    known = cohort.Y.notna().any(axis=1).to_numpy()
    for side, rows in sides.items():
        facts[f"{side}: records"] = f"{len(rows):,}"
        facts[f"{side}: patients"] = f"{cohort.groups.iloc[rows].nunique():,}"
        facts[f"{side}: records with a label"] = f"{known[rows].sum():,}"
    if len(sides) > 1:
        facts["split"] = "by patient: no patient is on both sides"
    return facts


def _with_split(cohort: Cohort, sides: dict[str, np.ndarray]) -> Cohort:
    """Return the cohort with these sides as its split."""
    parts = pd.Series(pd.NA, index=np.arange(len(cohort.X)), dtype="object")
    for side, rows in sides.items():
        parts.iloc[rows] = side
    split = pd.Series(pd.Categorical(parts, list(sides)), index=cohort.X.index)
    return Cohort(**(dict(cohort) | {"split": split}))


def _missing(cohort: Cohort) -> pd.DataFrame:
    table = missingness(cohort)
    for column in table.columns[3:]:
        table[column] = [f"{share:.1%}" for share in table[column]]
    table["known"] = [f"{n:,}" for n in table["known"]]
    return table


def _labels(cohort: Cohort, sides: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return counts and prevalences of each label, most frequent label first."""
    columns: dict[str, list[str]] = {}
    Y = cohort.Y.astype("float64")
    order = Y.sum().sort_values(ascending=False, kind="stable").index
    for side, rows in sides.items():
        part = Y[order].iloc[rows]
        known, positive = part.notna().sum(), part.sum()
        columns[f"{side}: positive / known"] = [
            f"{p:,.0f} / {k:,}" for p, k in zip(positive, known, strict=True)
        ]
        columns[f"{side}: prevalence"] = [
            "" if np.isnan(x) else f"{x:.1%}" for x in positive / known.replace(0, np.nan)
        ]
        columns[f"{side}: not known"] = [f"{x:.1%}" for x in 1 - known / max(len(rows), 1)]
    return pd.DataFrame({"label": list(map(str, order)), **columns})
