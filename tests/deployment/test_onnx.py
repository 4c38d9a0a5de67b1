"""Exported graphs equal the models, and say what they are; other models are refused."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import ecgsk
from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.datasets import make_clinical_ecg
from ecgsk.deployment import _onnx
from ecgsk.encoders import ResNet1d
from ecgsk.encoders.registry import ENCODERS
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS, ECGArray, quality

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

EIGHT = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
N_RECORDS = 1000
pytestmark = pytest.mark.filterwarnings(
    "ignore::ecgsk.exceptions.CalibrationWarning", "ignore::ecgsk.exceptions.SignalQualityWarning"
)


def graph_of(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def outputs_of(session, x):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"ecg": x}), strict=True))


def metadata_of(session):
    found = session.get_modelmeta().custom_metadata_map
    return {name: json.loads(value) for name, value in found.items()}


def records(n_records, n_leads, n_samples, rng):
    """Return random ECG-like records, half of them with missing or false samples."""
    noise = rng.normal(size=(n_records, n_leads, n_samples))
    x = (0.1 * noise.cumsum(axis=2) + 0.05 * noise).astype(np.float32)
    x -= x.mean(axis=2, keepdims=True)
    x *= (0.5 / x.std(axis=2, keepdims=True)).clip(max=1)
    for i, record in enumerate(x[: n_records // 2]):
        lead, start = rng.integers(n_leads), rng.integers(n_samples - 60)
        kind = i % 6
        if kind == 0:
            record[lead, start : start + 50] = np.nan
        elif kind == 1:
            record[lead] = 0.0
        elif kind == 2:
            record[:, start] = -9999
        elif kind == 3:
            record[lead] += 25
        elif kind == 4:
            record[lead] = (record[lead] * 20).clip(-4, 4)
        else:
            record[:, -30:] = np.nan
    return x


@pytest.fixture(scope="module")
def pipeline():
    """Every step, diagnoses and laboratory findings, both calibrated."""
    cohort = make_clinical_ecg(n_subjects=150, random_state=0)
    X = SelectLeads(["V6", *EIGHT[:-1]]).fit_transform(cohort.X)
    steps = make_pipeline(SelectLeads(derive=True), Resample(50), BandpassFilter(0.5, 20))
    prepared = steps.fit_transform(X)
    classifier = ECGDiagnosisClassifier(
        ResNet1d(10, width=4), max_epochs=2, random_state=0, verbose=0, device="cpu"
    )
    classifier.fit(prepared, cohort.Y)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges, random_state=0
    )
    explainer.fit(prepared, cohort.labs)
    unnamed = prepared.drop(columns="subject_id")  # as if of other patients
    explainer.calibrate(unnamed, cohort.labs, cohort.Y, groups=cohort.groups + 10**6)
    return make_pipeline(*(step for _, step in steps.steps), explainer)


@pytest.fixture(scope="module")
def exported(pipeline, tmp_path_factory):
    return graph_of(ecgsk.export(pipeline, tmp_path_factory.mktemp("onnx") / "model.onnx"))


def expected_of(pipeline, x, leads):
    X = pd.DataFrame({"ecg": ECGArray.from_numpy(x, leads=leads, sampling_rate=100)})
    explainer = pipeline[-1]
    P = explainer.encoder_.predict_proba(pipeline[:-1].transform(X))
    return {
        "laboratory_findings": pipeline.predict_proba(X),
        "diagnoses": explainer.diagnosis_calibrator_.predict_proba(P),
    }


def test_graph_equals_the_model_on_1000_records(pipeline, exported):
    x = records(N_RECORDS, 8, 1000, np.random.default_rng(0))
    leads = metadata_of(exported)["leads"]
    got = outputs_of(exported, x)
    for name, expected in expected_of(pipeline, x, leads).items():
        assert expected.std() > 1e-3
        difference = np.abs(got[name] - expected).max(axis=1)
        # The model's own filters round a lead with an offset of 25 mV to 1e-5 mV.
        number = np.arange(N_RECORDS)
        has_offset = (number < N_RECORDS // 2) & (number % 6 == 3)
        assert difference[~has_offset].max() <= 1e-5
        assert difference[has_offset].max() <= 1e-4


def test_graph_takes_any_number_of_records(pipeline, exported):
    x = records(6, 8, 1000, np.random.default_rng(1))
    together = outputs_of(exported, x)["diagnoses"]
    alone = [outputs_of(exported, record[None])["diagnoses"] for record in x]
    np.testing.assert_allclose(np.concatenate(alone), together, rtol=0, atol=1e-6)


def test_refused_records_get_nan_and_leave_the_others_alone(exported):
    x = records(12, 8, 1000, np.random.default_rng(2))[6:]
    expected = outputs_of(exported, x)["diagnoses"]
    broken = x.copy()
    broken[0], broken[1], broken[2] = np.nan, broken[1] * 1000, broken[2] * 1e-6
    broken[3, 0, 5] = np.inf
    leads = metadata_of(exported)["leads"]
    ecg = ECGArray.from_numpy(np.nan_to_num(broken[:3], nan=0), leads=leads, sampling_rate=100)
    assert not quality(ecg)["usable"].any()
    got = outputs_of(exported, broken)
    for values in got.values():
        assert np.isnan(values[:4]).all()
    np.testing.assert_allclose(got["diagnoses"][4:], expected[4:], rtol=0, atol=1e-6)


def test_metadata_says_what_the_graph_takes_and_returns(pipeline, exported):
    facts, explainer = metadata_of(exported), pipeline[-1]
    assert facts["leads"] == ["V6", *EIGHT[:-1]]
    assert (facts["sampling_rate"], facts["n_samples"], facts["unit"]) == (100, 1000, "mV")
    assert facts["diagnoses"] == explainer.encoder_.label_names_
    assert facts["laboratory_findings"] == explainer.label_names_
    thresholds = explainer.diagnosis_calibrator_.thresholds_
    np.testing.assert_array_equal(facts["diagnoses_thresholds"], thresholds)
    assert facts["diagnoses_calibrated"] is True
    assert "simulated" in facts["training_population"]
    assert ecgsk.__version__ in facts["software"]
    assert "Not a medical device" in facts["note"]
    (taken,) = exported.get_inputs()
    assert (taken.name, taken.shape[1:]) == ("ecg", [8, 1000])


def test_export_refuses_a_graph_that_differs(pipeline, exported, make_classifier, X, Y):
    other = make_pipeline(*pipeline[:-1], make_classifier(random_state=1))
    other.fit(SelectLeads(EIGHT).fit_transform(X), Y)
    parts = _onnx.take_model_apart(other)
    _, taken = _onnx.translate_steps(parts.steps, parts.encoder)
    shown = {"diagnoses": np.zeros((8, 4))}
    with pytest.raises(ECGError, match=r"differ from the model's by .*Nothing was written"):
        _onnx.compare(shown, other, parts, taken)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda fit, X, Y: fit(inputs="ecg+clinical").fit(X, Y), "inputs='ecg\\+clinical'"),
        (lambda fit, X, Y: fit().fit(X["ecg"].array.read(), Y), "fitted on plain arrays"),
        (
            lambda fit, X, Y: make_pipeline(FunctionTransformer(), fit()).fit(X, Y),
            "the step 'functiontransformer', a FunctionTransformer",
        ),
        (
            lambda fit, X, Y: MultilabelCalibrator(
                fit(), method="isotonic", calibration_size=0.5
            ).fit(X, Y),
            "method='isotonic'",
        ),
        (
            lambda fit, X, Y: MultilabelCalibrator().fit(np.full(Y.shape, 0.5), Y),
            "MultilabelCalibrator of probabilities",
        ),
        (
            lambda fit, X, Y: LogisticRegression().fit([[0.0], [1.0]], [0, 1]),
            "got a LogisticRegression",
        ),
    ],
)
def test_export_refuses_what_a_graph_cannot_hold(make, message, make_classifier, X, Y, tmp_path):
    with pytest.raises(ECGError, match=message):
        ecgsk.export(make(make_classifier, X, Y), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_export_refuses_an_unfitted_model(make_classifier, tmp_path):
    with pytest.raises(NotFittedError):
        ecgsk.export(make_classifier(), tmp_path / "model.onnx")


def test_import_of_ecgsk_leaves_onnx_alone():
    code = "import sys, ecgsk, ecgsk.deployment; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Other sizes of an encoder that is tested; docs/benchmarks/export.md has the differences.
OTHER_SIZES = {"net1d_founder", "resnet18", "resnet34", "s4_512", "xresnet1d101"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*ENCODERS} - OTHER_SIZES))
def test_each_encoder_equals_the_model(name, make_classifier, X, Y, tmp_path):
    model = make_classifier(encoder=name, fine_tune="probe").fit(X, Y)
    session = graph_of(ecgsk.export(model, tmp_path / "model.onnx"))
    n_records = 100
    x = records(n_records, 12, 1000, np.random.default_rng(0))
    frame = pd.DataFrame(
        {"ecg": ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=100)}
    )
    expected = model.predict_proba(frame)
    got = np.concatenate(
        [outputs_of(session, x[i : i + 50])["diagnoses"] for i in range(0, n_records, 50)]
    )
    difference = np.abs(got - expected).max()
    print(f"{name}: {difference:.1e}")
    # It counts samples above thresholds, and rounding decides of a sample that is on one.
    assert difference <= (1e-4 if name == "random_convolution" else 1e-5)
