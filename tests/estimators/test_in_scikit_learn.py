"""Estimators inside pipelines, cross-validation and grid searches."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from ecgsk import LabAbnormalityExplainer
from ecgsk.encoders import ResNet1d
from ecgsk.estimators._pretraining import pretrain
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import Resample, SelectLeads
from ecgsk.training import Trainer


def macro_auroc(model, X, Y):
    return masked_roc_auc(Y, model.predict_proba(X))


def test_grid_search_over_encoders_in_a_pipeline_with_patients(
    make_classifier, make_pretrainer, X, Y
):
    pipeline = make_pipeline(Resample(50), make_classifier(encoder=make_pretrainer()))
    grid = {"ecgdiagnosisclassifier__encoder__encoder": [ResNet1d(10, width=2), "resnet10"]}
    search = GridSearchCV(
        pipeline,
        grid,
        cv=MultilabelGroupKFold(2),
        scoring=macro_auroc,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(X, Y, groups=X["subject_id"])
    assert len(search.cv_results_["mean_test_score"]) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    model = search.best_estimator_[-1]
    assert model.sampling_rate_ == 50
    assert model.shape_ == (12, 500)
    np.testing.assert_array_equal(
        search.predict_proba(X[["ecg"]]), search.best_estimator_.predict_proba(X)
    )


def test_pipeline_tells_the_rate_it_was_fitted_on(make_classifier, X, Y):
    pipeline = make_pipeline(SelectLeads(["I", "II", "V1"]), make_classifier()).fit(X, Y)
    assert pipeline[-1].leads_ == ("I", "II", "V1")
    assert pipeline.predict_proba(X).shape == Y.shape
    with pytest.raises(ValueError, match=r"was fitted on 3 leads \(I, II, V1\); got 12"):
        pipeline[-1].predict_proba(X)


def test_cross_val_predict_gives_each_patient_a_model_that_never_saw_them(make_classifier, X, Y):
    cv = GroupKFold(3)
    p = cross_val_predict(
        make_classifier(), X, Y, groups=X["subject_id"], cv=cv, method="predict_proba"
    )
    assert p.shape == Y.shape
    train, test = next(cv.split(X, Y, X["subject_id"]))
    fold = make_classifier().fit(X.iloc[train], Y.iloc[train])
    np.testing.assert_allclose(p[test], fold.predict_proba(X.iloc[test]), atol=1e-6)


def test_cross_val_predict_does_not_take_missing_for_a_class(make_classifier, X, partly_labelled):
    """scikit-learn numbers the values of each column there, NaN as the third: told, not learned."""
    with pytest.raises(ValueError, match=r"labels of 0, 1 or NaN \(not known\), got \[2.0\]"):
        cross_val_predict(
            make_classifier(),
            X,
            partly_labelled,
            groups=X["subject_id"],
            cv=GroupKFold(2),
            method="predict_proba",
        )


def test_cross_val_score_of_two_classes(make_classifier, X):
    scores = cross_val_score(
        make_classifier(),
        X,
        (X["age"] > 60).astype(int),
        groups=X["subject_id"],
        cv=GroupKFold(2),
        scoring="roc_auc",
    )
    assert np.isfinite(scores).all()


def test_a_bare_pretrainer_is_fitted_in_every_fold(make_classifier, make_pretrainer, X, Y):
    cv = GroupKFold(2)
    model = make_classifier(encoder=make_pretrainer())
    p = cross_val_predict(model, X, Y, groups=X["subject_id"], cv=cv, method="predict_proba")
    train, test = next(cv.split(X, Y, X["subject_id"]))
    stage_one = make_pretrainer().fit(X.iloc[train])
    by_hand = make_classifier(encoder=FrozenEstimator(stage_one)).fit(X.iloc[train], Y.iloc[train])
    np.testing.assert_allclose(p[test], by_hand.predict_proba(X.iloc[test]), atol=1e-6)


def test_pretrainer_is_a_transformer_before_any_classifier(make_pretrainer, X):
    y = (X["age"] > 60).astype(int)
    pipeline = make_pipeline(make_pretrainer(), LogisticRegression(max_iter=500)).fit(X, y)
    assert pipeline.score(X, y) > 0.5
    assert len(pipeline[:-1].get_feature_names_out()) == 64


def test_clones_are_unfitted_and_equal(classifier, pretrainer, cohort):
    explainer = LabAbnormalityExplainer(FrozenEstimator(classifier))
    for estimator in (classifier, pretrainer, explainer):
        copy = clone(estimator)
        assert repr(copy) == repr(estimator)
        assert not [name for name in vars(copy) if name.endswith("_")]


def test_row_labels_play_no_part(make_classifier, classifier, X, Y):
    named = X.set_axis([f"ecg {i}" for i in range(len(X))])
    model = make_classifier().fit(named, Y.set_axis(named.index))
    np.testing.assert_array_equal(model.predict_proba(named), classifier.predict_proba(X))


def test_ecg_column_may_have_any_name_and_place(classifier, X):
    renamed = X.rename(columns={"ecg": "trace"})[["age", "trace"]]
    np.testing.assert_array_equal(classifier.predict_proba(renamed), classifier.predict_proba(X))


def test_explainer_in_cross_validation(classifier, X, cohort):
    high = {
        f"{name} high": (cohort.labs[name] > cohort.labs[name].median()).astype(float)
        for name in ("potassium", "creatinine")
    }
    targets = pd.DataFrame(high)
    p = cross_val_predict(
        LabAbnormalityExplainer(FrozenEstimator(classifier)),
        X,
        targets,
        groups=X["subject_id"],
        cv=GroupKFold(2),
        method="predict_proba",
    )
    assert p.shape == (len(X), 2)


@pytest.mark.parametrize(("frozen", "n_pretrainings"), [(False, 13), (True, 0)])
def test_pretrainings_of_a_grid(
    make_classifier, make_pretrainer, pretrainer, X, Y, monkeypatch, frozen, n_pretrainings
):
    """2 x 2 settings over 3 folds, and the refit: as docs/guide/model_selection.md has it."""
    fitted = []

    def count(*args):
        fitted.append(args)
        return pretrain(*args)

    monkeypatch.setattr("ecgsk.estimators._engine.pretrain", count)
    encoder = FrozenEstimator(pretrainer) if frozen else make_pretrainer()
    grid = {"dropout": [0.1, 0.2], "trainer__weight_decay": [0.0, 0.1]}
    cv = MultilabelGroupKFold(3)
    model = make_classifier(encoder=encoder, trainer=Trainer())
    search = GridSearchCV(model, grid, scoring=macro_auroc, cv=cv)
    search.fit(X, Y, groups=X["subject_id"])
    assert len(fitted) == n_pretrainings
