"""The example that serves a model answers a real HTTP client on loopback."""

import json
import runpy
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests
from jsonschema import validate
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.explain import explanation_schema
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")
EXAMPLE = Path(__file__).parents[1] / "examples" / "deployment" / "serve_fastapi.py"


@pytest.fixture(scope="module")
def pipeline(classifier, cohort):
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
    )
    steps = make_pipeline(SelectLeads(), Resample(100), BandpassFilter(0.5, 40))
    X = steps.fit_transform(cohort.X)
    return make_pipeline(*(step for _, step in steps.steps), explainer.fit(X, cohort.labs))


@contextmanager
def serve(folder):
    app = runpy.run_path(str(EXAMPLE))["make_app"](folder)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def url(pipeline, tmp_path_factory):
    with serve(ecgsk.save(pipeline, tmp_path_factory.mktemp("served") / "model")) as address:
        yield address


@pytest.fixture(scope="module")
def recording(cohort):
    ecg = cohort.X["ecg"].array[:1]
    return {
        "leads": list(ecg.leads),
        "sampling_rate": ecg.sampling_rate,
        "unit": "mV",
        "samples": ecg.read()[0].tolist(),
        "record": "a record",
    }


def test_answer_is_the_explanation(url, recording, pipeline, cohort):
    answer = requests.post(f"{url}/explain", json=recording, timeout=30)
    assert answer.status_code == 200
    document = answer.json()
    validate(document, explanation_schema())
    X = cohort.X[["ecg"]].iloc[:1].set_axis(["a record"])
    expected = pipeline[-1].explain(pipeline[:-1].transform(X))[0].to_dict()
    assert document == json.loads(json.dumps(expected))


def test_a_model_without_laboratories_is_served(pipeline, classifier, recording, tmp_path):
    steps = [step for _, step in pipeline.steps[:-1]]
    folder = ecgsk.save(make_pipeline(*steps, classifier), tmp_path / "model")
    with serve(folder) as url:
        assert requests.get(f"{url}/model", timeout=30).json()["laboratory_findings"] == []
        answer = requests.post(f"{url}/explain", json=recording, timeout=30)
    assert answer.status_code == 200
    assert answer.json()["diagnoses"]


def test_missing_samples_and_another_unit_are_understood(url, recording):
    samples = (1000 * np.array(recording["samples"])).tolist()
    samples[2] = [None] * len(samples[2])
    changed = recording | {"unit": "uV", "samples": samples}
    document = requests.post(f"{url}/explain", json=changed, timeout=30).json()
    assert "III" in document["quality"]


def test_model_says_what_it_takes(url, pipeline):
    document = requests.get(f"{url}/model", timeout=30).json()
    assert document["leads"] == list(pipeline[-1].encoder_.leads_)
    assert (document["sampling_rate"], document["seconds"]) == (100, 10)
    assert document["laboratory_findings"] == pipeline[-1].label_names_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leads": ["I", "II"]}, "expected 2 lists"),
        ({"leads": ["X"] * 12}, "X"),
        ({"samples": [[0.0] * 1000] * 12}, "none: every lead is missing or flat"),
        ({"samples": [[0.1, 0.2]] * 12}, "2"),
        ({"unit": "furlong"}, "unit"),
        ({"sampling_rate": -1}, "sampling_rate"),
        ({"extra": 1}, "extra"),
        ({"samples": [["text"] * 10] * 12}, "samples"),
        ({"samples": [[0.0] * 20_000] * 12}, "at most 200,000"),
    ],
)
def test_bad_input_gets_422_and_the_reason(url, recording, change, message):
    answer = requests.post(f"{url}/explain", json=recording | change, timeout=30)
    assert answer.status_code == 422
    assert message in json.dumps(answer.json()["detail"])
