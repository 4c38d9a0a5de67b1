"""The classes of a saved model and their attributes."""

import ast
import inspect
import textwrap
from importlib import import_module

import pytest
from sklearn.base import BaseEstimator

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders import RandomConvolution
from ecgsk.persistence import _schema
from ecgsk.persistence._schema import check_attributes, default_parameters, find_class
from ecgsk.preprocessing import BandpassFilter
from ecgsk.training import Augmentation

# The state holds the weights in place of the net, and nothing of the process of the fit.
_NOT_IN_THE_STATE = {"_training_set", "net_"}

_OURS = [name for name in _schema._FITTED if name.startswith("ecgsk.")]


def _class(name):
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def _assigned(cls):
    """Names of the attributes that a class and its bases of ours assign or declare."""
    for base in cls.__mro__:
        if base.__module__.split(".")[0] != "ecgsk":
            continue
        yield from inspect.get_annotations(base)
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        for node in ast.walk(tree):
            is_stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            if is_stored and isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node.attr


@pytest.mark.parametrize("name", _OURS)
def test_every_assigned_attribute_is_in_the_schema(name):
    """If this fails, an attribute was added or renamed: change `_FITTED`, and the version."""
    cls = _class(name)
    in_schema = set(" ".join(_schema._FITTED[name]).split()) | _schema._ANYWHERE
    in_schema |= set(cls._get_param_names())
    assigned = {each for each in _assigned(cls) if each[0] == "_" or each[-1] == "_"}
    assert assigned - in_schema - _NOT_IN_THE_STATE == set()
    assert in_schema - assigned - _schema._ANYWHERE - {*cls._get_param_names(), "weights_"} == set()


def test_every_public_estimator_is_known():
    packages = (
        "estimators",
        "preprocessing",
        "calibration",
        "explain",
        *("encoders", "objectives"),
    )
    for package in (*packages, "training"):
        module = import_module(f"ecgsk.{package}")
        for attribute in module.__all__:
            cls = getattr(module, attribute)
            if inspect.isclass(cls) and issubclass(cls, BaseEstimator):
                assert find_class(f"ecgsk.{package}.{attribute}") is cls


def test_setting_the_state_of_a_known_class_runs_no_stored_code():
    """skorch's nets unpickle a part of theirs."""
    for name in _schema._FITTED:
        assert _class(name).__setstate__.__module__ in ("sklearn.base", "ecgsk.estimators._base")
        assert _class(name).__getstate__.__module__.split(".")[0] in ("sklearn", "ecgsk")
    for package in _schema._SPECS:
        module = import_module(package)
        for attribute in module.__all__:
            cls = find_class(f"{package}.{attribute}")
            assert cls is None or cls.__setstate__.__module__ == "sklearn.base"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (set(), None),
        ({"order"}, "lacks ['order']"),
        ({"leads_in_"}, "lacks ['_n_features_out'"),
        ({"fit"}, "has unknown attributes ['fit']"),
    ],
)
def test_attributes_are_compared_with_those_of_the_class(changed, message):
    state = set(BandpassFilter().get_params()) ^ changed
    found = check_attributes(BandpassFilter, "ecgsk.preprocessing.BandpassFilter", state)
    assert found is None if message is None else message in found


class Mine(BaseEstimator):
    def __init__(self, size=1):
        self.size = size


def test_of_a_user_s_class_the_parameters_are_known():
    assert check_attributes(Mine, "mine.Mine", {"size", "anything_"}) is None
    assert check_attributes(Mine, "mine.Mine", {"anything_"}) == "mine.Mine lacks ['size']"


def test_parameters_that_scikit_learn_adds_have_their_default():
    pipeline = find_class("sklearn.pipeline.Pipeline")
    assert default_parameters(pipeline)["memory"] is None
    assert default_parameters(BandpassFilter) == {}


def test_parameters_younger_than_a_file_have_the_value_that_predicts_as_before():
    assert default_parameters(Augmentation) == {"test_crops": 1}
    assert default_parameters(ECGDiagnosisClassifier) == {"n_models": 1, "student": None}
    assert default_parameters(RandomConvolution) == {"differences": False}
