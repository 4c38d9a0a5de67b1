"""Scores of one model as a comparison, and its card."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ecgsk import LabAbnormalityExplainer
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.datasets import Cohort
from ecgsk.evaluation import model_card
from ecgsk.evaluation.single_model import score_model
from ecgsk.preprocessing import BandpassFilter

pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")


@pytest.fixture(scope="module")
def sides(cohort):
    part = cohort.folds.to_numpy() % 3
    return {
        name: np.flatnonzero(part == i) for i, name in enumerate(["train", "calibration", "test"])
    }


@pytest.fixture(scope="module")
def fitted(make_classifier, make_pretrainer, X, Y, sides):
    rows = sides["train"]
    classifier = make_classifier(encoder=make_pretrainer())
    return classifier.fit(X.iloc[rows], Y.iloc[rows])


@pytest.fixture(scope="module")
def comparison(fitted, X, Y, sides):
    P = fitted.predict_proba(X.iloc[sides["test"]])
    return score_model(fitted, P, Cohort(X, Y), Y, **sides, seconds=1.0, n_resamples=20, seed=0)


def test_model_is_one_arm_on_the_test_patients(comparison, X, Y, sides):
    frame = comparison.to_frame()
    assert frame["arm"].tolist() == ["joint embedding"]
    assert comparison.n_test_patients == X["subject_id"].iloc[sides["test"]].nunique()
    assert set(comparison.per_label()["label"]) == set(Y)


def test_card_counts_calibration_patients_apart(comparison, fitted, X, Y, card_part):
    card = model_card(fitted, cohort=Cohort(X, Y), comparison=comparison)
    for side in ("training", "test", "calibration"):
        assert f"{side}: patients" in card_part(card, "Data")
    assert "On " in card_part(card, "Performance")


def test_card_names_the_table_of_a_pretraining_inside_fit(fitted, card_part):
    assert "| pre-training, table | age, sex" in card_part(model_card(fitted), "Training")


@pytest.mark.parametrize("kind", ["calibrator", "explainer"])
def test_card_of_a_calibrated_model_has_the_thresholds_of_its_calibrator(
    fitted, cohort, X, Y, sides, kind, card_part
):
    rows = sides["calibration"]
    frozen, part = FrozenEstimator(fitted), (X.iloc[rows], Y.iloc[rows])
    if kind == "calibrator":
        last = MultilabelCalibrator(frozen).fit(*part)
        thresholds = last.thresholds_
    else:
        last = LabAbnormalityExplainer(frozen, reference_ranges=cohort.reference_ranges)
        last.fit(X.iloc[sides["train"]], cohort.labs.iloc[sides["train"]])
        last.calibrate(part[0], cohort.labs.iloc[rows], part[1])
        thresholds = last.diagnosis_calibrator_.thresholds_
    card = model_card(make_pipeline(BandpassFilter().fit(X), last))
    assert "set on held-out patients" in card_part(card, "Thresholds")
    for threshold in thresholds:
        assert f"| {threshold:.4g} |" in card_part(card, "Thresholds")
    assert "not chosen on held-out patients" not in card_part(card, "Limits")
    assert "BandpassFilter" in card_part(card, "Model")
