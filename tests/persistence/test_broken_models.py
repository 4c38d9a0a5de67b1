"""Damaged folders, folders in the way, and models that cannot be saved: each says so."""

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochScoring

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter, Resample


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


def test_weights_that_are_none(folder, edit_manifest):
    (folder / "weights.safetensors").write_bytes(b"no weights")
    checksum = hashlib.sha256(b"no weights").hexdigest()
    edit_manifest(folder, lambda manifest: manifest.update(weights_sha256=checksum))
    with pytest.raises(ECGError, match=r"cannot read .*weights.safetensors: "):
        ecgsk.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"format": "ecgsk mod', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", r"has format and version \(\); expected \('ecgsk model', 1\)"),
        (b"{}", r"has format and version \(None, None\)"),
        (b'{"format": "mlflow", "version": 1}', r"\('mlflow', 1\)"),
        (b'{"format": "ecgsk model", "version": 2}', r"Use the ecgsk version that wrote it"),
        (b'{"format": "ecgsk model", "version": 1}', "does not match the checksum"),
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


def _forget_encoder(manifest):
    manifest["model"]["state"]["steps"][-1]["$tuple"][1]["state"].pop("encoder_spec_")


def _widen_encoder(manifest):
    classifier = manifest["model"]["state"]["steps"][-1]["$tuple"][1]["state"]
    classifier["encoder_spec_"]["state"]["width"] = 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("model"), "does not describe a fitted model"),
        (lambda m: m.update(model=3), "does not describe a fitted model"),
        (lambda m: m.update(model={}), "does not describe a fitted model"),
        (lambda m: m.update(model={"$lambda": "x"}), r"cannot read '\$lambda'"),
        (lambda m: m["model"].pop("state"), "does not describe a fitted model"),
        (lambda m: m["model"]["state"].pop("steps"), "does not describe a fitted model"),
        (
            lambda m: m["model"].update({"$estimator": "ecgsk.encoders.Encoder"}),
            "does not describe a fitted model .*abstract",
        ),
        (_rename_an_array, "does not describe a fitted model .*'absent'"),
        (_forget_encoder, "does not describe a fitted model .*'encoder_spec_'"),
        (_widen_encoder, "(?s)does not describe a fitted model .*size mismatch"),
    ],
)
def test_manifest_and_model_disagree(folder, edit_manifest, change, message):
    edit_manifest(folder, change)
    with pytest.raises(ECGError, match=message):
        ecgsk.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors", ""])
def test_a_file_that_is_absent(folder, name):
    if name:
        (folder / name).unlink()
    else:
        folder = folder / "elsewhere"
    with pytest.raises(
        FileNotFoundError, match=r"expected manifest.json and weights.safetensors.* Check the path"
    ):
        ecgsk.load(folder)


def _files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_model_is_replaced_where_asked(folder, classifier, X):
    (folder / ".DS_Store").write_bytes(b"")  # a file manager's, not the user's
    before = _files(folder)
    with pytest.raises(FileExistsError, match=r"already holds a model\. Pass overwrite=True"):
        ecgsk.save(classifier, folder)
    assert _files(folder) == before
    assert ecgsk.save(classifier, str(folder), overwrite=True) == folder
    np.testing.assert_array_equal(ecgsk.load(folder).predict_proba(X), classifier.predict_proba(X))
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    "files",
    [
        {},
        {"thesis.tex": "years of work"},
        {"manifest.json": '{"name": "a browser extension"}', "background.js": "..."},
        {"manifest.json": "not JSON", "weights.safetensors": ""},
        {"manifest.json": '["ecgsk model"]', "weights.safetensors": ""},
        {"manifest.json": '{"format": "ecgsk model"}', "weights.safetensors": "", "notes": "mine"},
    ],
)
def test_nothing_but_a_model_is_replaced(classifier, tmp_path, files, overwrite):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    before = _files(folder)
    with pytest.raises(FileExistsError, match=r"not a model, or holds other files.*another folder"):
        ecgsk.save(classifier, folder, overwrite=overwrite)
    assert _files(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_is_in_the_way(classifier, tmp_path):
    path = tmp_path / "model"
    path.write_text("mine", "utf-8")
    with pytest.raises(FileExistsError, match="is not a model"):
        ecgsk.save(classifier, path, overwrite=True)
    assert path.read_text("utf-8") == "mine"


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_save_that_fails_leaves_nothing_behind(classifier, folder, monkeypatch, overwrite):
    """The disk is full when half is written."""
    before = _files(folder)
    target = folder if overwrite else folder.with_name("new")

    def write_half(path, text, *args, **kwargs):
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        ecgsk.save(classifier, target, overwrite=overwrite)
    assert list(folder.parent.iterdir()) == [folder]
    assert _files(folder) == before


def test_unfitted(make_classifier, make_pretrainer, tmp_path):
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
def test_a_parameter_that_is_not_data(X, tmp_path, value, message):
    model = make_pipeline(BandpassFilter().fit(X), Resample(50).fit(X))
    model.set_params(resample__n_jobs=value)
    with pytest.raises(TypeError, match=r"expected Pipeline\.steps\[1\]\[1\]\." + message):
        ecgsk.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_callbacks_stay_behind(make_classifier, X, Y, tmp_path):
    model = make_classifier(callbacks=[]).fit(X, Y)
    model.set_params(trainer__callbacks=[EpochScoring("accuracy")])
    with pytest.warns(UserWarning, match=r"omits the callbacks of ECGDiagnosisClassifier"):
        folder = ecgsk.save(model, tmp_path / "model")
    assert ecgsk.load(folder).trainer.callbacks is None
