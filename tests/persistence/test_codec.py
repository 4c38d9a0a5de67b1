"""Encode and decode estimators: round trips, and refusal of other classes."""

import inspect
import math
import pickle
import sys
from datetime import date
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.numpy import save
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochScoring

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.encoders import (
    S4,
    ClinicalMLP,
    EncoderEnsemble,
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
    QualityGate,
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
            EncoderEnsemble([_TINY, RandomConvolution(84, differences=True)]),
            RecordScaled(_TINY),
            S4(2, width=8),
            ViT1d(1, width=8, n_heads=2),
        )
    ),
    (BandpassFilter(None, 30.0, order=2), "X", ""),
    (Resample(50), "X", ""),
    (SelectLeads(["V1", "II"]), "X", ""),
    (QualityGate(0.3), "X", ""),
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
def test_estimator_round_trip(fitted_and_output, tmp_path, estimator, data, method):
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


def test_round_trip_covers_every_public_class():
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
def test_data_round_trip(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("any") / "model"
    loaded = ecgsk.load(ecgsk.save(Holder(value).fit(), folder), trusted=[Holder])
    _assert_same(loaded.value, value)


@pytest.mark.parametrize(
    "value",
    [
        np.array(["a", "longer", ""]),
        np.array([["x", None], [1, 2.5]], dtype=object),
        np.array([], dtype=str),
        np.array(["x" * 1000, *["y"] * 100, "é\U0001f600"]),
        np.array([["no", "x" * 2000], *[["", "z"]] * 50]),
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


def test_user_defined_encoder_needs_trusted(make_classifier, X, Y, tmp_path):
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


@pytest.mark.parametrize("trusted", [Plain, "Plain", ["Plain"], [Plain()], 3])
def test_trusted_is_a_list_of_classes(folder, trusted):
    with pytest.raises(TypeError, match=r"expected trusted to be a list of classes"):
        ecgsk.load(folder, trusted=trusted)


def _ask_for(name):
    def change(manifest):
        manifest["model"]["$estimator"] = name

    return change


@pytest.mark.parametrize(
    "name",
    [
        "subprocess.Popen",
        "os.system",
        "builtins.eval",
        "eval",
        "",
        ".",
        "..save",
        "sklearn.ensemble.RandomForestClassifier",
        "sklearn.pipeline.FeatureUnion",
        "sklearn.pipeline.Pipeline.fit",
        "skorch.NeuralNet",
        "numpy.load",
        # Ours by name, and not classes of estimators.
        "ecgsk",
        "ecgsk.load",
        "ecgsk.persistence.save",
        "ecgsk.signals.ECGArray",
        "ecgsk.exceptions.ECGError",
        # Modules of ours know others' modules, functions and classes.
        "ecgsk.__main__.main",
        "ecgsk.cli.main",
        "ecgsk.io.os.system",
        "ecgsk._files.shutil",
        "ecgsk._files.shutil.rmtree",
        "ecgsk.persistence._save.load_arrays",
        "ecgsk.persistence._codec.import_module",
        "ecgsk.persistence._codec.BaseEstimator",
        "ecgsk.estimators._linear_head.LogisticRegression",
        "ecgsk.training.net.NeuralNet",
        # Ours, but its state is unpickled.
        "ecgsk.training.net.ECGNet",
        "ecgsk_by_another_hand.Encoder",
        "ecgsk.not_there.Encoder",
        "ecgsk.encoders.NotThere",
    ],
)
def test_class_outside_ecgsk_is_refused(folder, edit_manifest, name):
    edit_manifest(folder, _ask_for(name))
    with pytest.raises(ECGError, match=r"manifest.json asks for .* pass trusted=") as error:
        ecgsk.load(folder)
    assert repr(name) in str(error.value)


def test_nested_class_outside_ecgsk_is_refused(folder, edit_manifest):
    def change(manifest):
        first, *_ = manifest["model"]["state"]["steps"]
        first["$tuple"][1]["$estimator"] = "sklearn.ensemble.RandomForestClassifier"

    edit_manifest(folder, change)
    with pytest.raises(ECGError, match=r"asks for 'sklearn\.ensemble\.RandomForestClassifier'"):
        ecgsk.load(folder)


def test_unknown_module_is_not_imported(folder, edit_manifest, tmp_path, monkeypatch):
    path = tmp_path / "modules"
    path.mkdir()
    (path / "a_stranger_s.py").write_text("raise SystemExit('imported')", "utf-8")
    monkeypatch.syspath_prepend(path)
    edit_manifest(folder, _ask_for("a_stranger_s.Encoder"))
    with pytest.raises(ECGError, match=r"asks for 'a_stranger_s\.Encoder'"):
        ecgsk.load(folder)
    assert "a_stranger_s" not in sys.modules


class _Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["ecgsk.training.net.ECGNet", "ecgsk.training.net.NeuralNet"])
def test_a_pickle_among_the_weights_is_not_read(folder, edit_manifest, tmp_path, name):
    """skorch's nets unpickle part of their state, and it could be any array of bytes."""
    marker = tmp_path / "unpickled"
    weights = save({"x": np.frombuffer(pickle.dumps(_Payload(marker)), np.uint8)})
    (folder / "weights.safetensors").write_bytes(weights)

    def change(manifest):
        state = {"device": "cpu", "__cuda_dependent_attributes__": {"$array": "x"}}
        manifest["model"] = {"$estimator": name, "number": 0, "state": state}

    edit_manifest(folder, change)
    with pytest.raises(ECGError, match="asks for"):
        ecgsk.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, r"n_jobs to be .*got a function"),
        (int, r"n_jobs to be .*got a type"),
        ([1, {"a": object()}], r"n_jobs\[1\]\.a to be .*got a object"),
        (date(2020, 1, 1), r"n_jobs to be .*got a date"),
        (
            np.array(["2020-01-01"], "M8[D]"),
            r"n_jobs to be an array of .*got dtype datetime64\[D\]",
        ),
        (np.array([1j]), r"n_jobs to be an array of .*got dtype complex128"),
        (np.array([b"x"]), r"n_jobs to be an array of .*got dtype \|S1"),
    ],
)
def test_save_rejects_parameters_that_are_not_data(X, tmp_path, value, message):
    model = make_pipeline(BandpassFilter().fit(X), Resample(50).fit(X))
    model.set_params(resample__n_jobs=value)
    with pytest.raises(TypeError, match=r"expected Pipeline\.steps\[1\]\[1\]\." + message):
        ecgsk.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_callbacks_are_omitted(make_classifier, X, Y, tmp_path):
    model = make_classifier(callbacks=[]).fit(X, Y)
    model.set_params(trainer__callbacks=[EpochScoring("accuracy")])
    with pytest.warns(UserWarning, match=r"omits the callbacks of ECGDiagnosisClassifier"):
        folder = ecgsk.save(model, tmp_path / "model")
    assert ecgsk.load(folder).trainer.callbacks is None
