"""Fitted pipelines, and their folders."""

import hashlib
import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk._stored_files import checksum
from ecgsk.datasets import make_clinical_ecg
from ecgsk.persistence._manifest import seal
from ecgsk.preprocessing import BandpassFilter, Resample


@pytest.fixture(scope="session")
def cohort_200hz():
    """At another rate than the models', so that resampling has something to do."""
    return make_clinical_ecg(n_subjects=40, sampling_rate=200, random_state=0)


@pytest.fixture(scope="session")
def table(X):
    """Numbers, a category, truth values and text, each with something missing."""
    n = len(X)
    return X.assign(
        sex=X["sex"].where(X.index != 3),
        smoker=([True, False, None] * n)[:n],
        ward=(["cardiology", None, "emergency"] * n)[:n],
    )


@pytest.fixture(scope="session")
def pipeline(make_classifier, make_pretrainer, cohort_200hz, Y):
    model = make_pipeline(
        Resample(100), BandpassFilter(0.5, 40), make_classifier(encoder=make_pretrainer())
    )
    return model.fit(cohort_200hz.X[["ecg", "age", "sex", "troponin", "subject_id"]], Y)


@pytest.fixture(scope="session")
def explaining(pipeline, cohort_200hz):
    """A pipeline that ends in an explainer: the model that ``ecgsk explain`` takes."""
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(pipeline[-1]), reference_ranges=cohort_200hz.reference_ranges
    )
    model = make_pipeline(*(step for _, step in pipeline.steps[:-1]), explainer)
    return model.fit(cohort_200hz.X, cohort_200hz.labs)


@pytest.fixture
def folder(pipeline, tmp_path) -> Path:
    """A saved model to look at or to damage."""
    return ecgsk.save(pipeline, tmp_path / "model")


@pytest.fixture(scope="session")
def write_model():
    """Write a model folder with right checksums, whatever it says."""

    def write(folder, content, arrays):
        content.pop("sha256", None)
        content.pop("weights_sha256", None)
        weights = save(arrays, {"manifest_sha256": checksum(content)})
        (folder / "weights.safetensors").write_bytes(weights)
        content["weights_sha256"] = hashlib.sha256(weights).hexdigest()
        (folder / "manifest.json").write_bytes(seal(content))

    return write


@pytest.fixture
def edit_manifest(write_model):
    """Change what a manifest says, and make the checksums right again."""

    def edit(folder, change):
        content = json.loads((folder / "manifest.json").read_text("utf-8"))
        change(content)
        write_model(folder, content, load_file(folder / "weights.safetensors"))

    return edit
