"""Every public estimator comes back as it was: parameters, fitted attributes, outputs."""

import inspect
import math
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.encoders import (
    S4,
    ClinicalMLP,
    InceptionTime,
    Net1D,
    PretrainedEncoder,
    RandomConvolution,
    RecordScaled,
    ResNet1d,
    ViT1d,
    XResNet1d,
)
from ecgsk.exceptions import ECGError
from ecgsk.objectives import (
    BarlowTwins,
    ECGContrast,
    InfoNCE,
    ObjectiveSum,
    SigLIP,
    SIGReg,
    TablePrediction,
    VICReg,
)
from ecgsk.preprocessing import (
    BandpassFilter,
    ClinicalScaler,
    LabAbnormality,
    Resample,
    SelectLeads,
)
from ecgsk.training import Augmentation, Trainer
from ecgsk.training.net import ECGNet

_QUICK = {"max_epochs": 1, "random_state": 0, "verbose": False, "device": "cpu"}
_TINY = ResNet1d(10, width=4)
_RANGES = {"potassium": (3.5, 5.1), "troponin": (None, 14.0)}

# Each with what it is fitted on, of X, Y and labs, and the method whose output is compared.
_ESTIMATORS = [
    (JointEmbeddingPretrainer(_TINY, objective=InfoNCE(temperature=0.2), **_QUICK), "X", ""),
    (JointEmbeddingPretrainer(_TINY, objective=TablePrediction(), **_QUICK), "X", ""),
    (
        JointEmbeddingPretrainer(
            _TINY,
            objective=ObjectiveSum(
                ObjectiveSum(SigLIP(), VICReg()), ObjectiveSum(BarlowTwins(), SIGReg(), weight=0.5)
            ),
            **_QUICK,
        ),
        "X",
        "",
    ),
    (
        JointEmbeddingPretrainer(
            _TINY, objective=ECGContrast(), augmentation=Augmentation(crop=0.3), **_QUICK
        ),
        "X",
        "",
    ),
    (ECGDiagnosisClassifier("resnet10", clinical_columns=("age", "sex"), **_QUICK), "XY", "proba"),
    (
        ECGDiagnosisClassifier(
            _TINY,
            inputs="ecg+clinical",
            clinical_encoder=ClinicalMLP(hidden_size=8, n_features=4),
            early_stopping=True,
            trainer=Trainer(n_iter_no_change=3),
            **_QUICK,
        ),
        "XY",
        "proba",
    ),
    (
        ECGDiagnosisClassifier(
            JointEmbeddingPretrainer(_TINY, **_QUICK), fine_tune="probe_then_full", **_QUICK
        ),
        "XY",
        "proba",
    ),
    (
        LabAbnormalityExplainer(
            JointEmbeddingPretrainer(_TINY, **_QUICK),
            reference_ranges=pd.DataFrame(
                {"low": [3.5, math.nan], "high": [5.1, 14.0], "unit": ["mmol/L", None]},
                index=["potassium", "troponin"],
            ),
        ),
        "Xlabs",
        "proba",
    ),
    *(
        (ECGDiagnosisClassifier(encoder, **_QUICK), "XY", "proba")
        for encoder in (
            XResNet1d(18, width=8),
            InceptionTime(3, width=8),
            Net1D(width=16),
            RandomConvolution(500),
            RecordScaled(_TINY),
            S4(2, width=8),
            ViT1d(1, width=8, n_heads=2),
        )
    ),
    (BandpassFilter(None, 30.0, order=2), "X", ""),
    (Resample(50), "X", ""),
    (SelectLeads(["V1", "II"]), "X", ""),
    (ClinicalScaler(), "table", ""),
    (LabAbnormality(_RANGES), "labs", ""),
    (LabAbnormality(pd.DataFrame(_RANGES, index=["low", "high"]).T.convert_dtypes()), "labs", ""),
]


def _name(value):
    return type(value).__name__ if isinstance(value, BaseEstimator) else str(value)


@pytest.fixture(scope="module")
def fitted_and_output(X, Y, table, cohort):
    """Fit one of the list; give it with what it is to be compared on."""
    labs = cohort.labs[list(_RANGES)]
    arguments = {
        "X": (X,),
        "XY": (X, Y),
        "Xlabs": (X, labs),
        "table": (table.drop(columns="ecg"),),
        "labs": (labs,),
    }

    def fit(estimator, data, method):
        estimator = clone(estimator).fit(*arguments[data])
        name = "predict_proba" if method == "proba" else "transform"
        return estimator, lambda other: getattr(other, name)(arguments[data][0])

    return fit


@pytest.mark.parametrize(("estimator", "data", "method"), _ESTIMATORS, ids=_name)
def test_estimator_comes_back_as_it_was(fitted_and_output, tmp_path, estimator, data, method):
    estimator, output = fitted_and_output(estimator, data, method)
    loaded = ecgsk.load(ecgsk.save(estimator, tmp_path / "model"))
    assert type(loaded) is type(estimator)
    _assert_same(loaded.get_params(), estimator.get_params())
    fitted = {name for name in vars(estimator) if name.endswith("_") and name != "net_"}
    assert fitted <= set(vars(loaded))
    for name in fitted:
        _assert_same(getattr(loaded, name), getattr(estimator, name))
    before, after = output(estimator), output(loaded)
    if isinstance(before, pd.DataFrame) and "ecg" in before:
        before, after = before["ecg"].ecg.to_numpy(), after["ecg"].ecg.to_numpy()
    np.testing.assert_array_equal(after, before)


def _assert_same(loaded, saved):
    assert type(loaded) is type(saved)
    if isinstance(saved, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, saved)
    elif isinstance(saved, np.ndarray):
        assert loaded.dtype == saved.dtype.newbyteorder("=")  # files are little-endian
        np.testing.assert_array_equal(loaded, saved)
    elif isinstance(saved, dict):
        assert loaded.keys() == saved.keys()
        for key in saved:
            _assert_same(loaded[key], saved[key])
    elif isinstance(saved, list | tuple):
        assert len(loaded) == len(saved)
        for one, other in zip(loaded, saved, strict=True):
            _assert_same(one, other)
    elif isinstance(saved, BaseEstimator):
        _assert_same(loaded.get_params(), saved.get_params())
    else:
        assert loaded == saved or (loaded != loaded and saved != saved)


def test_the_list_is_complete():
    """A new estimator, encoder or objective must enter the list above."""
    # The net is part of an estimator, never saved itself; weights of others have their own tests.
    tested = {FrozenEstimator, ECGNet, PretrainedEncoder}
    for estimator, _, _ in _ESTIMATORS:
        tested.add(type(estimator))
        tested |= {type(value) for value in estimator.get_params().values()}
    packages = ("estimators", "preprocessing", "encoders", "objectives", "training")
    modules = [import_module(f"ecgsk.{package}") for package in packages]
    values = [getattr(module, name) for module in modules for name in module.__all__]
    public = {
        value
        for value in values
        if inspect.isclass(value)
        and issubclass(value, BaseEstimator)
        and not inspect.isabstract(value)
    }
    assert public
    assert public <= tested


class Holder(BaseEstimator):
    """An estimator of a user's own, with one parameter."""

    def __init__(self, value=None):
        self.value = value

    def fit(self, X=None, y=None):
        self.fitted_ = True
        return self


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_ARRAYS = npst.arrays(
    npst.floating_dtypes(sizes=(16, 32, 64)) | npst.integer_dtypes() | npst.boolean_dtypes(),
    npst.array_shapes(min_dims=0, min_side=0, max_side=3),
)
_DATA = st.recursive(
    _PLAIN | _ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(value=_DATA)
def test_data_of_any_shape_come_back(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("any") / "model"
    loaded = ecgsk.load(ecgsk.save(Holder(value).fit(), folder), trusted=[Holder])
    _assert_same(loaded.value, value)


@pytest.mark.parametrize(
    "value",
    [
        np.array(["a", "longer", ""]),
        np.array([["x", None], [1, 2.5]], dtype=object),
        np.array([], dtype=str),
        {1, "two", (3, 4)},
        {"$tuple": ["not", "ours"]},
        pd.DataFrame({"a": [1.5, math.nan], "b": ["x", None], "c": [True, False]}, index=[3, 7]),
        pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}, index=["r", "s"]),
        ResNet1d(34),
    ],
    ids=lambda value: type(value).__name__,
)
def test_kinds_of_parameters(tmp_path, value):
    folder = ecgsk.save(Holder(value).fit(), tmp_path / "model")
    _assert_same(ecgsk.load(folder, trusted=[Holder]).value, value)


class Plain(ResNet1d):
    """An encoder of a user's own."""


def test_an_encoder_of_one_s_own_needs_trust(make_classifier, X, Y, tmp_path):
    model = make_classifier(encoder=Plain(10, width=4)).fit(X, Y)
    folder = ecgsk.save(model, tmp_path / "model")
    with pytest.raises(ECGError, match=r"asks for '.*\.Plain', .* pass trusted=\[TheClass\]"):
        ecgsk.load(folder)
    with pytest.raises(ECGError, match=r"asks for '.*\.Plain'"):
        ecgsk.load(folder, trusted=[Holder])
    loaded = ecgsk.load(folder, trusted=[Plain])
    assert isinstance(loaded.encoder_spec_, Plain)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_an_encoder_of_a_notebook_may_come_from_a_module_later(
    make_classifier, X, Y, tmp_path, monkeypatch
):
    with monkeypatch.context() as notebook:
        notebook.setattr(Plain, "__module__", "__main__")
        model = make_classifier(encoder=Plain(10, width=4)).fit(X, Y)
        folder = ecgsk.save(model, tmp_path / "model")
    with pytest.raises(ECGError, match=r"asks for '__main__.Plain'"):
        ecgsk.load(folder, trusted=[Holder])
    loaded = ecgsk.load(folder, trusted=[Plain])
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
