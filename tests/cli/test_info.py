"""``ecgsk info``: what a saved model holds about patients, and what it does not."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.preprocessing import ClinicalScaler, Resample


@pytest.fixture(scope="module")
def facts_of(invoke, tmp_path_factory):
    def save_and_read(model) -> dict:
        folder = ecgsk.save(model, tmp_path_factory.mktemp("saved") / "model")
        return json.loads(invoke("info", folder, "--json"))

    return save_and_read


def test_text_shows_patients_labels_and_what_is_absent(invoke, model, X, Y):
    text = invoke("info", model)
    assert "Model: Resample -> LabAbnormalityExplainer" in text
    assert f"training patients: {X['subject_id'].nunique()}\n" in text
    assert f"training records: {len(X)}\n" in text
    for label in Y:
        assert label in text
    assert "potassium high:\n    measured records: " in text
    assert "Training population: simulated patients (make_clinical_ecg)" in text
    assert "false positive rate: " in text
    assert "membership inference" in text
    assert text.index("Does not hold:\n  - ECG signals") > text.index("Reveals:")


def test_filter_states_its_false_positive_rate(facts_of, classifier):
    (stage,) = facts_of(classifier)["stages"]
    seen = stage["filter_of_patients"]
    assert seen["bytes"] == classifier.patients_seen_.bits.nbytes
    rate = classifier.patients_seen_.false_positive_rate
    assert seen["false_positive_rate"] == pytest.approx(rate, rel=1e-3)
    assert seen["odds_of_a_known_identifier_rise_by"] == pytest.approx(1 / rate, rel=1e-3)


def test_clinical_columns_with_categories_and_scale(
    facts_of, invoke, make_classifier, X, Y, tmp_path
):
    model = make_classifier(inputs="ecg+clinical").fit(X, Y)
    facts = facts_of(model)
    (columns,) = facts["clinical_columns"]
    assert set(columns) == {"age", "sex", "potassium", "heart_rate", "troponin"}
    assert "heart_rate:" in invoke("info", ecgsk.save(model, tmp_path / "model"))  # its own name
    assert columns["sex"] == {"levels": ["female", "male"]}
    low, median, high = columns["age"]["low_median_high"]
    assert X["age"].min() < low < median < high < X["age"].max()
    leads = facts["stages"][0]["mean_and_standard_deviation_of_each_lead_in_mv"]
    assert leads["V1"] == pytest.approx([model.scale_[0][6], model.scale_[1][6]], rel=1e-3)


def test_similar_patients_are_shown(facts_of, classifier, X, cohort):
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), keep_patients=True, reference_ranges=cohort.reference_ranges
    ).fit(X, cohort.labs)
    facts = facts_of(explainer)
    (similar,) = facts["similar_patients"]
    assert (similar["records"], similar["patients"]) == (len(X), X["subject_id"].nunique())
    assert "potassium" in similar["values_of_each_record"]
    single = "embeddings, diagnoses or table rows of single patients"
    assert single not in facts["does_not_hold"]
    assert single in facts_of(classifier)["does_not_hold"]


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.LeakageWarning")
def test_calibration_is_shown(facts_of, classifier, X, Y):
    model = MultilabelCalibrator(FrozenEstimator(classifier), method="isotonic").fit(X, Y)
    thresholds, sets, isotonic = facts_of(model)["calibration"]
    assert thresholds["thresholds"] == pytest.approx(model.thresholds_.tolist(), rel=1e-3)
    assert sum(max(sets[f"patients_{word}_the_label"]) for word in ("with", "without")) >= 40
    assert "probabilities of held-out records" in isotonic["kind"]


def test_a_small_table_is_not_said_to_be_protected(facts_of, make_classifier, X, Y):
    few = X["subject_id"].isin(X["subject_id"].unique()[:15])
    absent = facts_of(make_classifier().fit(X[few], Y[few]))["does_not_hold"]
    assert not any("fewer than" in item for item in absent)


def test_models_without_patients(facts_of, classifier, make_classifier, X, Y):
    assert facts_of(Resample(50).fit(X))["stages"] == []
    (stage,) = facts_of(make_classifier().fit(X.drop(columns="subject_id"), Y))["stages"]
    assert stage["training_patients"] is None
    table = pd.DataFrame({"crp": [*range(40)], "rare": [1.0, *[np.nan] * 39]})
    (columns,) = facts_of(ClinicalScaler().fit(table))["clinical_columns"]
    assert columns["rare"] == {"quantiles": 0, "low_median_high": [None] * 3}


def test_a_folder_without_model(fail, tmp_path):
    assert "expected manifest.json" in fail("info", tmp_path)
    assert "does not exist" in fail("info", tmp_path / "absent")
