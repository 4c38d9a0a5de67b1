"""Encoders of the explainer: frozen models and pretrainers."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from ecgsk import LabAbnormalityExplainer
from ecgsk.preprocessing import LabAbnormality


@pytest.fixture(scope="module")
def targets(cohort, ranges):
    return LabAbnormality(ranges).fit_transform(cohort.labs[["potassium", "sodium"]])


def test_frozen_models_are_used_as_they_are(
    classifier, pretrainer, X, targets, copy_weights, assert_same_weights
):
    for model in (classifier, pretrainer):
        before = copy_weights(model)
        explainer = LabAbnormalityExplainer(FrozenEstimator(model)).fit(X, targets)
        assert explainer.encoder_ is model
        assert_same_weights(before, model)


def test_bare_pretrainer_is_cloned_and_fitted(
    make_pretrainer, X, targets, pretrainer, assert_same_weights
):
    half = X.iloc[: len(X) // 2]
    for bare in (make_pretrainer(), make_pretrainer().fit(half)):
        model = LabAbnormalityExplainer(bare).fit(X, targets)
        assert model.encoder_ is not bare
        assert_same_weights(model.encoder_, pretrainer)


def test_random_state_seeds_a_pretrainer_without_seed(make_pretrainer, X, targets):
    bare = make_pretrainer(random_state=None)
    one, same, other = (
        LabAbnormalityExplainer(bare, random_state=s).fit(X, targets).predict_proba(X)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert bare.random_state is None


def test_unfitted_classifier_is_refused(make_classifier, X, targets):
    message = (
        r"LabAbnormalityExplainer expected a fitted ECGDiagnosisClassifier .* "
        r"Fit it first, then wrap it: FrozenEstimator\(classifier\)"
    )
    with pytest.raises(NotFittedError, match=message):
        LabAbnormalityExplainer(make_classifier()).fit(X, targets)
    with pytest.raises(NotFittedError, match=message):
        LabAbnormalityExplainer(FrozenEstimator(make_classifier())).fit(X, targets)


def test_bare_fitted_classifier_is_refused(classifier, X, targets):
    message = r"got a bare fitted ECGDiagnosisClassifier .* Wrap it: FrozenEstimator\(classifier\)"
    with pytest.raises(TypeError, match=message):
        LabAbnormalityExplainer(classifier).fit(X, targets)


def test_cross_validation_keeps_a_frozen_classifier(frozen, X, targets):
    P = cross_val_predict(
        LabAbnormalityExplainer(frozen), X, targets.fillna(0), cv=2, method="predict_proba"
    )
    assert P.shape == targets.shape


def test_targets_are_checked_before_a_pretrainer_is_fitted(make_pretrainer, X, targets):
    class Never(type(make_pretrainer())):
        def fit(self, *args, **kwargs):
            raise AssertionError("fitted")

    explainer = LabAbnormalityExplainer(Never())
    with pytest.raises(ValueError, match="labels of 0, 1 or NaN"):
        explainer.fit(X, targets * 2)
    with pytest.raises(ValueError, match="has no diagnosis head"):
        explainer.fit(X, targets, diagnoses=targets)


@pytest.mark.parametrize(
    "wrong", ["resnet18", StandardScaler(), FrozenEstimator(StandardScaler().fit([[0.0], [1.0]]))]
)
def test_wrong_encoder(X, targets, wrong):
    message = r"LabAbnormalityExplainer expected encoder to be a JointEmbeddingPretrainer or a Froz"
    with pytest.raises(TypeError, match=message):
        LabAbnormalityExplainer(wrong).fit(X, targets)
