"""A model from a stranger: whatever its manifest asks for, nothing of theirs runs."""

import hashlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

import ecgsk
from ecgsk.exceptions import ECGError


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
        "ecgsk.io.os.system",
        "ecgsk.persistence._save.shutil",
        "ecgsk.persistence._save.shutil.rmtree",
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
def test_a_class_that_is_not_ours_is_refused(folder, edit_manifest, name):
    edit_manifest(folder, _ask_for(name))
    with pytest.raises(ECGError, match=r"manifest.json asks for .* pass trusted=") as error:
        ecgsk.load(folder)
    assert repr(name) in str(error.value)


def test_refused_within_the_model_too(folder, edit_manifest):
    def change(manifest):
        first, *_ = manifest["model"]["state"]["steps"]
        first["$tuple"][1]["$estimator"] = "sklearn.ensemble.RandomForestClassifier"

    edit_manifest(folder, change)
    with pytest.raises(ECGError, match=r"asks for 'sklearn\.ensemble\.RandomForestClassifier'"):
        ecgsk.load(folder)


def test_a_stranger_s_module_is_not_imported(folder, edit_manifest, tmp_path, monkeypatch):
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
        manifest["weights_sha256"] = hashlib.sha256(weights).hexdigest()
        state = {"device": "cpu", "__cuda_dependent_attributes__": {"$array": "x"}}
        manifest["model"] = {"$estimator": name, "number": 0, "state": state}

    edit_manifest(folder, change)
    with pytest.raises(ECGError, match="asks for"):
        ecgsk.load(folder)
    assert not marker.exists()
