"""Windows of long recordings: fitted, cross-validated by patient, predicted and aggregated."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.deployment import predict_records
from ecgsk.encoders import ResNet1d
from ecgsk.metrics import aggregate_windows, masked_roc_auc_scorer
from ecgsk.preprocessing import BandpassFilter, Resample, cut_windows
from ecgsk.signals import ECGArray

LABELS = ["AF", "MI"]


def classifier():
    tiny = ResNet1d(10, width=4)
    return ECGDiagnosisClassifier(tiny, max_epochs=1, random_state=0, verbose=0, device="cpu")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Twelve recordings of six patients, a minute each, on disk."""
    path = tmp_path_factory.mktemp("long") / "ecg.npy"
    x = np.random.default_rng(0).normal(scale=0.3, size=(12, 2, 12_000))
    np.save(path, x.astype(np.float32))
    ecg = ECGArray.from_npy(path, leads=["I", "II"], sampling_rate=200)
    index = [f"r{i}" for i in range(12)]
    X = pd.DataFrame({"ecg": ecg, "subject_id": np.arange(12) // 2}, index=index)
    Y = np.stack([np.arange(12) % 2, np.arange(12) % 3 == 0], axis=1).astype(float)
    return X, pd.DataFrame(Y, columns=LABELS, index=index)


@pytest.fixture(scope="module")
def windows(recordings):
    return cut_windows(recordings[0], 10)


@pytest.fixture(scope="module")
def model(windows, recordings):
    steps = Resample(100), BandpassFilter(0.5, 40), classifier()
    return make_pipeline(*steps).fit(windows, recordings[1].loc[windows.index])


def test_a_window_is_predicted_as_a_record_of_its_samples(model, windows):
    view = windows["ecg"].ecg
    copied = ECGArray.from_numpy(view.to_numpy(), leads=view.leads, sampling_rate=200)
    np.testing.assert_array_equal(
        model.predict_proba(windows), model.predict_proba(windows.assign(ecg=copied))
    )
    again = pickle.loads(pickle.dumps(windows.iloc[30:40]))
    np.testing.assert_allclose(
        model.predict_proba(again), model.predict_proba(windows)[30:40], rtol=0, atol=1e-6
    )


def test_record_and_start_of_a_window_are_no_clinical_columns(windows, recordings):
    fitted = classifier().fit(windows, recordings[1].loc[windows.index])
    assert fitted.clinical_columns_ == []


def test_windows_are_cross_validated_by_patient_and_aggregated(windows, recordings):
    X, Y = recordings
    Y_windows = Y.loc[windows.index]
    by_patient = {"groups": windows["subject_id"], "cv": GroupKFold(3)}
    scores = cross_validate(
        classifier(), windows, Y_windows, scoring=masked_roc_auc_scorer, **by_patient
    )
    assert np.isfinite(scores["test_score"]).all()
    P = cross_val_predict(classifier(), windows, Y_windows, method="predict_proba", **by_patient)
    P = pd.DataFrame(P, columns=LABELS)
    of_records = aggregate_windows(P, windows["record"].to_numpy())
    assert of_records.index.tolist() == X.index.tolist()
    np.testing.assert_allclose(of_records, P.to_numpy().reshape(12, 6, 2).mean(axis=1))
    of_patients = aggregate_windows(P, windows["subject_id"].to_numpy(), "max")
    assert of_patients.index.tolist() == list(range(6))


def test_windows_are_predicted_in_bulk(model, windows):
    frame = predict_records(model, windows, chunk_size=20, progress=False)
    assert frame["record"].tolist() == windows["record"].tolist()
    np.testing.assert_allclose(
        frame[[f"probability/{label}" for label in LABELS]],
        model.predict_proba(windows),
        rtol=0,
        atol=1e-6,
    )
