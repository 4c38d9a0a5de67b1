"""Missing records: left out of training, calibration and scores, with a count; NaN predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.deployment import predict_records
from ecgsk.encoders import ResNet1d
from ecgsk.exceptions import SignalQualityError, SignalQualityWarning
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.preprocessing import QualityGate, Resample, SelectLeads
from ecgsk.signals import ECGArray

BAD = [3, 17, 30]
GOOD = np.setdiff1d(np.arange(40), BAD)
QUICK = {"max_epochs": 1, "random_state": 0, "verbose": 0, "device": "cpu"}


def classifier(**parameters):
    return ECGDiagnosisClassifier(ResNet1d(10, width=4), **QUICK, **parameters)


@pytest.fixture(scope="module")
def X():  # noqa: N802
    x = np.random.default_rng(0).normal(scale=0.3, size=(40, 2, 400)).astype(np.float32)
    x[BAD] = 0.1  # flat
    ecg = ECGArray.from_numpy(x, leads=["I", "II"], sampling_rate=100)
    return pd.DataFrame({"ecg": ecg, "subject_id": np.arange(40) // 2})


@pytest.fixture(scope="module")
def Y():  # noqa: N802
    values = np.random.default_rng(1).integers(0, 2, (40, 2)).astype(float)
    return pd.DataFrame(values, columns=["AF", "MI"])


@pytest.fixture(scope="module")
def gated(X):
    with pytest.warns(SignalQualityWarning, match="3 of 40 records"):
        return QualityGate().fit_transform(X)


@pytest.fixture(scope="module")
def fitted(gated, Y):
    with pytest.warns(SignalQualityWarning, match="3 of 40 records are missing and left out of"):
        return classifier().fit(gated, Y)


def test_a_fit_is_that_without_the_missing_records(fitted, X, Y):
    alone = classifier().fit(X.iloc[GOOD], Y.iloc[GOOD])
    P = alone.predict_proba(X.iloc[GOOD])
    np.testing.assert_array_equal(fitted.predict_proba(X.iloc[GOOD]), P)


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
def test_a_pretraining_is_that_without_the_missing_records(gated, X):
    make = lambda: JointEmbeddingPretrainer(ResNet1d(10, width=4), **QUICK)  # noqa: E731
    expected = make().fit(X.iloc[GOOD]).transform(X.iloc[GOOD])
    found = make().fit(gated).transform(gated)
    np.testing.assert_array_equal(found[GOOD], expected)
    assert np.isnan(found[BAD]).all()


def test_missing_records_are_nan_and_others_as_without_them(fitted, gated, X):
    message = r"3 of 40 records are missing and not predicted: NaN \(rows 3, 17, 30\)"
    for method in ("predict_proba", "decision_function", "predict", "transform"):
        with pytest.warns(SignalQualityWarning, match=message):
            found = getattr(fitted, method)(gated)
        expected = getattr(fitted, method)(X.iloc[GOOD])
        assert np.isnan(found[BAD]).all()
        np.testing.assert_allclose(found[GOOD], expected, rtol=0, atol=1e-6)
    assert fitted.predict(X.iloc[GOOD]).dtype.kind == "i"


def test_a_missing_record_alone_is_nan(fitted, gated):
    with pytest.warns(SignalQualityWarning, match="1 of 1 records"):
        assert np.isnan(fitted.predict_proba(gated.iloc[[3]])).all()


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
@pytest.mark.parametrize("classes", [[0, 1], ["ill", "well"], [2, 5, 9]])
def test_classes_of_one_column_have_no_class_for_missing_records(gated, classes):
    y = np.array(classes)[np.arange(40) % len(classes)]
    predicted = classifier().fit(gated, y).predict(gated)
    assert pd.isna(predicted[BAD]).all()
    assert set(predicted[GOOD]) <= set(classes)


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.LeakageWarning")
def test_a_score_leaves_missing_records_out(fitted, gated, X, Y):
    with pytest.warns(SignalQualityWarning, match="3 of 40 records are missing and left out"):
        found = fitted.score(gated, Y)
    assert found == fitted.score(X.iloc[GOOD], Y.iloc[GOOD])
    with pytest.warns(SignalQualityWarning) as warned:
        found = masked_roc_auc_scorer(fitted, gated, Y)
    assert "left out of the score" in str(warned[-1].message)
    assert found == pytest.approx(masked_roc_auc_scorer(fitted, X.iloc[GOOD], Y.iloc[GOOD]))


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
def test_a_gate_cross_validates_by_patient_as_the_first_step(X, Y):
    model = make_pipeline(QualityGate(), Resample(50), classifier())
    found = cross_validate(
        model, X, Y, groups=X["subject_id"], cv=GroupKFold(2), scoring=masked_roc_auc_scorer
    )
    assert np.isfinite(found["test_score"]).all()


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
def test_predict_records_states_the_reason_of_the_gate(X, Y):
    x = X["ecg"].ecg.to_numpy()[GOOD]
    x[4, :, :250] = np.nan  # usable, but not for the gate
    ecg = ECGArray.from_numpy(x, leads=["I", "II"], sampling_rate=100)
    model = make_pipeline(QualityGate(), Resample(50), classifier()).fit(X, Y)
    with pytest.warns(SignalQualityWarning, match="1 of 37 records are not predicted"):
        frame = predict_records(model, pd.DataFrame({"ecg": ecg}), progress=False)
    assert np.flatnonzero(~frame["usable"]).tolist() == [4]
    assert frame["reason"][4] == "every lead partly NaN"
    columns = [name for name in frame if "/" in name]
    assert frame[columns].iloc[4].isna().all()
    assert frame[columns].drop(index=4).notna().all(axis=None)


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
def test_predict_records_states_which_leads_are_masked(X, Y):
    model = make_pipeline(SelectLeads(["I", "II"], missing="mask"), classifier())
    model.fit(X.iloc[GOOD], Y.iloc[GOOD])
    few = SelectLeads(["II"]).fit_transform(X[["ecg"]].iloc[GOOD])
    frame = predict_records(model, few, progress=False)
    assert set(frame["quality"]) == {"lead I absent and masked"}
    np.testing.assert_allclose(
        frame[["probability/AF", "probability/MI"]], model.predict_proba(few), atol=1e-6
    )
    assert (predict_records(model, X.iloc[GOOD], progress=False)["quality"] == "").all()


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.LeakageWarning")
def test_a_calibrator_leaves_missing_records_out(fitted, gated, X, Y):
    frozen = FrozenEstimator(fitted)
    expected = MultilabelCalibrator(frozen, threshold=0.5)
    expected.fit(X.iloc[GOOD], Y.iloc[GOOD])
    with pytest.warns() as warned:
        found = MultilabelCalibrator(frozen, threshold=0.5).fit(gated, Y)
    assert any("left out of the calibration" in str(warning.message) for warning in warned)
    P = found.predict_proba(gated)
    assert np.isnan(P[BAD]).all()
    np.testing.assert_allclose(P[GOOD], expected.predict_proba(X.iloc[GOOD]))
    assert np.isnan(found.predict(gated)[BAD]).all()
    assert found.predict_sets(gated)[BAD].all()


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
def test_laboratory_findings_of_missing_records_are_nan(gated, X):
    y = pd.DataFrame({"potassium high": np.arange(40) % 2.0, "sodium low": np.arange(40) % 3 == 0})
    make = lambda: LabAbnormalityExplainer(  # noqa: E731
        JointEmbeddingPretrainer(ResNet1d(10, width=4), max_epochs=1),
        **{k: v for k, v in QUICK.items() if k != "max_epochs"},
    )
    found, expected = make().fit(gated, y), make().fit(X.iloc[GOOD], y.iloc[GOOD])
    np.testing.assert_array_equal(
        found.predict_proba(X.iloc[GOOD]), expected.predict_proba(X.iloc[GOOD])
    )
    assert np.isnan(found.predict_proba(gated)[BAD]).all()
    with pytest.raises(SignalQualityError, match=r"3 of 40 are missing, such as row 3"):
        found.explain(gated)


def test_a_fit_without_any_record_is_refused(gated, Y):
    with pytest.raises(SignalQualityError, match="at least one record, got 3 that are all missing"):
        classifier().fit(gated.iloc[BAD], Y.iloc[BAD])
