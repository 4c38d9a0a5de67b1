"""Write the frozen model beside this file, with what it predicts.

Run after a change of the format, in the root of the project:

    python tests/persistence/frozen/write.py

Otherwise it stays as it is: later versions must read it and predict the same.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import InceptionTime
from ecgsk.exceptions import CalibrationWarning
from ecgsk.objectives import TablePrediction
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.signals import STANDARD_12_LEADS, ECGArray

HERE = Path(__file__).parent
_SETTINGS = {"max_epochs": 2, "random_state": 0, "verbose": 0, "device": "cpu"}
_COLUMNS = ["ecg", "age", "sex", "potassium", "subject_id"]


def signals() -> pd.DataFrame:
    """Return three records of spikes and waves by a formula that no version changes."""
    time = np.arange(2000) / 200
    records = []
    for rate in (0.9, 1.2, 2.1):
        phase = time * rate % 1
        beat = np.exp(-(((phase - 0.3) / 0.015) ** 2)) + 0.3 * np.exp(
            -(((phase - 0.6) / 0.06) ** 2)
        )
        heights = np.linspace(-0.5, 1.5, 12)[:, None]
        records.append(heights * beat + 0.05 * np.sin(2 * np.pi * 0.3 * time))
    ecg = ECGArray.from_numpy(np.stack(records), leads=STANDARD_12_LEADS, sampling_rate=200)
    return pd.DataFrame({"ecg": ecg})


def fit() -> Pipeline:
    """Fit the three stages; the explainer holds the classifier, and that the pretrainer."""
    cohort = make_clinical_ecg(n_subjects=60, sampling_rate=200, random_state=0)
    labels = cohort.Y.mean().sort_values(ascending=False).index[:3]
    laboratories = ["potassium", "troponin"]
    prepare = make_pipeline(Resample(50), BandpassFilter(0.5, 20.0)).fit(cohort.X[_COLUMNS])
    X, Y, labs = prepare.transform(cohort.X[_COLUMNS]), cohort.Y[labels], cohort.labs[laboratories]
    encoder = InceptionTime(3, width=1, kernel_size=3)
    pretrainer = JointEmbeddingPretrainer(encoder, objective=TablePrediction(), **_SETTINGS)
    classifier = ECGDiagnosisClassifier(
        FrozenEstimator(pretrainer.fit(X)), fine_tune="full", **_SETTINGS
    ).fit(X, Y)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier),
        reference_ranges=cohort.reference_ranges.loc[laboratories],
        random_state=0,
    ).fit(X, labs, diagnoses=Y)
    later = make_clinical_ecg(n_subjects=60, sampling_rate=200, random_state=1)
    held_out = later.X[_COLUMNS].assign(subject_id=later.X["subject_id"] + 10_000)
    explainer.calibrate(prepare.transform(held_out), later.labs[laboratories], later.Y[labels])
    return make_pipeline(*(step for _, step in prepare.steps), explainer)


def predict(model: Pipeline) -> dict[str, list]:
    """Return what each stage predicts for the signals."""
    X, explainer = signals(), model[-1]
    prepared = model[:-1].transform(X)
    classifier = explainer.encoder_
    return {
        "embedding": classifier.encoder.estimator.transform(prepared).tolist(),
        "diagnoses": classifier.predict_proba(prepared).tolist(),
        "laboratories": model.predict_proba(X).tolist(),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore", CalibrationWarning)
    fitted = fit()
    ecgsk.save(fitted, HERE / "model", overwrite=True)
    expected = json.dumps(predict(fitted), indent=1, ensure_ascii=False)
    (HERE / "expected.json").write_text(expected + "\n", "utf-8")
