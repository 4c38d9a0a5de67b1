"""A model that is saved predicts in another process what it predicted in this one."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.base import clone

import ecgsk
from ecgsk.preprocessing import Resample
from ecgsk.signals import STANDARD_12_LEADS

_OTHER_PROCESS = """
import sys, warnings
from pathlib import Path

warnings.simplefilter("error")
import numpy as np
import torch

import ecgsk
from ecgsk.datasets import make_clinical_ecg

torch.set_num_threads(1)
folder = Path(sys.argv[1])
X = make_clinical_ecg(n_subjects=40, sampling_rate=200, random_state=0).X
with_table = make_clinical_ecg(n_subjects=40, random_state=0).X.assign(ward="emergency")
np.savez(
    folder / "predictions.npz",
    pipeline=ecgsk.load(folder / "pipeline").predict_proba(X[["ecg"]]),
    explaining=ecgsk.load(folder / "explaining").predict_proba(X[["ecg"]]),
    multimodal=ecgsk.load(folder / "multimodal").predict_proba(with_table),
    table_alone=ecgsk.load(folder / "table_alone").predict_proba(with_table.drop(columns="ecg")),
    text=ecgsk.load(folder / "explaining")[-1].explain(
        ecgsk.load(folder / "explaining")[:-1].transform(X[["ecg"]].iloc[:1])
    )[0].to_text(),
)
"""


@pytest.fixture(scope="module")
def multimodal(make_classifier, table, Y):
    return make_classifier(inputs="ecg+clinical").fit(table.drop(columns="smoker"), Y)


@pytest.fixture(scope="module")
def table_alone(make_classifier, table, Y):
    return make_classifier(inputs="clinical", fine_tune="full").fit(table.drop(columns="smoker"), Y)


@pytest.fixture(scope="module")
def elsewhere(pipeline, explaining, multimodal, table_alone, tmp_path_factory):
    """What a new process, which has only the folders, predicts."""
    folder = tmp_path_factory.mktemp("models")
    ecgsk.save(pipeline, folder / "pipeline")
    ecgsk.save(explaining, folder / "explaining")
    ecgsk.save(multimodal, folder / "multimodal")
    ecgsk.save(table_alone, folder / "table_alone")
    root = Path(ecgsk.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-c", _OTHER_PROCESS, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=300,
    )
    return np.load(folder / "predictions.npz")


def test_pipelines_predict_the_same_elsewhere(elsewhere, pipeline, explaining, cohort_200hz):
    ecg = cohort_200hz.X[["ecg"]]
    np.testing.assert_array_equal(elsewhere["pipeline"], pipeline.predict_proba(ecg))
    np.testing.assert_array_equal(elsewhere["explaining"], explaining.predict_proba(ecg))
    here = explaining[-1].explain(explaining[:-1].transform(ecg.iloc[:1]))[0]
    assert str(elsewhere["text"]) == here.to_text()
    assert "reference" in here.to_text()


def test_models_of_a_table_predict_the_same_elsewhere(elsewhere, multimodal, table_alone, cohort):
    X = cohort.X.assign(ward="emergency")
    np.testing.assert_array_equal(elsewhere["multimodal"], multimodal.predict_proba(X))
    np.testing.assert_array_equal(elsewhere["table_alone"], table_alone.predict_proba(X))


@pytest.mark.parametrize("inputs", ["ecg+clinical", "clinical"])
def test_a_table_s_missing_values_and_levels_survive(make_classifier, table, Y, tmp_path, inputs):
    model = make_classifier(inputs=inputs).fit(table, Y)
    loaded = ecgsk.load(ecgsk.save(model, tmp_path / "model"))
    for X in (
        table,
        table.assign(troponin=np.nan, smoker=None),
        table.assign(ward="one that was not there in training"),
    ):
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="'troponin'"):
        loaded.predict_proba(table.drop(columns="troponin"))


def test_manifest_says_what_the_model_is(explaining, cohort_200hz, Y, tmp_path):
    folder = ecgsk.save(explaining, tmp_path / "a" / "model")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["leads"] == list(STANDARD_12_LEADS)
    assert (manifest["sampling_rate"], manifest["n_samples"]) == (100.0, 1000)
    assert manifest["fitted_on_sampling_rate"] == 200.0
    resample, bandpass = manifest["preprocessing"]
    assert resample.startswith("Resample(")
    assert "sampling_rate=100" in resample
    assert bandpass.startswith("BandpassFilter(high=40, ")
    assert "low=0.5" in bandpass
    assert manifest["labels"] == list(Y.columns)
    assert manifest["laboratories"] == explaining[-1].label_names_
    assert "potassium high" in manifest["laboratories"]
    assert manifest["made_with"]["ecgsk"] == ecgsk.__version__


def test_manifest_of_a_pipeline_that_only_diagnoses(folder, Y):
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["labels"] == list(Y.columns)
    assert manifest["laboratories"] is None


def test_there_is_no_pickle(explaining, tmp_path, monkeypatch):
    folder = ecgsk.save(explaining, tmp_path / "model")
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "weights.safetensors"}
    json.loads((folder / "manifest.json").read_text("utf-8"))
    assert load_file(folder / "weights.safetensors")
    for path in folder.iterdir():
        content = path.read_bytes()
        assert content[:1] != pickle.PROTO, path
        assert content[:2] != b"PK", f"{path}: torch.save's archive holds a pickle"
    for module, name in [
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (torch, "load"),
        (joblib, "load"),
    ]:
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("something was unpickled"))
    ecgsk.load(folder)


def test_a_model_that_stands_in_two_places_is_saved_once(explaining, tmp_path):
    loaded = ecgsk.load(ecgsk.save(explaining, tmp_path / "model"))
    assert loaded[-1].encoder_ is loaded[-1].encoder.estimator


def test_what_is_loaded_can_be_worked_with(classifier, X, Y, tmp_path):
    loaded = ecgsk.load(ecgsk.save(classifier, tmp_path / "model"))
    again = ecgsk.load(ecgsk.save(loaded, tmp_path / "again"))
    expected = classifier.predict_proba(X)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    np.testing.assert_array_equal(clone(loaded).fit(X, Y).predict_proba(X), expected)
    pd.testing.assert_frame_equal(loaded.history_, classifier.history_)
    loaded.thresholds_[:] = 0.0
    assert loaded.predict(X).all()


@pytest.mark.parametrize("classes", [["low", "mid", "high"], [3, 5, 9], ["no", "yes"]])
def test_classes_keep_their_kind(make_classifier, X, classes, tmp_path):
    y = np.resize(np.array(classes), len(X))
    model = make_classifier().fit(X, y)
    loaded = ecgsk.load(ecgsk.save(model, tmp_path / "model"))
    assert loaded.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_device_may_be_another(explaining, cohort_200hz, tmp_path):
    model = pickle.loads(pickle.dumps(explaining))
    # As if saved where there is a GPU.
    model[-1].encoder.estimator.set_params(device="cuda", encoder__device="cuda")
    folder = ecgsk.save(model, tmp_path / "model")

    def devices(model):
        params = model[-1].encoder.estimator.get_params()
        return {model[-1].encoder_.device, params["device"], params["encoder__device"]}

    assert devices(ecgsk.load(folder)) == {"cuda"}
    loaded = ecgsk.load(folder, device="cpu")
    assert devices(loaded) == {"cpu"}
    ecg = cohort_200hz.X[["ecg"]]
    np.testing.assert_array_equal(loaded.predict_proba(ecg), explaining.predict_proba(ecg))


def test_a_generator_is_not_kept(make_classifier, X, Y, tmp_path):
    model = make_classifier(random_state=np.random.RandomState(0)).fit(X, Y)
    loaded = ecgsk.load(ecgsk.save(model, tmp_path / "model"))
    assert loaded.random_state is None
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_a_path_comes_back_as_its_text(X, tmp_path):
    resample = Resample(50).fit(X).set_params(n_jobs=Path("runs") / "one")
    ecgsk.save(resample, tmp_path / "model")
    assert ecgsk.load(tmp_path / "model").n_jobs == str(Path("runs") / "one")
