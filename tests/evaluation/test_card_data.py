"""Model-card sections about the cohort."""

import re

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort
from ecgsk.evaluation import model_card
from ecgsk.exceptions import ECGError


def test_data_counts_records_and_patients_of_both_sets(
    card, card_part, card_facts, comparison, studied
):
    listed = card_facts(card, "Data")
    for side, rows in (("training", comparison.train), ("test", comparison.test)):
        assert listed[f"{side}: records"] == str(len(rows))
        assert listed[f"{side}: patients"] == str(studied.groups.iloc[rows].nunique())
    assert "    Made up" in card_part(card, "Data")


def test_outcome_has_prevalence_and_share_not_known(card_part, comparison, studied):
    gappy = Cohort(**(dict(studied) | {"Y": studied.Y.mask(studied.X["age"] < 50)}))
    outcome = card_part(
        model_card(comparison.score_of().model, cohort=gappy, comparison=comparison), "Outcome"
    )
    label = gappy.Y.columns[0]
    y = gappy.Y[label].iloc[comparison.test]
    row = next(line for line in outcome.splitlines() if line.startswith(f"| {label} |"))
    assert row.endswith(f"| {y.sum():.0f} / {y.count()} | {y.mean():.1%} | {y.isna().mean():.1%} |")


def test_label_names_are_escaped(card_part, comparison, studied):
    Y = studied.Y.rename(columns={studied.Y.columns[0]: "a|b <i> *c*"})
    odd = Cohort(**(dict(studied) | {"Y": Y}))
    outcome = card_part(
        model_card(comparison.score_of().model, cohort=odd, comparison=comparison), "Outcome"
    )
    assert r"| a\|b \<i> \*c\* |" in outcome
    widths = {len(re.findall(r"(?<!\\)\|", row)) for row in outcome.splitlines() if "|" in row}
    assert len(widths) == 1


@pytest.mark.parametrize("change", ["fewer rows", "other patients"])
def test_another_cohort_raises(comparison, studied, change):
    rows = slice(0, 10) if change == "fewer rows" else slice(None)
    tables = {
        name: table.iloc[rows] for name, table in studied.items() if hasattr(table, "iloc")
    } | {"reference_ranges": studied.reference_ranges}
    if change == "other patients":
        tables["groups"] = pd.Series(np.arange(len(studied.X)) + 10_000, index=studied.X.index)
    other = Cohort(**tables)
    with pytest.raises(ECGError, match="expected the cohort of the comparison"):
        model_card(comparison.score_of().model, cohort=other, comparison=comparison)
