"""Model cards: what the fit knows, and nothing that it does not."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk.datasets import Cohort
from ecgsk.evaluation import JOINT_EMBEDDING, model_card
from ecgsk.evaluation._tripod import checklist
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter, Resample

TO_FILL = "To be filled in by the authors."


@pytest.fixture(scope="module")
def studied(cohort, X, Y):
    """The cohort that the comparison was made of."""
    return Cohort(X, Y, labs=cohort.labs, reference_ranges=cohort.reference_ranges, DESCR="Made up")


@pytest.fixture(scope="module")
def card(comparison, studied):
    model = comparison.score_of(JOINT_EMBEDDING).model
    steps = make_pipeline(Resample(100), BandpassFilter(0.5, 40), model)
    return model_card(
        steps, cohort=studied, comparison=comparison, intended_use="Triage | research"
    )


def part(card, heading):
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def facts(card, heading):
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", part(card, heading), re.M)
    return {name: value.replace("\\", "") for name, value in rows}


def test_the_model_and_its_steps(card, comparison):
    told = facts(card, "Model")
    module = comparison.score_of(JOINT_EMBEDDING).model.net_.module_
    assert told["parameters"] == f"{sum(p.numel() for p in module.parameters()):,}"
    assert told["architecture"] == "ResNet1d(depth=10, width=4)"
    assert told["leads"].startswith("I, II, III, aVR")
    assert told["sampling rate"] == "100 Hz"
    assert "BandpassFilter" in told["preprocessing"]


def test_patients_on_either_side(card, comparison, studied):
    told = facts(card, "Data")
    for side, rows in (("training", comparison.train), ("test", comparison.test)):
        assert told[f"{side}: records"] == str(len(rows))
        assert told[f"{side}: patients"] == str(studied.groups.iloc[rows].nunique())
    assert "    Made up" in part(card, "Data")


def test_labels_with_prevalence_and_what_is_not_known(comparison, studied):
    gappy = Cohort(**(dict(studied) | {"Y": studied.Y.mask(studied.X["age"] < 50)}))
    outcome = part(
        model_card(comparison.score_of().model, cohort=gappy, comparison=comparison), "Outcome"
    )
    label = gappy.Y.columns[0]
    y = gappy.Y[label].iloc[comparison.test]
    row = next(line for line in outcome.splitlines() if line.startswith(f"| {label} |"))
    assert row.endswith(f"| {y.sum():.0f} / {y.count()} | {y.mean():.1%} | {y.isna().mean():.1%} |")


def test_performance_is_the_comparison_s(card, comparison):
    score = comparison.score_of(JOINT_EMBEDDING)
    result = score.auroc
    expected = f"AUROC {result.estimate:.3f} [{result.low:.3f}, {result.high:.3f}]"
    assert expected in part(card, "Performance")
    brier = np.mean((score.probabilities - comparison.held_out.Y.to_numpy()) ** 2)
    assert f"Brier score {brier:.3f} [" in part(card, "Calibration")
    assert "| sex F" in part(card, "Subgroups") or "| sex female" in part(card, "Subgroups")
    assert facts(card, "Training")["arm of the comparison"] == JOINT_EMBEDDING


def test_limits_name_the_few_patients(card, comparison):
    limits = part(card, "Limits")
    said = f"Only {comparison.n_test_patients} test patients" in limits
    assert said == (comparison.n_test_patients < 20)
    assert "4 of 4 labels have fewer than 20 positive test patients" in limits


def test_text_of_others_stays_in_its_cell(comparison, studied):
    Y = studied.Y.rename(columns={studied.Y.columns[0]: "a|b <i> *c*"})
    odd = Cohort(**(dict(studied) | {"Y": Y}))
    outcome = part(
        model_card(comparison.score_of().model, cohort=odd, comparison=comparison), "Outcome"
    )
    assert r"| a\|b \<i> \*c\* |" in outcome
    widths = {len(re.findall(r"(?<!\\)\|", row)) for row in outcome.splitlines() if "|" in row}
    assert len(widths) == 1


def test_alone_a_model_claims_nothing_of_its_scores(classifier):
    card = model_card(classifier)
    unknown = ("Data", "Participants", "Outcome", "Performance", "Calibration", "Subgroups")
    for heading in unknown:
        assert part(card, heading).strip() == TO_FILL
    items = card.split("## TRIPOD+AI items")[1]
    assert f"| 23a | Performance with intervals, in subgroups too | {TO_FILL} |" in items
    assert "Not scored" in part(card, "Limits")


def test_every_number_comes_from_somewhere(classifier):
    """Of a model alone: its parameters, its shape, versions; and the numbers of items."""
    card = model_card(classifier)
    body = card.split("## Intended use")[1].split("## TRIPOD+AI items")[0]
    body = body.replace(part(card, "Versions"), "").replace("\\", "").replace(",", "")
    known = repr(classifier.get_params()) + repr(classifier.encoder_spec_)
    known += repr((classifier.shape_, classifier.sampling_rate_, classifier.leads_))
    known += f" {sum(p.numel() for p in classifier.net_.module_.parameters())}"
    known += f" {classifier.n_outputs_} {classifier.thresholds_} {len(classifier.history_)}"
    known += " ".join(classifier.label_names_)
    rate = classifier.sampling_rate_
    known += f" {rate:g} {classifier.shape_[1] / rate:g} {ecgsk.__version__}"
    claimed = set(re.findall(r"\d+(?:\.\d+)?", body))
    assert claimed <= set(re.findall(r"\d+(?:\.\d+)?", known)) | {"0.5"}


def test_every_item_is_there_and_none_is_answered_by_nothing():
    table = checklist(set()).table
    assert (table["in this card"] == TO_FILL).all()
    numbers = table["item"].str.extract(r"(\d+)")[0].astype(int)
    assert numbers.tolist() == sorted(numbers)
    assert set(numbers) == set(range(1, 28))
    assert len(table) == 52


@pytest.mark.parametrize("change", ["fewer rows", "other patients"])
def test_another_cohort(comparison, studied, change):
    rows = slice(0, 10) if change == "fewer rows" else slice(None)
    tables = {
        name: table.iloc[rows] for name, table in studied.items() if hasattr(table, "iloc")
    } | {"reference_ranges": studied.reference_ranges}
    if change == "other patients":
        tables["groups"] = pd.Series(np.arange(len(studied.X)) + 10_000, index=studied.X.index)
    other = Cohort(**tables)
    with pytest.raises(ECGError, match="expected the cohort that the comparison was made of"):
        model_card(comparison.score_of().model, cohort=other, comparison=comparison)


def test_models_that_have_no_card(comparison, classifier, pretrainer):
    with pytest.raises(ECGError, match="got JointEmbeddingPretrainer"):
        model_card(pretrainer)
    with pytest.raises(ECGError, match="expected a model that the comparison fitted"):
        model_card(classifier, comparison=comparison)
