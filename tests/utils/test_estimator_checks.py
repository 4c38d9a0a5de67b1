"""Estimator checks pass for our estimators and fail for broken ones."""

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


def test_tested_estimators_holds_every_public_estimator():
    public = {
        name
        for package in (ecgsk, ecgsk.preprocessing)
        for name in package.__all__
        if inspect.isclass(cls := getattr(package, name)) and issubclass(cls, BaseEstimator)
    }
    assert public == {type(estimator).__name__ for estimator in tested_estimators()}


def test_checks_holds_every_check():
    defined = {name for name in vars(estimator_checks) if re.match(r"check_(?!ecg|milli)", name)}
    assert {check.__name__ for check in CHECKS} == defined


class _Broken(JointEmbeddingPretrainer):
    """An estimator whose output a function changes."""

    def transform(self, X):
        return self.spoil(np.array(super().transform(X)), X)


def broken(spoil):
    kind = type("Broken", (_Broken,), {"spoil": staticmethod(spoil)})
    return kind(ResNet1d(10, width=4), max_epochs=1, verbose=False, device="cpu")


def depends_on_table(output, X):
    return output + ("age" in X)


def depends_on_other_records(output, X):
    return output - output.mean(axis=0)


def depends_on_chance(output, X):
    return output + np.random.default_rng().normal(size=output.shape)


def changes_global_generator(output, X):
    np.random.rand()  # noqa: NPY002
    return output


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (depends_on_table, "differs without its table|differs as a plain array"),
        (depends_on_other_records, "A record differs"),
        (depends_on_chance, "A record differs"),
        (changes_global_generator, "changes NumPy's global generator"),
    ],
)
def test_check_fails_for_broken_estimator(spoil, message):
    with pytest.raises(AssertionError, match=message):
        check_ecg_estimator(broken(spoil))


def test_an_estimator_is_not_changed():
    estimator = ECGDiagnosisClassifier(
        ResNet1d(10, width=4), max_epochs=1, verbose=False, device="cpu"
    )
    before = estimator.get_params()
    check_ecg_estimator(estimator)
    assert estimator.get_params() == before
    assert not hasattr(estimator, "net_")
