"""Explanations of a diagnosis model without laboratories."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from ecgsk.calibration import MultilabelCalibrator
from ecgsk.estimators.diagnosis_explanations import explain_diagnoses, split_calibrator
from ecgsk.exceptions import ECGError

pytestmark = [
    pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning"),
    pytest.mark.filterwarnings("ignore::ecgsk.exceptions.LeakageWarning"),
]


@pytest.fixture(scope="module")
def calibrated(classifier, X, Y):
    return MultilabelCalibrator(FrozenEstimator(classifier)).fit(X, Y)


def test_probabilities_and_thresholds_are_those_of_the_calibrator(calibrated, X):
    records = X[["ecg", "age"]].iloc[:3]
    P = calibrated.predict_proba(records)
    for explanation, row in zip(explain_diagnoses(calibrated, records), P, strict=True):
        found = {d.name: d for d in explanation.diagnoses}
        assert [found[name].probability for name in calibrated.label_names_] == pytest.approx(
            row, abs=1e-6
        )
        thresholds = [found[name].threshold for name in calibrated.label_names_]
        assert thresholds == calibrated.thresholds_.tolist()
        assert explanation.laboratories == ()
    assert calibrated.estimator_ is not None


def test_classifier_alone_is_explained_with_what_is_known(classifier, X, Y):
    (explanation,) = explain_diagnoses(classifier, X.iloc[:1], Y.iloc[:1], n_attributions=1)
    known = {d.name: d.recorded for d in explanation.diagnoses}
    assert known == {name: bool(Y[name].iloc[0]) for name in Y}
    assert len(explanation.attributions) == 1
    assert "laborator" not in explanation.to_text().lower()
    assert "laboratory finding" not in str(explanation.model)


def test_unknown_diagnoses_are_left_out(classifier, X, Y):
    (explanation,) = explain_diagnoses(classifier, X.iloc[:1], Y.iloc[:1] * np.nan)
    assert all(d.recorded is None for d in explanation.diagnoses)


def test_page_has_no_section_of_laboratories(classifier, X):
    (explanation,) = explain_diagnoses(classifier, X.iloc[:1])
    assert "Laborator" not in explanation.to_html()


def test_other_models_are_refused(pretrainer, X):
    with pytest.raises(ECGError, match="expected an ECGDiagnosisClassifier of many labels"):
        explain_diagnoses(pretrainer, X.iloc[:1])


def test_calibrator_is_split_from_its_classifier(calibrated, classifier):
    assert split_calibrator(calibrated) == (classifier, calibrated)
    assert split_calibrator(classifier) == (classifier, None)
