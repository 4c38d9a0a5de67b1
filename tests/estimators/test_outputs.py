"""Probabilities from logits, and the coefficients behind them."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.exceptions import NotFittedError

from ecgsk.estimators._outputs import probabilities_from_logits

LOGITS = np.array([[-3.0, 0.0, 2.0], [1.0, 1.0, 1.0]], dtype=np.float32)


def test_multilabel_probabilities_are_sigmoids():
    P = probabilities_from_logits(LOGITS, is_binary=False, is_multilabel=True)
    np.testing.assert_array_equal(P, expit(LOGITS.astype(np.float64)))


def test_multiclass_probabilities_are_a_softmax():
    P = probabilities_from_logits(LOGITS, is_binary=False, is_multilabel=False)
    np.testing.assert_array_equal(P, softmax(LOGITS.astype(np.float64), axis=1))


def test_binary_probabilities_have_two_columns():
    P = probabilities_from_logits(LOGITS[:, :1], is_binary=True, is_multilabel=False)
    np.testing.assert_array_equal(P[:, 1], expit(LOGITS[:, 0].astype(np.float64)))
    np.testing.assert_allclose(P.sum(axis=1), 1)


@pytest.mark.parametrize("is_multilabel", [True, False])
def test_probabilities_stay_inside_zero_and_one(is_multilabel):
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    P = probabilities_from_logits(logits, is_binary=False, is_multilabel=is_multilabel)
    assert ((P > 0) & (P < 1)).all()


def test_coefficients_of_the_classifier_give_its_logits(classifier, make_classifier, X):
    embedding = classifier.transform(X).astype(np.float64)
    logits = embedding @ classifier.coef_.T + classifier.intercept_
    np.testing.assert_allclose(logits, classifier.decision_function(X), atol=1e-5)
    assert classifier.coef_.shape == (classifier.n_outputs_, embedding.shape[1])
    assert not hasattr(make_classifier(), "coef_")
    with pytest.raises(NotFittedError):
        make_classifier().predict_proba(X)


def test_coefficients_are_read_only(classifier):
    before = classifier.coef_
    classifier.coef_[:] = 0
    np.testing.assert_array_equal(classifier.coef_, before)
    with pytest.raises(AttributeError):
        classifier.coef_ = before
