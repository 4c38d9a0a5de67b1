"""Scores, thresholds and texts of the training report."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.calibration import MultilabelCalibrator
from ecgsk.cli._training_report import (
    calibration_hint,
    macro_text,
    score_targets,
    scores_table,
    thresholds_table,
)
from ecgsk.metrics import masked_brier_score, masked_roc_auc

pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 2)
    P = rng.random((120, 3))
    Y = pd.DataFrame((rng.random((120, 3)) < P) * 1.0, columns=["common", "rare", "absent"])
    Y["rare"] = np.where(patients < 4, Y["rare"], 0.0)
    Y.loc[3, "rare"], Y.loc[5, "common"], Y["absent"] = 1.0, np.nan, 0.0
    return Y, P, patients


def score(data, calibrator=None):
    Y, P, patients = data
    return score_targets("Diagnoses", Y, P, calibrator, patients, n_resamples=50, seed=0)


def test_scores_equal_those_of_the_metrics(data):
    Y, P, _ = data
    scores = score(data)
    assert scores.macro["AUROC"]["estimate"] == pytest.approx(masked_roc_auc(Y, P))
    assert scores.macro["Brier score"]["estimate"] == pytest.approx(masked_brier_score(Y, P))
    assert scores.macro["AUROC"]["low"] < scores.macro["AUROC"]["high"]
    assert scores.labels.set_index("label")["known"].tolist() == [119, 120, 120]
    assert np.isnan(scores.labels.set_index("label").loc["absent", "AUROC"])


def test_decisions_are_of_the_calibrated_probabilities(data):
    Y, P, patients = data
    calibrator = MultilabelCalibrator().fit(P, Y, groups=patients)
    scores = score(data, calibrator)
    row = scores.labels.set_index("label").loc["common"]
    known = Y["common"].notna()
    y, p = Y.loc[known, "common"], calibrator.predict_proba(P)[known, 0]
    predicted = p > calibrator.thresholds_[0]
    assert row["threshold"] == calibrator.thresholds_[0]
    assert row["sensitivity"] == pytest.approx(predicted[y == 1].mean())
    assert row["specificity"] == pytest.approx((~predicted)[y == 0].mean())
    assert row["positive predictive value"] == pytest.approx(y[predicted].mean())
    assert row["calibrated"]


def test_rare_labels_are_counted_in_the_hint(data):
    Y, P, patients = data
    calibrator = MultilabelCalibrator().fit(P, Y, groups=patients)
    assert "2 of 3 labels are not calibrated" in calibration_hint(score(data, calibrator))
    one = (Y[["common"]], P[:, :1], patients)
    calibrator = MultilabelCalibrator().fit(P[:, :1], Y[["common"]], groups=patients)
    assert calibration_hint(score(one, calibrator)) == ""


def test_labels_of_one_class_cannot_be_scored(data):
    Y, P, patients = data
    assert score((Y[["absent"]], P[:, 2:], patients)) is None
    assert score((Y, P, np.zeros(120))) is None


def test_tables_are_text_with_the_most_frequent_label_first(data):
    scores = score(data)
    assert scores_table(scores)["label"].tolist() == ["common", "rare", "absent"]
    assert scores_table(scores)["AUROC"].iloc[2] == ""
    assert set(thresholds_table(scores)["calibrated"]) == {"no: too few patients"}


def test_few_patients_are_warned_of(data):
    Y, P, patients = data
    assert "do not rely" not in macro_text(score(data))
    few = patients < 10
    assert "do not rely" in macro_text(score((Y[few], P[few], patients[few])))
