"""MultilabelCalibrator over scikit-learn's classifiers, ours and probabilities."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.calibration import (
    ConformalSets,
    MultilabelCalibrator,
    ProbabilityCalibrator,
    choose_thresholds,
)
from ecgsk.exceptions import CalibrationWarning, ECGError, LeakageWarning
from ecgsk.metrics import masked_brier_score, masked_roc_auc_scorer
from ecgsk.preprocessing import LabAbnormality, Resample


def features(X):
    """Drop the patient column."""
    return X[list("abcde")]


LINEAR = OneVsRestClassifier(LogisticRegression())


# The suite compares predict with the larger of two probabilities, and its data are small.
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")
@parametrize_with_checks([MultilabelCalibrator(LINEAR, threshold=0.5)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table():
    """Numbers, three named labels and patients: 300 to fit on, 500 held out."""
    rng = np.random.default_rng(0)
    groups = pd.Series(rng.integers(800, size=2400), name="subject_id")
    x = rng.normal(size=(2400, 5)) + rng.normal(size=(800, 5))[groups]
    Y = x[:, :3] + rng.normal(size=(2400, 3)) > 1
    X = pd.DataFrame(x, columns=list("abcde")).assign(subject_id=groups)
    return X, pd.DataFrame(Y.astype(float), columns=["one", "two", "three"]), groups >= 300


def without_patients(model):
    return make_pipeline(FunctionTransformer(features), model)


# Overconfident.
TREE = without_patients(DecisionTreeClassifier(random_state=0))


def test_equals_calibrator_thresholds_and_conformal_sets(table):
    X, Y, held_out = table
    model = clone(TREE).fit(X[~held_out], Y[~held_out])
    X, Y = X[held_out], Y[held_out]
    P = np.column_stack([p[:, 1] for p in model.predict_proba(X)])
    got = MultilabelCalibrator(model, method="beta", threshold="youden", coverage=0.8).fit(X, Y)
    assert got.estimator_ is model
    assert got.label_names_ == ["one", "two", "three"]
    calibrated = ProbabilityCalibrator("beta").fit(P, Y, X["subject_id"]).transform(P)
    np.testing.assert_array_equal(got.predict_proba(X), calibrated)
    thresholds = choose_thresholds(Y, calibrated, "youden", groups=X["subject_id"])
    np.testing.assert_array_equal(got.thresholds_, thresholds)
    np.testing.assert_array_equal(got.predict(X), calibrated > thresholds)
    sets = ConformalSets(0.8).fit(calibrated, Y, X["subject_id"])
    np.testing.assert_array_equal(got.predict_sets(X), sets.predict_sets(calibrated))
    np.testing.assert_array_equal(got.predict_sets(X, 0.9), sets.predict_sets(calibrated, 0.9))


@pytest.fixture
def probabilities(table):
    """Probabilities of the held-out records, their labels and patients."""
    X, Y, held_out = table
    model = clone(TREE).set_params(decisiontreeclassifier__max_depth=6)
    P = model.fit(X[~held_out], Y[~held_out]).predict_proba(X[held_out])
    P = pd.DataFrame(np.column_stack([p[:, 1] for p in P]), Y.index[held_out], Y.columns)
    return P, Y[held_out], X.loc[held_out, "subject_id"], (model, X[held_out])


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_calibrate_as_their_estimator_does(method, probabilities):
    P, Y, patients, (model, X) = probabilities
    expected = MultilabelCalibrator(model, method=method).fit(X, Y)
    by_frame = MultilabelCalibrator(method=method).fit(P, Y, groups=patients)
    by_array = MultilabelCalibrator(method=method).fit(
        P.to_numpy(), Y.to_numpy(), groups=patients.to_numpy()
    )
    for got, new in ((by_frame, P), (by_frame, P[P.columns[::-1]]), (by_array, P.to_numpy())):
        np.testing.assert_array_equal(got.predict_proba(new), expected.predict_proba(X))
        np.testing.assert_array_equal(got.predict(new), expected.predict(X))
        np.testing.assert_array_equal(got.predict_sets(new), expected.predict_sets(X))
        np.testing.assert_array_equal(got.sensitivity_, expected.sensitivity_)
    assert by_frame.label_names_ == list(Y)


def test_probabilities_of_two_classes(probabilities):
    P, Y, patients, _ = probabilities
    y = Y["one"].map({0.0: "no", 1.0: "yes"})
    expected = MultilabelCalibrator().fit(P[["one"]], Y[["one"]], groups=patients)
    for p in (P["one"], P[["one"]], np.column_stack([1 - P["one"], P["one"]])):
        got = MultilabelCalibrator().fit(p, y, groups=patients)
        assert got.classes_.tolist() == ["no", "yes"]
        np.testing.assert_array_equal(
            got.predict_proba(p)[:, 1:], expected.predict_proba(P[["one"]])
        )


def test_frame_of_other_probabilities_is_refused(probabilities):
    P, Y, patients, _ = probabilities
    calibrator = MultilabelCalibrator().fit(P, Y, groups=patients)
    with pytest.raises(ECGError, match="DataFrame of probabilities with the columns"):
        calibrator.predict_proba(P.rename(columns={"one": "four"}))
    with pytest.raises(ECGError, match="DataFrame of probabilities with the columns"):
        MultilabelCalibrator().fit(P[["one", "two"]], Y, groups=patients)
    with pytest.raises(ECGError, match="y to have X's row index"):
        MultilabelCalibrator().fit(P.iloc[::-1], Y, groups=patients)


def test_sensitivity_and_specificity_weigh_patients_equally(probabilities):
    P, Y, patients, _ = probabilities
    calibrator = MultilabelCalibrator(threshold="youden").fit(P, Y, groups=patients)
    predicted = pd.DataFrame(calibrator.predict(P), P.index, P.columns)
    for value, rates in ((1, calibrator.sensitivity_), (0, calibrator.specificity_)):
        for name, rate in zip(Y, rates, strict=True):
            right = (predicted[name] == value)[Y[name] == value]
            assert rate == pytest.approx(right.groupby(patients).mean().mean())


@pytest.mark.parametrize("threshold", ["f1", 0.3])
def test_label_of_too_few_patients_is_not_calibrated(threshold, probabilities):
    P, Y, patients, _ = probabilities
    positive = patients[Y["two"] == 1].unique()
    Y = Y.assign(two=Y["two"].where(~patients.isin(positive[9:])))
    with pytest.warns(CalibrationWarning, match=r"does not calibrate 1 of 3 labels, .*: two\."):
        calibrator = MultilabelCalibrator(threshold=threshold).fit(P, Y, groups=patients)
    assert calibrator.calibrated_.tolist() == [True, False, True]
    np.testing.assert_array_equal(calibrator.predict_proba(P)[:, 1], P["two"])
    assert calibrator.thresholds_[1] == 0.5
    assert np.isnan([calibrator.sensitivity_[1], calibrator.specificity_[1]]).all()
    # Conformal sets of nine patients would leave out answers at this coverage.
    sets = calibrator.predict_sets(P, coverage=0.5)
    assert not calibrator.conformal_.predict_sets(P, 0.5)[:, 1].all()
    assert sets[:, 1].all()
    assert not sets[:, 0].all()
    alone = MultilabelCalibrator(threshold=threshold).fit(
        P[["one", "three"]], Y[["one", "three"]], groups=patients
    )
    np.testing.assert_array_equal(alone.thresholds_, calibrator.thresholds_[[0, 2]])


@pytest.mark.parametrize("method", ["sigmoid", "beta", "isotonic"])
def test_calibration_never_shrinks_sets(method, probabilities):
    """Strictly rising maps change none; flat parts enlarge them."""
    P, Y, patients, _ = probabilities
    calibrator = MultilabelCalibrator(method=method).fit(P, Y, groups=patients)
    uncalibrated = ConformalSets(0.9).fit(P, Y, patients).predict_sets(P)
    sets = calibrator.predict_sets(P)
    assert (sets >= uncalibrated).all()
    assert (sets == uncalibrated).all() == (method != "isotonic")


def test_label_that_probabilities_do_not_rank_is_undecided(probabilities):
    """Reversed labels: the calibrated probabilities are constant."""
    P, Y, patients, _ = probabilities
    calibrator = MultilabelCalibrator().fit(P, 1 - Y, groups=patients)
    assert np.ptp(calibrator.predict_proba(P), axis=0).max() < 0.01
    assert calibrator.predict_sets(P).all()
    assert not ConformalSets(0.9).fit(P, 1 - Y, patients).predict_sets(P).all()


def test_unfitted_estimator_is_fitted_and_calibrated_on_disjoint_patients(table):
    X, Y, held_out = table
    seen = {}

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen["patients"] = set(X["subject_id"])
            return super().fit(features(X), y)

        def predict_proba(self, X):
            return super().predict_proba(features(X))

    y = Y["one"]
    spied = MultilabelCalibrator(Spy(), calibration_size=0.4, random_state=0).fit(X, y)
    n_patients = X["subject_id"].nunique()
    assert len(seen["patients"]) == pytest.approx(0.6 * n_patients, rel=0.1)
    calibrating = X["subject_id"].isin(set(X["subject_id"]) - seen["patients"])
    again = MultilabelCalibrator(FrozenEstimator(spied.estimator_)).fit(
        X[calibrating], y[calibrating]
    )
    np.testing.assert_array_equal(again.predict_proba(X), spied.predict_proba(X))

    alone = clone(TREE).fit(X[~held_out], Y[~held_out])
    calibrated = MultilabelCalibrator(TREE, random_state=0).fit(X[~held_out], Y[~held_out])
    P = np.column_stack([p[:, 1] for p in alone.predict_proba(X[held_out])])
    after = masked_brier_score(Y[held_out], calibrated.predict_proba(X[held_out]))
    assert after < masked_brier_score(Y[held_out], P)


def test_two_named_classes(table):
    X, Y, _ = table
    y = Y["one"].map({0.0: "no", 1.0: "yes"})
    model = MultilabelCalibrator(without_patients(LogisticRegression()), random_state=0).fit(X, y)
    assert model.classes_.tolist() == ["no", "yes"]
    P = model.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert ((model.predict(X) == "yes") == (P[:, 1] > model.thresholds_[0])).all()
    assert model.predict_sets(X).shape == (len(X), 1, 2)
    assert model.score(X, y) > 0.7


def test_columns_of_a_frame_are_found_by_name(classifier, X, Y):
    X = X[["ecg"]]  # the classifier has seen the patients
    with pytest.warns(CalibrationWarning):
        model, turned = (
            MultilabelCalibrator(classifier, threshold=0.5).fit(X, y)
            for y in (Y, Y[Y.columns[::-1]])
        )
    assert turned.label_names_ == classifier.label_names_
    np.testing.assert_array_equal(turned.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ECGError, match="labels that its estimator was fitted on"):
        model.fit(X, Y.iloc[:, 1:])
    with pytest.raises(ECGError, match="labels that its estimator was fitted on"):
        model.fit(X, Y.iloc[:, 1:].to_numpy())


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
@pytest.mark.parametrize("routing", [False, True])
def test_patients_from_column_equal_patients_from_groups(routing, make_classifier, X, Y):
    patients = X["subject_id"]
    with sklearn.config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        model = MultilabelCalibrator(make_classifier(), calibration_size=0.5, random_state=0)
        by_column = make_pipeline(Resample(50), clone(model)).fit(X, Y)[-1]
        X = X[["ecg"]]
        if routing:
            by_groups = make_pipeline(Resample(50), clone(model)).fit(X, Y, groups=patients)[-1]
        else:
            by_groups = clone(model).fit(Resample(50).fit_transform(X), Y, groups=patients)
        results = cross_validate(
            model,
            X,
            Y,
            cv=GroupKFold(2),
            scoring=masked_roc_auc_scorer,
            error_score="raise",
            **({"params": {"groups": patients}} if routing else {"groups": patients}),
        )
    assert np.isfinite(results["test_score"]).all()
    np.testing.assert_array_equal(
        by_column.conformal_.n_patients_, by_groups.conformal_.n_patients_
    )
    assert by_groups.estimator_.patients_seen_.n_patients < patients.nunique()


def test_grid_search_over_nested_parameters(table):
    X, Y, _ = table
    search = GridSearchCV(
        MultilabelCalibrator(without_patients(LINEAR), random_state=0),
        {
            "estimator__onevsrestclassifier__estimator__C": [1e-4, 1.0],
            "threshold": ["youden", ("ppv", 0.5)],
        },
        cv=GroupKFold(2),
        scoring=masked_roc_auc_scorer,
        error_score="raise",
    ).fit(X, Y, groups=X["subject_id"])
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copy.predict_sets(X), search.best_estimator_.predict_sets(X))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_saved_and_loaded_predicts_equally(
    method, classifier, make_classifier, cohort, X, Y, tmp_path
):
    targets = LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs)
    labs = LabAbnormalityExplainer(FrozenEstimator(classifier)).fit(X, targets)
    X = X[["ecg"]]  # they have seen the patients
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        for name, model, y in (
            ("pipeline", make_pipeline(Resample(50), make_classifier()), Y),
            ("labs", FrozenEstimator(labs), targets),
        ):
            model = MultilabelCalibrator(model, method=method, random_state=0).fit(X, y)
            ecgsk.save(model, tmp_path / name)
            loaded = ecgsk.load(tmp_path / name)
            np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
            np.testing.assert_array_equal(loaded.predict_sets(X), model.predict_sets(X))
            np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
            assert loaded.label_names_ == model.label_names_


def test_invalid_input(table):
    X, Y, _ = table
    with pytest.raises(ECGError, match="at least two patients"):
        MultilabelCalibrator(LINEAR).fit(X.assign(subject_id=1), Y)
    with pytest.raises(ECGError, match="a patient for each record"):
        MultilabelCalibrator(LINEAR).fit(features(X), Y, groups=[None, *["one"] * (len(X) - 1)])
    fitted = LogisticRegression().fit(features(X), Y["one"])
    with pytest.raises(
        ECGError, match=r"expected the classes .* \[0.0, 1.0\]; got \['no', 'yes'\]"
    ):
        MultilabelCalibrator(fitted).fit(features(X), np.where(Y["one"] == 1, "yes", "no"))
    with pytest.raises(ECGError, match="Only binary classification"):
        MultilabelCalibrator(LogisticRegression()).fit(X, Y.sum(axis=1))
    for wrong in ({"coverage": 2}, {"method": "platt"}, {"threshold": "roc"}):
        with pytest.raises(ECGError, match="MultilabelCalibrator expected"):
            MultilabelCalibrator(None, **wrong).fit(X, Y)  # raised before anything is fitted


@pytest.mark.parametrize("wrap", [lambda model: model, FrozenEstimator, make_pipeline])
def test_training_patients_raise_leakage_warning(wrap, make_classifier, X, Y):
    """From a column of X or from groups; other patients raise none."""
    trained = (X["subject_id"] % 2 == 0).to_numpy()
    model = wrap(make_classifier().fit(X[trained], Y[trained]))
    calibrator = MultilabelCalibrator(model, threshold=0.5)
    n_seen, n = X["subject_id"][trained].nunique(), X["subject_id"].nunique()
    signals, patients = X[["ecg"]], X["subject_id"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calibrator.fit(X, Y)
        calibrator.fit(signals, Y, groups=patients)
        calibrator.fit(X[~trained], Y[~trained])
        calibrator.fit(signals, Y)  # no patients are named
    leaks = [str(w.message) for w in caught if w.category is LeakageWarning]
    assert leaks == [leaks[0]] * 2
    assert f"was trained on {n_seen} of the {n} calibration patients" in leaks[0]
