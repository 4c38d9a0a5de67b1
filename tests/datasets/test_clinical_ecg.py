"""make_clinical_ecg: a cohort like the one its published figures were measured on."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort, make_clinical_ecg, synthesize_ecg
from ecgsk.datasets._clinical import diagnoses, patients, table
from ecgsk.exceptions import ECGError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS

# Measured on 109,000 records of the frozen generator behind the published figures.
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
# Share missing, then the 5th, 50th and 95th percentile of what was measured.
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


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return make_clinical_ecg(600, random_state=0)


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Latent state, table and diagnoses of 55,000 visits, without their ECGs."""
    rng = np.random.default_rng(7)
    state = patients.draw_state(30_000, rng)
    return (
        pd.DataFrame(state),
        table.draw_table(state, rng),
        diagnoses.draw_diagnoses(state, rng),
    )


def test_the_cohort_is_complete_and_in_order(cohort):
    assert cohort.X["ecg"].ecg.leads == STANDARD_12_LEADS
    assert str(cohort.X["ecg"].dtype) == "ecg[12x1000, 100 Hz]"
    assert cohort.X["sex"].cat.categories.tolist() == ["female", "male"]
    assert [*cohort.X.columns[1:-1].drop("sex")] == list(OBSERVED)
    assert list(cohort.Y.columns) == list(PREVALENCE)
    assert set(np.unique(cohort.Y)) == {0.0, 1.0}
    pd.testing.assert_frame_equal(cohort.labs, cohort.X[list(cohort.labs.columns)])
    assert list(cohort.latent.columns) == list(patients.MEANING)
    assert not cohort.latent.isna().to_numpy().any()
    assert all(name in cohort.DESCR for name in cohort.latent)


def test_reference_ranges_have_sides_and_units(cohort):
    ranges = cohort.reference_ranges
    assert ranges.loc["potassium"].tolist() == [3.5, 5.1, "mmol/L"]
    assert np.isnan(ranges.loc["troponin", "low"])
    assert (ranges["low"].isna() | ranges["high"].isna() | (ranges["low"] < ranges["high"])).all()


def test_return_x_y():
    X, Y = make_clinical_ecg(5, random_state=0, return_X_y=True)
    assert X.index.equals(Y.index)
    assert "ecg" in X


def test_subjects_come_several_times_and_stay_themselves(cohort):
    visits = cohort.groups.value_counts()
    assert visits.min() == 1
    assert 4 <= visits.max() <= 8
    assert visits.mean() == pytest.approx(1.82, abs=0.15)
    assert cohort.groups.nunique() == 600
    by_subject = cohort.latent.groupby(cohort.groups)
    for name in ("age", "male", "old_infarct", "gain_V3", "shape_voltage"):
        assert (by_subject[name].nunique() == 1).all()
    assert (by_subject["potassium"].nunique() == visits.sort_index()).all()


def test_folds_never_part_a_subject(cohort):
    assert set(cohort.folds) == set(range(1, 11))
    assert (cohort.folds.groupby(cohort.groups).nunique() == 1).all()


def test_prevalences_are_those_of_the_frozen_generator(many):
    Y = many[2]
    for name, expected in PREVALENCE.items():
        assert Y[name].mean() == pytest.approx(expected, abs=0.006), name


def test_table_is_that_of_the_frozen_generator(many):
    observed = many[1]
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
def test_missing_values_inform(many, cause, test):
    state, observed, _ = many
    ill = state[cause] > state[cause].quantile(0.95)
    ordered_when_ill = observed.loc[ill, test].notna().mean()
    ordered_otherwise = observed.loc[~ill, test].notna().mean()
    assert ordered_when_ill > 1.15 * ordered_otherwise


def test_laboratory_values_go_missing_together(many):
    missing = many[1].isna().astype(float)
    assert missing["potassium"].corr(missing["haemoglobin"]) > 0.1
    assert abs(missing["potassium"].corr(missing["temperature"])) < 0.02


def test_diagnoses_never_look_at_the_table(monkeypatch):
    """With a table of pure noise and nothing measured, labels and ECGs stay the same."""
    before = make_clinical_ecg(40, random_state=5)
    monkeypatch.setattr(table, "MEASUREMENT_NOISE", 50.0)
    monkeypatch.setattr(table, "PANEL_NOISE", 50.0)
    after = make_clinical_ecg(40, random_state=5)
    assert not after.labs.equals(before.labs)
    pd.testing.assert_frame_equal(after.Y, before.Y)
    pd.testing.assert_frame_equal(after.latent, before.latent)
    assert (after.X["ecg"].array == before.X["ecg"].array).all()


def test_same_seed_same_cohort():
    first, again, other = (make_clinical_ecg(12, random_state=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first.X.drop(columns="ecg"), again.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(first.Y, again.Y)
    np.testing.assert_array_equal(first.X["ecg"].ecg.to_numpy(), again.X["ecg"].ecg.to_numpy())
    assert first.folds.equals(again.folds)
    assert first.X["age"].iloc[0] != other.X["age"].iloc[0]


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_generators_are_seeds_too_and_move_on(kind):
    seed = kind(0)
    first, second = (make_clinical_ecg(2, random_state=seed).X["age"].iloc[0] for _ in range(2))
    assert first != second
    assert make_clinical_ecg(2, random_state=kind(0)).X["age"].iloc[0] == first


def test_without_a_seed_numpy_decides():
    np.random.seed(0)  # noqa: NPY002
    first = make_clinical_ecg(2).X["age"].iloc[0]
    np.random.seed(0)  # noqa: NPY002
    assert make_clinical_ecg(2).X["age"].iloc[0] == first
    assert make_clinical_ecg(2).X["age"].iloc[0] != first


@pytest.mark.parametrize("n_subjects", [0, -3, 2.5, "ten", True])
def test_rejects_a_number_of_subjects_that_is_none(n_subjects):
    with pytest.raises(ECGError, match="n_subjects must be an integer of at least 1; got"):
        make_clinical_ecg(n_subjects)


@pytest.mark.parametrize("make", [make_clinical_ecg, lambda **k: synthesize_ecg(None, **k)])
def test_rejects_a_rate_too_low_for_a_qrs_complex(make):
    with pytest.raises(SamplingRateError, match="at least 50 Hz"):
        make(sampling_rate=20)
