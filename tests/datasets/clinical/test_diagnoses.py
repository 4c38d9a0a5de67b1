"""Coded diagnoses of the simulator."""

import pytest

# Measured on 109,000 records of the frozen simulator.
PREVALENCE = {
    "atrial fibrillation": 0.165,
    "acute myocardial infarction": 0.062,
    "old myocardial infarction": 0.101,
    "left ventricular hypertrophy": 0.058,
    "left bundle branch block": 0.038,
    "right bundle branch block": 0.039,
    "heart failure": 0.066,
    "hyperkalaemia": 0.029,
    "hypokalaemia": 0.034,
    "hypocalcaemia": 0.043,
    "chronic kidney disease": 0.088,
    "acute kidney injury": 0.072,
    "anaemia": 0.045,
    "sepsis": 0.075,
    "diabetes": 0.192,
    "COPD": 0.076,
    "hyperthyroidism": 0.049,
    "acidosis": 0.035,
}


def test_prevalences_equal_those_of_the_frozen_simulator(visits):
    Y = visits[2]
    assert list(Y.columns) == list(PREVALENCE)
    for name, expected in PREVALENCE.items():
        assert Y[name].mean() == pytest.approx(expected, abs=0.006), name
