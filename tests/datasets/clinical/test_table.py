"""Clinical table of the simulator: distributions and missing values."""

import numpy as np
import pytest

# Share missing, then the 5th, 50th and 95th percentile of the measured values, on 109,000
# records of the frozen simulator.
OBSERVED = {
    "age": (0.000, 32.2, 61.9, 91.7),
    "bmi": (0.250, 19.7, 27.6, 38.4),
    "height": (0.301, 154.7, 169.4, 184.3),
    "weight": (0.251, 53.7, 79.0, 115.1),
    "heart_rate": (0.059, 55.8, 77.4, 104.0),
    "systolic_bp": (0.060, 92.0, 125.6, 158.7),
    "diastolic_bp": (0.059, 50.7, 74.5, 98.1),
    "respiratory_rate": (0.059, 11.97, 17.43, 23.45),
    "temperature": (0.059, 35.81, 36.75, 37.71),
    "oxygen_saturation": (0.060, 93.0, 96.7, 100.0),
    "potassium": (0.271, 3.44, 4.26, 5.47),
    "sodium": (0.271, 132.3, 138.9, 145.4),
    "calcium": (0.518, 8.34, 9.24, 10.10),
    "magnesium": (0.510, 1.63, 2.01, 2.39),
    "bicarbonate": (0.299, 20.5, 25.1, 29.6),
    "ph": (0.685, 7.302, 7.384, 7.460),
    "lactate": (0.687, 0.61, 1.43, 3.40),
    "creatinine": (0.271, 0.67, 1.01, 2.08),
    "urea_nitrogen": (0.291, 10.2, 17.2, 37.3),
    "glucose": (0.288, 71.1, 112.6, 192.8),
    "haemoglobin": (0.248, 11.3, 14.0, 16.2),
    "white_cells": (0.261, 3.99, 7.72, 15.14),
    "platelets": (0.268, 109.5, 219.5, 437.6),
    "crp": (0.790, 0.48, 4.07, 38.3),
    "troponin": (0.540, 0.003, 0.016, 0.226),
    "nt_probnp": (0.693, 27.8, 192.5, 4957.0),
    "tsh": (0.776, 0.15, 1.82, 21.1),
    "albumin": (0.620, 3.24, 4.01, 4.75),
    "hba1c": (0.831, 4.59, 6.06, 7.88),
    "d_dimer": (0.834, 58.6, 330.7, 1858.5),
}


def test_reference_ranges_have_bounds_and_units(cohort):
    ranges = cohort.reference_ranges
    assert ranges.loc["potassium"].tolist() == [3.5, 5.1, "mmol/L"]
    assert np.isnan(ranges.loc["troponin", "low"])
    assert (ranges["low"].isna() | ranges["high"].isna() | (ranges["low"] < ranges["high"])).all()


def test_distributions_equal_those_of_the_frozen_simulator(visits):
    observed = visits[1]
    for name, (missing, *percentiles) in OBSERVED.items():
        assert observed[name].isna().mean() == pytest.approx(missing, abs=0.012), name
        measured = np.nanpercentile(observed[name], [5, 50, 95])
        spread = percentiles[2] - percentiles[0]
        assert measured[:2] == pytest.approx(percentiles[:2], abs=0.03 * spread), name
        assert measured[2] == pytest.approx(percentiles[2], abs=0.08 * spread), name


@pytest.mark.parametrize(
    ("cause", "test"),
    [
        ("infection", "lactate"),
        ("decompensation", "nt_probnp"),
        ("acute_infarct", "troponin"),
        ("pulmonary_embolism", "d_dimer"),
        ("acuity", "potassium"),
    ],
)
def test_tests_are_ordered_more_often_for_their_disease(visits, cause, test):
    state, observed, _ = visits
    ill = state[cause] > state[cause].quantile(0.95)
    ordered_when_ill = observed.loc[ill, test].notna().mean()
    ordered_otherwise = observed.loc[~ill, test].notna().mean()
    assert ordered_when_ill > 1.15 * ordered_otherwise


def test_laboratory_values_are_missing_together(visits):
    missing = visits[1].isna().astype(float)
    assert missing["potassium"].corr(missing["haemoglobin"]) > 0.1
    assert abs(missing["potassium"].corr(missing["temperature"])) < 0.02
