"""Identifiers by name and by value, and what only looks like one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk import check_table

N = 200

IDENTIFIERS = [
    "patient_id",
    "PatientID",
    "patientId",
    "subject_id2_id",
    "mrn",
    "MRN",
    "patient_mrn",
    "hadm_id",
    "stay_id",
    "study_id",
    "ecg_id",
    "record_id",
    "recordId",
    "case_no",
    "patient_number",
    "person_key",
    "encounter_id",
    "accession_number",
    "visit_uid",
    "uuid",
    "filename",
    "file_name",
    "remainder__hadm_id",
    "num__stay_id",
    "nhs_number",
    "patientid",
    "device_id",
    "surname",
    "email",
    "id",
    "ID",
    "Unnamed:_0",
]
MEASUREMENTS = [
    "fluid",
    "acid",
    "uric_acid",
    "thyroid",
    "steroid_dose",
    "rapid",
    "pid_controller_gain",
    "humidity",
    "age",
    "sex",
    "visits",
    "n_records",
    "record_length",
    "case_mix",
    "potassium",
    "ph",
    "paced",
    "patient_weight",
    "subject_height",
    "hidden",
    "ecg_rate",
    "number_of_visits",
    "study_duration",
    "pt",
    "inr",
    "prothrombin_time",
    "mode",
    "idh1",
]


def kinds(X, **options):
    return {(f.kind, f.severity) for f in check_table(X, **options).findings}


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_name_of_an_identifier(name):
    name = name.replace("_0", " 0") if name.startswith("Unnamed") else name
    X = pd.DataFrame({name: np.random.default_rng(0).permutation(N), "age": np.arange(N) / 3})
    report = check_table(X)
    assert ("identifier", "error") in {(f.kind, f.severity) for f in report.errors}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_name_of_a_measurement(name):
    values = np.random.default_rng(0).normal(50, 20, N)
    assert kinds(pd.DataFrame({name: values})) == set()


@pytest.mark.parametrize("name", ["visit_number", "device_id", "ward_id", "case", "patient"])
def test_counts_and_codes_are_no_identifiers(name):
    assert kinds(pd.DataFrame({name: np.arange(N) % 5})) == set()


def test_patient_column_of_another_name_has_its_mend():
    X = pd.DataFrame({"patient_id": np.arange(N), "age": np.arange(N) / 3})
    (finding,) = check_table(X).findings
    assert "set group_column='patient_id'" in finding.mend
    assert kinds(X, group_column="patient_id") == set()


def test_patient_column_beside_named_clinical_columns():
    X = pd.DataFrame({"patient_id": np.arange(N), "age": np.arange(N) / 3})
    assert kinds(X, clinical_columns=["age"]) == {("patients", "warning")}
    assert kinds(X, clinical_columns=["age"], groups=np.arange(N)) == set()


NUMBERS = {
    "counter": np.arange(N),
    "counter as float": np.arange(N) + 0.0,
    "eight digits": 10_000_000 + np.random.default_rng(0).choice(80_000_000, N, replace=False),
    "six digits": 100_000 + np.random.default_rng(0).choice(800_000, N, replace=False),
    "eight digits, repeated": np.repeat(
        10_000_000 + np.random.default_rng(0).choice(80_000_000, N // 2, replace=False), 2
    ),
    "categories": pd.Categorical([f"x{i}" for i in range(N)]),
}


@pytest.mark.parametrize("values", NUMBERS.values(), ids=list(NUMBERS))
def test_values_of_an_identifier(values):
    assert kinds(pd.DataFrame({"x": values})) == {("identifier", "error")}


def test_one_number_per_patient(clean):
    codes = pd.factorize(clean.groups)[0]
    X = clean.X.drop(columns="ecg").assign(chart=1000 - codes)
    assert kinds(X) == {("identifier", "error")}


rng = np.random.default_rng(1)
NEAR_MISSES = {
    "nt_probnp": np.round(np.exp(rng.normal(6, 1.5, N))),
    "platelets per microlitre": 1000.0 * np.round(rng.normal(250, 60, N)),
    "age in years": np.round(rng.normal(60, 15, N)),
    "d-dimer": np.round(np.exp(rng.normal(6, 1, N))),
    "weight in grams": np.round(rng.normal(75_000, 12_000, N)),
    "few values": np.where(np.arange(N) < 30, np.arange(N), np.nan),
    "normal": rng.normal(size=N),
    "codes": rng.choice([1_000_001, 1_000_002, 1_000_003], N),
}


@pytest.mark.parametrize("values", NEAR_MISSES.values(), ids=list(NEAR_MISSES))
def test_numbers_that_measure(values):
    assert kinds(pd.DataFrame({"x": values})) == set()


@settings(max_examples=25)
@given(
    start=st.integers(0, 10**9),
    step=st.integers(1, 1),
    n=st.integers(50, 300),
    seed=st.integers(0, 99),
    missing=st.booleans(),
)
def test_any_row_counter_is_found(start, step, n, seed, missing):
    values = start + step * np.random.default_rng(seed).permutation(n).astype(float)
    if missing:
        values = np.r_[values, [np.nan] * 5]
    found = kinds(pd.DataFrame({"x": values}))
    assert found & {("identifier", "error"), ("date", "error")}


@settings(max_examples=25)
@given(st.integers(0, 999), st.sampled_from([20, 50, 200, 1000]), st.floats(0.1, 100))
def test_rounded_measurements_are_never_identifiers(seed, n, scale):
    values = np.round(np.random.default_rng(seed).normal(50, 10, n) * scale, 1)
    assert kinds(pd.DataFrame({"x": values})) == set()
