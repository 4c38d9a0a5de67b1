"""Which columns a fit learns from: stored, logged, shown, and checked."""

import logging
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from ecgsk import LabAbnormalityExplainer
from ecgsk.exceptions import ECGError, TableWarning
from ecgsk.signals import ECGArray
from ecgsk.training.net import ECGNet

TABLE = ["age", "sex", "potassium", "heart_rate", "troponin"]
READERS = {
    "record": lambda X: [f"p1/s{i}/{i}" for i in range(len(X))],
    "dx": lambda X: "426783006",
    "ecg_time": lambda X: pd.Timestamp("2150-01-01"),
    "usable": lambda X: True,
}


@pytest.fixture
def read(X):
    """X with the columns that our readers write."""
    return X.assign(**READERS)


def test_columns_of_our_readers_are_never_clinical(make_pretrainer, make_classifier, read, X, Y):
    model = make_pretrainer().fit(read)
    assert model.clinical_columns_ == TABLE
    np.testing.assert_array_equal(model.transform(read), make_pretrainer().fit(X).transform(X))
    beside = make_classifier(inputs="ecg+clinical").fit(read, Y)
    assert beside.clinical_columns_ == beside.scaler_.columns_ == TABLE
    alone = make_pretrainer().fit(read[["ecg", "record", "dx"]])
    assert alone.clinical_columns_ == []
    assert not alone.objective_.uses_table


def test_a_named_reader_column_is_clinical(make_pretrainer, read):
    named = make_pretrainer(clinical_columns=["age", "usable"]).fit(read)
    assert named.clinical_columns_ == ["age", "usable"]
    with pytest.raises(ECGError, match="'record' holds file paths"):
        make_pretrainer(clinical_columns=["age", "record"]).fit(read)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"inputs": "clinical"}, TABLE),
        ({"inputs": "ecg+clinical", "clinical_columns": ["sex", "age"]}, ["age", "sex"]),
    ],
)
def test_classifier_stores_the_columns_it_learned_from(make_classifier, X, Y, options, expected):
    assert make_classifier(**options).fit(X, Y).clinical_columns_ == expected


def test_nested_pretrainer_and_distillation_add_their_columns(
    make_classifier, make_pretrainer, X, Y
):
    inner = make_pretrainer(clinical_columns=["age", "potassium"])
    model = make_classifier(encoder=inner, fine_tune="probe").fit(X, Y)
    assert model.clinical_columns_ == ["age", "potassium"]
    model = make_classifier(encoder=inner, fine_tune="distill").fit(X, Y)
    assert model.clinical_columns_ == TABLE


def test_unused_columns_are_not_checked(make_classifier, make_pretrainer, X, Y):
    odd = X.assign(admitted=pd.Timestamp("2020-01-01"), hadm_id=np.arange(len(X)))
    assert make_classifier().fit(odd, Y).clinical_columns_ == []
    make_pretrainer(objective="ecg_contrast").fit(odd)
    make_pretrainer(clinical_columns=["age"]).fit(odd)


def test_roles_are_logged(make_pretrainer, read, caplog):
    with caplog.at_level(logging.INFO, logger="ecgsk"):
        make_pretrainer().fit(read)
    (text,) = [record.getMessage() for record in caplog.records if "clinical" in record.msg]
    assert text == (
        "JointEmbeddingPretrainer: 5 clinical columns (age, sex, potassium, heart_rate, "
        "troponin); left out: record, dx, ecg_time, usable; patients: subject_id."
    )


def test_html_shows_the_columns_of_a_fitted_model_alone(make_pretrainer, pretrainer):
    shown = "Clinical columns that fit learned from: age, sex, potassium, heart_rate, troponin"
    assert shown in pretrainer._repr_mimebundle_()["text/html"]
    assert shown in pretrainer._repr_html_()
    assert "Clinical columns" not in make_pretrainer()._repr_html_()


def test_html_escapes_names(make_pretrainer, X):
    model = make_pretrainer().fit(X.rename(columns={"age": "<script>"}))
    assert "<script>, sex" not in model._repr_html_()
    assert "&lt;script&gt;, sex" in model._repr_html_()


@pytest.fixture
def no_training(monkeypatch):
    """Training steps are an error."""
    message = "a training step was taken"
    monkeypatch.setattr(ECGNet, "train_step_single", lambda *_, **__: pytest.fail(message))


def test_table_as_y_is_refused_before_training(make_pretrainer, X, Y, no_training):
    ecg, table = X["ecg"], X[TABLE]
    for signals in (ecg, X[["ecg", "subject_id"]]):
        with pytest.raises(ECGError, match=r"y, which is ignored.*X = table.assign\(ecg=ecg\)"):
            make_pretrainer().fit(signals, table)


def test_labels_as_y_are_ignored(make_pretrainer, X, Y):
    make_pretrainer().fit(X[["ecg"]], Y)
    make_pretrainer().fit(X[["ecg"]], Y.where(Y == 1))
    make_pretrainer(objective="ecg_contrast").fit(X["ecg"], X[TABLE])


def test_label_among_the_inputs_is_warned_of(make_classifier, make_pretrainer, X, Y):
    leak = X.assign(copied=Y["atrial fibrillation"])
    with pytest.warns(TableWarning, match="'copied' equals the label 'atrial fibrillation'"):
        make_classifier(inputs="clinical").fit(leak, Y)
    with pytest.warns(TableWarning, match="'copied' equals"):
        make_classifier(encoder=make_pretrainer(), fine_tune="probe").fit(leak, Y)
    # Named, it is meant; and a model of the ECG alone does not read it.
    make_classifier(inputs="clinical", clinical_columns=["age", "copied"]).fit(leak, Y)
    make_classifier().fit(leak, Y)


def test_warnings_name_the_line_of_the_caller(
    make_classifier, make_pretrainer, frozen, X, Y, cohort
):
    leak = X.assign(copied=Y["atrial fibrillation"])
    patients = X.rename(columns={"subject_id": "patient_id"}).drop(columns="sex")
    ranges = {"potassium": (135, 145)}
    for call in (
        lambda: make_classifier(inputs="clinical").fit(leak, Y),
        lambda: make_pretrainer(clinical_columns=["age"]).fit(patients),
        lambda: LabAbnormalityExplainer(frozen, reference_ranges=ranges).fit(
            X, cohort.labs[["potassium"]]
        ),
    ):
        with pytest.warns(TableWarning) as caught:
            call()
        assert caught[0].filename == __file__


def test_identifiers_may_be_meant(make_classifier, X, Y):
    ward = X.assign(ward_id=np.arange(len(X)) % 30)
    with pytest.raises(ECGError, match="'ward_id' is an identifier by its name"):
        make_classifier(inputs="clinical").fit(ward, Y)
    make_classifier(inputs="clinical", clinical_columns=["age", "ward_id"]).fit(ward, Y)


def test_patients_of_another_name_are_warned_of(make_classifier, X, Y):
    other = X.rename(columns={"subject_id": "patient_id"})
    with pytest.warns(TableWarning, match=r"'patient_id' looks like the patient.*group_column="):
        make_classifier().fit(other, Y)
    make_classifier().fit(other, Y, groups=other["patient_id"])
    make_classifier(group_column="patient_id").fit(other, Y)


def test_signal_of_two_patients_is_warned_of(make_classifier, X, Y):
    x = X["ecg"].array.read()
    x[-1] = x[0]
    leads = X["ecg"].array.leads
    copied = X.assign(ecg=ECGArray.from_numpy(x, sampling_rate=100, leads=leads))
    with pytest.warns(TableWarning, match="1 records have the signal of an earlier one of another"):
        make_classifier().fit(copied, Y)
    make_classifier().fit(copied.drop(columns="subject_id"), Y)


def test_two_columns_of_one_name_are_refused_when_predicting(make_classifier, X, Y):
    model = make_classifier(inputs="ecg+clinical").fit(X, Y)
    with pytest.raises(ECGError, match="several columns of one name: 'age'"):
        model.predict_proba(pd.concat([X, X[["age"]]], axis=1))


class TestExplainer:
    def test_renamed_patients(self, frozen, X, labs, ranges):
        explainer = LabAbnormalityExplainer(frozen, reference_ranges=ranges)
        renamed = X.rename(columns={"subject_id": "remainder__subject_id"})
        with pytest.raises(ECGError, match=r"LabAbnormalityExplainer: .* 'remainder__subject_id'"):
            explainer.fit(renamed, labs)
        with pytest.warns(TableWarning, match="'patient_id' looks like the patient"):
            explainer.fit(X.rename(columns={"subject_id": "patient_id"}), labs)
        explainer.fit(renamed, labs, groups=X["subject_id"])

    @pytest.fixture
    def labs(self, cohort):
        return cohort.labs[["potassium", "creatinine"]]

    def test_wrong_reference_range(self, frozen, X, labs):
        ranges = {"potassium": (135, 145), "creatinine": (None, 1.25)}
        with pytest.warns(TableWarning, match="values of 'potassium' are outside their reference"):
            LabAbnormalityExplainer(frozen, reference_ranges=ranges).fit(X, labs)

    def test_target_that_the_encoder_reads(self, make_classifier, X, Y, labs, ranges):
        model = FrozenEstimator(make_classifier(inputs="ecg+clinical").fit(X, Y))
        explainer = LabAbnormalityExplainer(model, reference_ranges=ranges)
        with pytest.warns(TableWarning, match="encoder uses 'potassium' of the table"):
            explainer.fit(X, labs[["potassium"]])
        with warnings.catch_warnings():
            warnings.simplefilter("error", TableWarning)
            explainer.fit(X, labs[["creatinine"]])

    def test_similar_patients_hold_no_column_of_our_readers(self, frozen, read, labs, ranges):
        explainer = LabAbnormalityExplainer(frozen, reference_ranges=ranges, keep_patients=True)
        table = explainer.fit(read, labs).similar_patients_.table_
        assert not set(READERS) & set(table.columns)

    def test_identifiers_are_not_kept(self, frozen, X, labs, ranges):
        known = X.assign(hadm_id=np.arange(len(X)), seen=pd.Timestamp("2150-01-01"))
        explainer = LabAbnormalityExplainer(frozen, reference_ranges=ranges)
        explainer.fit(known, labs)
        explainer.set_params(keep_patients=True)
        with pytest.raises(
            ECGError, match=r"'hadm_id' is an identifier.*'seen' has dtype"
        ) as error:
            explainer.fit(known, labs)
        assert "clinical_columns=" not in str(error.value)
