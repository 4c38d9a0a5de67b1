"""LabAbnormalityExplainer: fit, predict, calibrate."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.exceptions import ECGError, LeakageWarning
from ecgsk.metrics import masked_roc_auc
from ecgsk.preprocessing import LabAbnormality

pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")

LABS = ["potassium", "sodium", "creatinine", "troponin"]


@pytest.fixture(scope="module")
def labs(cohort):
    return cohort.labs[LABS]


@pytest.fixture(scope="module")
def targets(labs, ranges):
    return LabAbnormality(ranges).fit_transform(labs)


@pytest.fixture(scope="module")
def explainer(frozen, X, labs, ranges):
    return LabAbnormalityExplainer(frozen, reference_ranges=ranges).fit(X, labs)


def test_values_and_targets_give_equal_models(explainer, frozen, X, targets, labs):
    ready = LabAbnormalityExplainer(frozen).fit(X, targets)
    assert ready.label_names_ == explainer.label_names_ == list(targets)
    np.testing.assert_array_equal(ready.predict_proba(X), explainer.predict_proba(X))
    assert {"potassium low", "potassium high"} <= set(ready.label_names_)
    assert labs["potassium"].isna().any()


def test_base_rates_and_counts_are_those_of_measured_records(explainer, targets):
    np.testing.assert_allclose(explainer.base_rates_, targets.mean())
    np.testing.assert_array_equal(explainer.n_measured_, targets.notna().sum())


@pytest.mark.filterwarnings("ignore:.*no record has a value:UserWarning")
def test_unmeasured_target_has_no_base_rate(frozen, X, targets):
    y = targets.assign(**{"lactate high": np.nan})
    model = LabAbnormalityExplainer(frozen).fit(X, y)
    assert np.isnan(model.base_rates_[-1])
    assert model.n_measured_[-1] == 0
    np.testing.assert_allclose(model.predict_proba(X)[:, -1], 0.5)


def test_unmeasured_records_take_no_part_in_the_fit(frozen, X, targets):
    """One target is fitted on its measured records alone."""
    y = targets[["potassium high"]].copy()
    y.loc[::4] = np.nan
    y.loc[1::4] = 1.0
    y.loc[2::4] = 0.0
    measured = y.iloc[:, 0].notna().to_numpy()
    model = LabAbnormalityExplainer(frozen).fit(X, y)
    measured_only = LabAbnormalityExplainer(frozen).fit(X[measured], y[measured])
    np.testing.assert_array_equal(model.predict_proba(X), measured_only.predict_proba(X))
    as_normal = LabAbnormalityExplainer(frozen).fit(X, y.fillna(0))
    assert model.predict_proba(X).mean() == pytest.approx(y.mean().item(), abs=0.02)
    as_normal = as_normal.predict_proba(X).mean()
    assert as_normal == pytest.approx(y.fillna(0).mean().item(), abs=0.02)


def test_head_equals_regularised_logistic_regression(frozen, classifier, X, targets):
    y = targets[["sodium low"]].copy()
    y.iloc[:, 0] = np.arange(len(X)) % 2
    model = LabAbnormalityExplainer(frozen).fit(X, y)
    features = classifier.transform(X).astype(np.float64)
    floor = max(0.01 * np.median(features.std(axis=0)), 1e-6)
    z = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), floor)
    distances = []
    for strength in (1e-3, 3e-3, 1e-2, 3e-2, 1e-1):
        reference = LogisticRegression(C=strength, max_iter=1000).fit(z, y.iloc[:, 0])
        expected = reference.decision_function(z)
        distances.append(np.abs(model.decision_function(X)[:, 0] - expected).max())
    assert min(distances) < 1e-3


def test_signal_alone_is_enough(explainer, X):
    p = explainer.predict_proba(X[["ecg"]])
    assert p.shape == (len(X), len(explainer.label_names_))
    assert ((p > 0) & (p < 1)).all()
    np.testing.assert_array_equal(p, explainer.predict_proba(X))
    np.testing.assert_array_equal(p, explainer.predict_proba(X["ecg"].ecg.to_numpy()))


def test_penalty_is_chosen_by_patient(frozen, X, targets):
    by_column = LabAbnormalityExplainer(frozen).fit(X, targets)
    by_argument = LabAbnormalityExplainer(frozen).fit(X[["ecg"]], targets, groups=X["subject_id"])
    np.testing.assert_array_equal(by_column.coef_, by_argument.coef_)


def test_y_without_labels_is_refused(frozen, X, targets):
    with pytest.raises(ValueError, match=r"every label of every row is NaN\. Give some l"):
        LabAbnormalityExplainer(frozen).fit(X, targets * np.nan)


def test_default_encoder_is_a_pretrainer():
    model = clone(LabAbnormalityExplainer())
    assert model.encoder is None
    assert not issubclass(
        LabAbnormalityExplainer, (ECGDiagnosisClassifier, JointEmbeddingPretrainer)
    )


def test_calibration_reverses_no_ranks(fitted_explainer, calibrated_explainer, lab_sides):
    X = lab_sides["new"][0][["ecg"]].iloc[:100]
    before, after = fitted_explainer.predict_proba(X), calibrated_explainer.predict_proba(X)
    changed = np.abs(before - after).max(axis=0) > 1e-3
    np.testing.assert_array_equal(changed, calibrated_explainer.calibrator_.calibrated_)
    assert changed.any()
    in_order = np.take_along_axis(after, np.argsort(before, axis=0), axis=0)
    assert (np.diff(in_order, axis=0) >= 0).all()
    np.testing.assert_array_equal(
        calibrated_explainer.predict(X), after > calibrated_explainer.thresholds_
    )


def test_sensitivity_and_specificity_of_one_record_per_patient(copied_explainer, lab_sides):
    """With one record each, all weights are one."""
    X, labs, _ = lab_sides["held"]
    first = ~X["subject_id"].duplicated()
    again = copied_explainer.calibrate(X[first], labs[first])
    j = again.label_names_.index("creatinine high")
    value = labs.loc[first, "creatinine"]
    known, high = value.notna(), value > lab_sides["ranges"].loc["creatinine", "high"]
    called = again.predict(X[first])[:, j] == 1
    assert again.calibrator_.sensitivity_[j] == pytest.approx(called[known & high].mean())
    assert again.calibrator_.specificity_[j] == pytest.approx((~called)[known & ~high].mean())


def test_calibrating_on_training_patients_warns(copied_explainer, lab_sides):
    with pytest.warns(LeakageWarning, match="was trained on"):
        copied_explainer.calibrate(*(part.iloc[:60] for part in lab_sides["train"]))


def test_calibrate_refuses_columns_other_than_in_fit(copied_explainer, lab_sides):
    X, labs, Y = (part.iloc[:60] for part in lab_sides["held"])
    with pytest.raises(ECGError, match="expected the targets of fit"):
        copied_explainer.calibrate(X, labs[labs.columns[::-1]], Y)
    with pytest.raises(ECGError, match="classifier's labels"):
        copied_explainer.calibrate(X, labs, Y[Y.columns[::-1]])


def test_diagnoses_need_a_classifier(lab_sides):
    X, labs, Y = (part.iloc[:60] for part in lab_sides["train"])
    pretrainer = JointEmbeddingPretrainer(max_epochs=1, random_state=0, verbose=False).fit(X)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(pretrainer), reference_ranges=lab_sides["ranges"]
    )
    with pytest.raises(ECGError, match="no diagnosis head"):
        explainer.fit(X, labs, diagnoses=Y)


def test_patients_are_kept_only_on_request(explainer, X):
    assert explainer.similar_patients_ is None
    with pytest.raises(ValueError, match="keep_patients=True"):
        explainer.explain(X.iloc[:1], n_similar=1)


def test_similar_patients_show_values_or_else_targets(frozen, X, targets):
    for given, shown in ((X, False), (X.drop(columns="potassium"), True)):
        model = LabAbnormalityExplainer(frozen, keep_patients=True).fit(given, targets)
        table = model.similar_patients_.table_
        assert ("potassium" in table) is not shown
        assert ("potassium high" in table) is shown
        assert not shown or set(table["potassium high"].dropna()) <= {False, True}


def test_saved_and_loaded_explains_equally(calibrated_explainer, lab_sides, tmp_path):
    X = lab_sides["new"][0][["ecg"]].iloc[:3]
    ecgsk.save(calibrated_explainer, tmp_path / "model")
    loaded = ecgsk.load(tmp_path / "model")
    expected = calibrated_explainer.explain(X, n_similar=1)
    assert loaded.explain(X, n_similar=1).to_dict() == expected.to_dict()


def test_predictions_are_better_than_chance(calibrated_explainer, lab_sides):
    X, labs, _ = lab_sides["new"]
    targets = LabAbnormality(lab_sides["ranges"]).fit_transform(labs)
    assert masked_roc_auc(targets.to_numpy(), calibrated_explainer.predict_proba(X[["ecg"]])) > 0.55


def test_calibrate_needs_several_targets(frozen, X):
    y = (X["age"] > 60).astype(int)
    model = LabAbnormalityExplainer(frozen).fit(X, y)
    with pytest.raises(ECGError, match="Give several columns"):
        model.calibrate(X[["ecg"]], y)


def test_refit_discards_calibration(copied_explainer, lab_sides):
    copied_explainer.calibrate(*lab_sides["held"])
    X, labs, _ = (part.iloc[:100] for part in lab_sides["train"])
    copied_explainer.fit(X, labs)
    assert copied_explainer.calibrator_ is copied_explainer.diagnosis_calibrator_ is None
    assert copied_explainer.evidence_ is None
    assert set(copied_explainer.thresholds_) == {0.5}
