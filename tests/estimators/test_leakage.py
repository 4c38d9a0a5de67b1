"""A score on patients that the pre-training saw warns; an honest one does not."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, KFold, cross_val_score, cross_validate

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.exceptions import LeakageWarning


@pytest.fixture(scope="module")
def sides(X):
    on_test = (X["subject_id"] % 2 == 0).to_numpy()
    return np.flatnonzero(~on_test), np.flatnonzero(on_test)


@pytest.fixture(scope="module")
def frozen_classifier(make_classifier, pretrainer, X, Y, sides):
    """Its pretrainer saw everybody; it was fitted on one side."""
    model = make_classifier(encoder=FrozenEstimator(pretrainer))
    return model.fit(X.iloc[sides[0]], Y.iloc[sides[0]])


def test_a_score_on_patients_of_the_pretraining(frozen_classifier, X, Y, sides):
    test = sides[1]
    n_patients = X["subject_id"].iloc[test].nunique()
    message = rf"its encoder was trained on {n_patients} of the {n_patients} patients"
    with pytest.warns(LeakageWarning, match=message):
        frozen_classifier.score(X.iloc[test], Y.iloc[test])


def test_an_honest_pretraining(make_classifier, make_pretrainer, X, Y, sides):
    train, test = sides
    pretrainer = make_pretrainer().fit(X.iloc[train])
    model = make_classifier(encoder=FrozenEstimator(pretrainer))
    model.fit(X.iloc[train], Y.iloc[train]).score(X.iloc[test], Y.iloc[test])


def test_a_pretrainer_fitted_in_each_fold(make_classifier, make_pretrainer, X, Y):
    model = make_classifier(encoder=make_pretrainer())
    groups = X["subject_id"]
    # Warnings are errors here: neither test nor training scores warn.
    scores = cross_val_score(model, X, Y, groups=groups, cv=GroupKFold(2))
    assert np.isfinite(scores).all()


def test_a_score_on_some_patients_of_training(make_classifier, X, Y):
    model = make_classifier().fit(X.iloc[:50], Y.iloc[:50])
    message = r"it was trained on \d+ of the \d+ patients that it is scored on.*patient_split"
    with pytest.warns(LeakageWarning, match=message) as caught:
        model.score(X, Y)
    assert caught[0].filename == __file__
    for rows in (slice(0, 30), slice(40, None)):
        with pytest.warns(LeakageWarning, match=message):
            model.score(X.iloc[rows], Y.iloc[rows])


def test_a_split_by_rows_is_warned_of(make_classifier, X, Y):
    with pytest.warns(LeakageWarning, match="it was trained on"):
        cross_val_score(make_classifier(), X, Y, cv=KFold(2, shuffle=True, random_state=0))


def test_a_score_of_the_training_set_itself(make_classifier, X, Y):
    make_classifier().fit(X, Y).score(X, Y)
    folds = {"groups": X["subject_id"], "cv": GroupKFold(2), "return_train_score": True}
    assert "train_score" in cross_validate(make_classifier(), X, Y, **folds)


def test_an_explainer_scored_on_patients_of_its_fit(frozen, X, cohort, sides):
    targets = (cohort.labs[["potassium"]] > 4).astype(int).set_axis(["potassium high"], axis=1)
    model = LabAbnormalityExplainer(FrozenEstimator(frozen.estimator)).fit(X, targets)
    with pytest.warns(LeakageWarning):
        model.score(X.iloc[sides[0]], targets.iloc[sides[0]])


def test_the_digest_of_the_training_set_is_not_kept(make_classifier, X, Y):
    model = make_classifier().fit(X, Y)
    assert model._training_set is not None
    assert pickle.loads(pickle.dumps(model))._training_set is None


def test_a_frozen_pretrainer_in_cross_validation(make_classifier, pretrainer, X, Y):
    model = make_classifier(encoder=FrozenEstimator(pretrainer))
    with pytest.warns(LeakageWarning):
        cross_val_score(model, X, Y, groups=X["subject_id"], cv=GroupKFold(2))


def test_an_explainer_over_a_classifier_that_saw_them(frozen_classifier, X, cohort):
    targets = (
        (cohort.labs[["potassium"]].fillna(0) > 5).astype(int).set_axis(["potassium high"], axis=1)
    )
    explainer = LabAbnormalityExplainer(FrozenEstimator(frozen_classifier)).fit(X, targets)
    with pytest.warns(LeakageWarning):
        explainer.score(X, targets)


def test_nobody_is_named(frozen_classifier, X, Y):
    anonymous = X.drop(columns="subject_id")
    frozen_classifier.score(anonymous, Y)


def test_it_is_remembered_in_a_pickle(frozen_classifier, X, Y):
    with pytest.warns(LeakageWarning):
        pickle.loads(pickle.dumps(frozen_classifier)).score(X, Y)


def test_numbers_and_text_are_the_same_patient(make_classifier, make_pretrainer, X, Y):
    pretrainer = make_pretrainer().fit(X)
    text = X.assign(subject_id=X["subject_id"].astype(str))
    model = make_classifier(encoder=FrozenEstimator(pretrainer)).fit(text, Y)
    with pytest.warns(LeakageWarning):
        model.score(text, Y)


def test_predictions_do_not_warn(frozen_classifier, X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frozen_classifier.predict_proba(X)


def test_it_is_remembered_in_a_saved_model(frozen_classifier, X, Y, tmp_path):
    loaded = ecgsk.load(ecgsk.save(frozen_classifier, tmp_path / "model"))
    with pytest.warns(LeakageWarning, match="trained on about 40 of the 40 patients"):
        loaded.score(X, Y)
