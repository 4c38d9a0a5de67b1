"""Inputs and outputs of fitted models: leads, duration, names, thresholds, probabilities."""

import warnings

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ecgsk import LabAbnormalityExplainer
from ecgsk.deployment.outputs import (
    Outputs,
    check_ecg_only,
    last_step,
    needs_table,
    predict_all,
    wanted_signals,
)
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import Resample, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS

EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def test_a_model_wants_its_leads_and_duration(classifier, explaining):
    for model in (classifier, explaining):
        wanted = wanted_signals(model)
        assert [tuple(leads) for leads in wanted.leads] == [STANDARD_12_LEADS]
        assert wanted.duration == 10
        assert wanted.sampling_rate is None  # the model's own steps resample


def test_a_selection_of_leads_wants_those_alone(classifier, cohort):
    select = SelectLeads(["II", "V1"]).fit(cohort.X)
    assert wanted_signals(make_pipeline(select, classifier)).leads == [["II", "V1"]]


def test_a_derivation_takes_records_with_fewer_leads(classifier, cohort):
    select = SelectLeads(STANDARD_12_LEADS, derive=True).fit(cohort.X)
    leads = wanted_signals(make_pipeline(select, classifier)).leads
    assert leads[0] == STANDARD_12_LEADS
    assert leads[-1] == EIGHT


def test_outputs_of_diagnoses_and_laboratories(explaining, classifier):
    outputs = Outputs.of(explaining)
    assert outputs.diagnoses == tuple(classifier.label_names_)
    assert outputs.laboratories == tuple(explaining[-1].label_names_)
    assert set(outputs.thresholds.values()) == {0.5}
    assert f"probability/{classifier.label_names_[0]}" in outputs.thresholds


def test_calibrated_thresholds_are_those_of_the_explanations(explaining, cohort, Y):
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(explaining[-1].encoder_), reference_ranges=cohort.reference_ranges
    ).fit(cohort.X, cohort.labs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these patients are few, and those of the training
        explainer.calibrate(cohort.X, cohort.labs, Y)
    outputs, found = Outputs.of(explainer), predict_all(explainer, cohort.X[["ecg"]].iloc[:20])
    explanations = explainer.explain(cohort.X[["ecg"]].iloc[:20])
    for row, explanation in enumerate(explanations):
        for kind in ("diagnoses", "laboratories"):
            expected = [part.probability for part in getattr(explanation, kind)]
            np.testing.assert_allclose(found[kind][row], expected, rtol=0, atol=1e-12)
        assert [d.threshold for d in explanation.diagnoses] == [*outputs.diagnosis_thresholds]


def test_the_probabilities_of_a_record_do_not_depend_on_others(explaining, classifier, cohort):
    X = cohort.X[["ecg"]]
    for model in (explaining, classifier):
        together = predict_all(model, X)
        for rows in ([0], [5, 3], range(17), range(40)):
            some = predict_all(model, X.iloc[list(rows)])
            for kind, P in some.items():
                # The last bit of a float64 sum depends on the size of the matrix.
                np.testing.assert_allclose(P, together[kind][list(rows)], rtol=0, atol=1e-15)


def test_classes_of_one_column(make_classifier, cohort, Y):
    model = make_classifier().fit(cohort.X[["ecg"]], np.where(Y.iloc[:, 0] == 1, "ill", "well"))
    assert Outputs.of(model) == Outputs(classes=("ill", "well"))
    P = predict_all(model, cohort.X[["ecg"]])["classes"]
    np.testing.assert_allclose(P, model.predict_proba(cohort.X[["ecg"]]), rtol=0, atol=1e-6)


def test_what_does_not_predict_is_refused(pretrainer, make_classifier, X, Y):
    with pytest.raises(ECGError, match=r"it: expected a fitted ECGDiag.* got a JointEmbedding"):
        last_step(pretrainer, name="it")
    with pytest.raises(ECGError, match=r"expected a fitted .* got a Resample"):
        last_step(make_pipeline(Resample(100)), name="it")
    plain = make_classifier().fit(X["ecg"].ecg.to_numpy(), Y)
    with pytest.raises(ECGError, match="it was fitted on plain arrays, which have no lead names"):
        last_step(plain, name="it")


def test_a_model_of_the_table_is_told_apart(make_classifier, classifier, X, Y):
    model = make_classifier(inputs="ecg+clinical").fit(X, Y)
    assert needs_table(model)
    assert not needs_table(classifier)
    with pytest.raises(ECGError, match=r"it has inputs='ecg\+clinical', but a record has no clin"):
        check_ecg_only(model, name="it")
