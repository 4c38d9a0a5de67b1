"""Explanations made by hand."""

import numpy as np
import pytest

from ecgsk.explain import Attribution, Diagnosis, Evidence, Explanation, LabFinding, SimilarPatient
from ecgsk.signals import STANDARD_12_LEADS, ECGArray

DIAGNOSES = (
    Diagnosis("sepsis", 0.04, 0.5),
    Diagnosis("hyperkalaemia", 0.82, 0.5),
    Diagnosis("atrial fibrillation", 0.3, 0.2),
)
FINDINGS = (
    LabFinding("potassium", "low", 0.02, 0.1, 3.5, 5.1, "mmol/L"),
    LabFinding("potassium", "high", 0.71, 0.08, 3.5, 5.1, "mmol/L"),
    LabFinding("troponin", "high", 0.35, 0.3, None, 0.04, "ng/mL"),
)


@pytest.fixture
def make_explanation():
    def make(record=7, diagnoses=DIAGNOSES, laboratories=FINDINGS, ecg=None):
        return Explanation(record, tuple(diagnoses), tuple(laboratories), ecg)

    return make


@pytest.fixture(scope="session")
def make_record():
    """One ECG at 100 Hz, in mV; a ramp of 1 mV over 10 s by default."""

    def make(leads=STANDARD_12_LEADS, signal=None):
        if signal is None:
            signal = np.tile(np.linspace(0, 1, 1001)[:1000], (len(leads), 1))
        array = ECGArray.from_numpy(signal[None].astype(np.float32), sampling_rate=100, leads=leads)
        return array[0]

    return make


@pytest.fixture(scope="session")
def make_full_explanation(make_record):
    """All sections filled; ``name`` is used for all text of the caller."""

    def make(name="potassium", record=7, quality="", ecg=None):
        ecg = make_record() if ecg is None else ecg
        answers = ((True,), (False, True), (), (False,), (False,), None)
        numbers = ((0.82, 0.3), (0.41, 0.3), (0.2, 0.3), (0.7, 0.3), (0.04, 0.3), (0.6, 0.5))
        labels = (name, "both", "neither", "against", "absent", "rare")
        lead = 1 / len(ecg.leads)
        finding = f"{name} high"
        return Explanation(
            record,
            tuple(
                Diagnosis(label, p, threshold, kept, None if kept is None else 0.9)
                for label, (p, threshold), kept in zip(labels, numbers, answers, strict=True)
            ),
            (
                LabFinding(name, "high", 0.7, 0.1, 3.5, 5.1, name, 0.4, 0.8, 0.9, 0.1),
                LabFinding("sodium", "low", 0.1, 0.2, 135.0, None, "mmol/L", 0.4, 0.7, 0.8, 0.25),
            ),
            ecg,
            (
                Evidence(name, finding, 1.42, 14.2, 9.8, 21.5, 20.5, 18.1, 0.94, True),
                Evidence(name, "sodium low", -0.3, 1.5, 1.4, 1.7, 1.9, 1.8, 0.2, False),
            ),
            (
                Attribution(
                    name,
                    np.linspace(-1, 1, len(ecg.leads) * 500).reshape(len(ecg.leads), 500),
                    dict.fromkeys(ecg.leads, lead),
                    ((0.1, 0.9, 0.6), (0.9, 1.8, 0.4)),
                    0.04,
                ),
            ),
            (SimilarPatient(name, 0.97, (name,), {name: name, "age": 71.0, "ph": float("nan")}),),
            quality,
            {name: name, "fitted_on": {"patients": 5210}},
        )

    return make
