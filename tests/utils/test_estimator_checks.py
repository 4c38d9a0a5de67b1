"""Both suites of checks over one list; and checks that notice what they are for."""

import inspect
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

import ecgsk
import ecgsk.preprocessing
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.encoders import ResNet1d
from ecgsk.utils import estimator_checks
from ecgsk.utils.estimator_checks import (
    CHECKS,
    check_ecg_estimator,
    parametrize_with_ecg_checks,
    tested_estimators,
)


@parametrize_with_checks(tested_estimators())
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@parametrize_with_ecg_checks(tested_estimators(learning=True))
def test_ecg_checks(estimator, check):
    check(estimator)


def test_every_public_estimator_is_in_the_list():
    public = {
        name
        for package in (ecgsk, ecgsk.preprocessing)
        for name in package.__all__
        if inspect.isclass(cls := getattr(package, name)) and issubclass(cls, BaseEstimator)
    }
    assert public == {type(estimator).__name__ for estimator in tested_estimators()}


def test_every_check_is_run():
    written = {name for name in vars(estimator_checks) if re.match(r"check_(?!ecg|milli)", name)}
    assert {check.__name__ for check in CHECKS} == written


class _Careless(JointEmbeddingPretrainer):
    """An estimator that may be told which promise to break."""

    def transform(self, X):
        return self.spoil(np.array(super().transform(X)), X)


def careless(spoil):
    kind = type("Careless", (_Careless,), {"spoil": staticmethod(spoil)})
    return kind(ResNet1d(10, width=4), max_epochs=1, verbose=False, device="cpu")


def looks_at_the_table(output, X):
    return output + ("age" in X)


def scales_by_the_batch(output, X):
    return output - output.mean(axis=0)


def is_random(output, X):
    return output + np.random.default_rng().normal(size=output.shape)


def moves_the_global_generator(output, X):
    np.random.rand()  # noqa: NPY002
    return output


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (looks_at_the_table, "differs without its table|differs as a plain array"),
        (scales_by_the_batch, "A record differs"),
        (is_random, "A record differs"),
        (moves_the_global_generator, "moves NumPy's global generator"),
    ],
)
def test_a_broken_promise_is_noticed(spoil, message):
    with pytest.raises(AssertionError, match=message):
        check_ecg_estimator(careless(spoil))


def test_an_estimator_is_not_changed():
    estimator = ECGDiagnosisClassifier(
        ResNet1d(10, width=4), max_epochs=1, verbose=False, device="cpu"
    )
    before = estimator.get_params()
    check_ecg_estimator(estimator)
    assert estimator.get_params() == before
    assert not hasattr(estimator, "net_")
