"""Explanations made by hand, and an explainer to make them."""

import numpy as np
import pytest

from ecgsk.explain import Diagnosis, Explanation, LabFinding
from ecgsk.signals import STANDARD_12_LEADS, ECGArray


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_thread):
    """See there."""


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
    """One ECG at 100 Hz, in mV; a ramp of 1 mV over 10 s unless told otherwise."""

    def make(leads=STANDARD_12_LEADS, signal=None):
        if signal is None:
            signal = np.tile(np.linspace(0, 1, 1001)[:1000], (len(leads), 1))
        array = ECGArray.from_numpy(signal[None].astype(np.float32), sampling_rate=100, leads=leads)
        return array[0]

    return make
