"""Save and load: equal predictions elsewhere, damaged folders and existing folders."""

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file, save
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.exceptions import DamagedFileError, ECGError, TableWarning, VersionWarning
from ecgsk.persistence._manifest import seal
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
    for X in (table, table.assign(troponin=np.nan, smoker=None)):
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    X = table.assign(ward="one that was not there in training")
    with pytest.warns(TableWarning, match="'ward'"):
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="'troponin'"):
        loaded.predict_proba(table.drop(columns="troponin"))


def test_manifest_describes_the_model(explaining, cohort_200hz, Y, tmp_path):
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


def test_load_uses_no_pickle(explaining, tmp_path, monkeypatch):
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


def test_shared_estimator_is_saved_once(explaining, tmp_path):
    loaded = ecgsk.load(ecgsk.save(explaining, tmp_path / "model"))
    assert loaded[-1].encoder_ is loaded[-1].encoder.estimator


def test_loaded_model_can_be_saved_cloned_and_fitted(classifier, X, Y, tmp_path):
    loaded = ecgsk.load(ecgsk.save(classifier, tmp_path / "model"))
    again = ecgsk.load(ecgsk.save(loaded, tmp_path / "again"))
    expected = classifier.predict_proba(X)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    np.testing.assert_array_equal(clone(loaded).fit(X, Y).predict_proba(X), expected)
    pd.testing.assert_frame_equal(loaded.history_, classifier.history_)
    loaded.thresholds_[:] = 0.0
    assert loaded.predict(X).all()


@pytest.mark.parametrize("classes", [["low", "mid", "high"], [3, 5, 9], ["no", "yes"]])
def test_classes_keep_their_dtype(make_classifier, X, classes, tmp_path):
    y = np.resize(np.array(classes), len(X))
    model = make_classifier().fit(X, y)
    loaded = ecgsk.load(ecgsk.save(model, tmp_path / "model"))
    assert loaded.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_load_changes_the_device(explaining, cohort_200hz, tmp_path):
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


def test_random_generator_is_not_saved(make_classifier, X, Y, tmp_path):
    model = make_classifier(random_state=np.random.RandomState(0)).fit(X, Y)
    loaded = ecgsk.load(ecgsk.save(model, tmp_path / "model"))
    assert loaded.random_state is None
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_path_is_saved_as_text(X, tmp_path):
    resample = Resample(50).fit(X).set_params(n_jobs=Path("runs") / "one")
    ecgsk.save(resample, tmp_path / "model")
    assert ecgsk.load(tmp_path / "model").n_jobs == str(Path("runs") / "one")


def _flip_last_byte(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [_flip_last_byte, _truncate, lambda path: path.write_bytes(b"")])
def test_damaged_weights(folder, damage):
    damage(folder / "weights.safetensors")
    with pytest.raises(
        ECGError, match=r"weights.safetensors does not match .*damaged.* Copy the folder again"
    ):
        ecgsk.load(folder)


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"no weights",
        b"\x02\0\0\0\0\0\0\0{}",
        b"\x02\0\0\0\0\0\0\0[]",
        b"\xff" * 8 + b"{}",
        b"\x30" + bytes(7) + b"[" * 48,
        save({"x": np.zeros(3)}),
        save({"x": np.zeros(3)}, {"manifest_sha256": "of another"}),
    ],
)
def test_file_without_weights(folder, weights):
    (folder / "weights.safetensors").write_bytes(weights)
    content = json.loads((folder / "manifest.json").read_text("utf-8"))
    del content["sha256"]
    content["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / "manifest.json").write_bytes(seal(content))
    with pytest.raises(DamagedFileError, match=r"weights.safetensors .* Copy the folder again"):
        ecgsk.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"format": "ecgsk mod', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", r"expected format and version \('ecgsk model', 2\), got \(\)"),
        (b"{}", r"got \(None, None\)"),
        (b'{"format": "mlflow", "version": 1}', r"\('mlflow', 1\)"),
        (b'{"format": "ecgsk model", "version": 1}', r"Use the ecgsk version that wrote it"),
        (b'{"format": "ecgsk model", "version": 2}', "does not match its own checksum"),
        (b'{"format": "ecgsk model", "version": NaN}', "is not JSON"),
        (b"[" + b"{}," * 10**7, "more than 10,000,000 values"),
    ],
)
def test_damaged_manifest(folder, content, message):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ECGError, match=message):
        ecgsk.load(folder)


def _rename_an_array(manifest):
    text = json.dumps(manifest["model"])
    manifest["model"] = json.loads(
        re.sub(r'"\$array": "[^"]*"', '"$array": "absent"', text, count=1)
    )


def _classifier(manifest):
    return manifest["model"]["state"]["steps"][-1]["$tuple"][1]["state"]


def _forget_encoder(manifest):
    _classifier(manifest).pop("encoder_spec_")


def _rename_thresholds(manifest):
    state = _classifier(manifest)
    state["cutoffs_"] = state.pop("thresholds_")


def _widen_encoder(manifest):
    _classifier(manifest)["encoder_spec_"]["state"]["width"] = 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("model"), "does not describe a fitted model"),
        (lambda m: m.update(model=3), "does not describe a fitted model"),
        (lambda m: m.update(model={}), "does not describe a fitted model"),
        (lambda m: m.update(model={"$lambda": "x"}), r"fitted model: '\$lambda' is unknown\."),
        (lambda m: m["model"].pop("state"), "does not describe a fitted model"),
        (
            lambda m: m["model"]["state"].pop("steps"),
            r"does not describe a fitted model: .*Pipeline lacks \['steps'\]",
        ),
        (
            lambda m: m.update(
                model={"$estimator": "ecgsk.encoders.Encoder", "number": 0, "state": {}}
            ),
            "does not describe a fitted model: .*abstract",
        ),
        (_rename_an_array, "does not describe a fitted model: .*'absent'"),
        (_forget_encoder, r"fitted model: .*Classifier lacks \['encoder_spec_'\]"),
        (_rename_thresholds, r"lacks \['thresholds_'\] and has unknown attributes \['cutoffs_'\]"),
        (lambda m: _classifier(m).pop("dropout"), r"Classifier lacks \['dropout'\]"),
        (lambda m: _classifier(m).update(predict=3), r"unknown attributes \['predict'\]"),
        (
            _widen_encoder,
            r"describe a fitted model: .*the weights .* have shape .* the module needs",
        ),
    ],
)
def test_manifest_and_model_disagree(folder, edit_manifest, change, message):
    edit_manifest(folder, change)
    with pytest.raises(ECGError, match=message):
        ecgsk.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors", ""])
def test_missing_file(folder, name):
    if name:
        (folder / name).unlink()
    else:
        folder = folder / "elsewhere"
    with pytest.raises(
        FileNotFoundError, match=r"expected manifest.json and weights.safetensors.* Check the path"
    ):
        ecgsk.load(folder)


def test_folder_that_holds_a_model_folder_is_named(folder):
    outer = folder.parent / "outer"
    outer.mkdir()
    folder.rename(outer / "model")
    with pytest.raises(FileNotFoundError, match=f"Give {re.escape(str(outer / 'model'))}"):
        ecgsk.load(outer)


@pytest.mark.parametrize("refit", [True, False])
def test_save_names_what_to_save_of_a_search(X, Y, tiny, quick, tmp_path, refit):
    search = GridSearchCV(
        ECGDiagnosisClassifier(tiny, **quick),
        {"dropout": [0.1]},
        cv=2,
        scoring="roc_auc",
        refit=refit,
    )
    search.fit(X, Y.iloc[:, 0])
    mend = "Save its best_estimator_" + (r"\." if refit else ", after a fit with refit=True")
    for model in (search, FrozenEstimator(search)):
        with pytest.raises(
            TypeError, match=rf"(GridSearchCV|estimator) is a GridSearchCV.* {mend}"
        ):
            ecgsk.save(model, tmp_path / "model")
    if refit:
        ecgsk.save(search.best_estimator_, tmp_path / "model")


def test_save_names_what_can_be_saved(X, Y, tiny, quick, tmp_path):
    y = Y.iloc[:, 0]
    forest = RandomForestClassifier(2, max_depth=2).fit(X[["age"]], y)
    calibrated = CalibratedClassifierCV(ECGDiagnosisClassifier(tiny, **quick), cv=2).fit(X, y)
    for model in (None, [1], "model", tiny.build(12, 100), ECGDiagnosisClassifier):
        with pytest.raises(TypeError, match=r"expected a fitted estimator of ecgsk, or a Pipeline"):
            ecgsk.save(model, tmp_path / "model")
    for model in (forest, calibrated):
        with pytest.raises(TypeError, match=r"takes an estimator of ecgsk, or a Pipeline"):
            ecgsk.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_save_names_attributes_that_are_not_of_the_format(classifier, tmp_path):
    model = pickle.loads(pickle.dumps(classifier))
    model.my_note = "mine"
    with pytest.raises(ECGError, match=r"unknown attributes \['my_note'\].* delete attributes"):
        ecgsk.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_newer_or_much_older_versions_warn_once(folder, edit_manifest, X, cohort_200hz):
    ours = json.loads((folder / "manifest.json").read_text("utf-8"))["made_with"]
    assert list(ours) == ["ecgsk", "scikit-learn", "numpy", "pandas", "torch"]
    stated = {**ours, "scikit-learn": "0.24.2", "torch": "99.1.0"}
    edit_manifest(folder, lambda manifest: manifest.update(made_with=stated))
    message = r"made with scikit-learn 0\.24\.2 \(installed: .*torch 99\.1\.0 \(installed: "
    with pytest.warns(VersionWarning, match=message) as caught:
        ecgsk.load(folder)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_save_rejects_unfitted_estimators(make_classifier, make_pretrainer, tmp_path):
    for estimator in (
        make_classifier(),
        make_pretrainer(),
        LabAbnormalityExplainer(make_pretrainer()),
        Resample(100),
        make_pipeline(Resample(100), make_classifier()),
    ):
        with pytest.raises(NotFittedError):
            ecgsk.save(estimator, tmp_path / "model")
    assert not list(tmp_path.iterdir())
