"""Counts and description of the cohort."""

import pytest


def test_description_states_the_windows(hospital):
    text = hospital.load(inputs={"lab_window": ("-48h", "-1h"), "lab_aggregates": "mean"}).DESCR
    assert "mean value from -48h to -1h after the ECG, by charttime" in text
    assert "targets: nearest within 60min of the ECG" in text


@pytest.mark.real_data
def test_records_with_each_kind_of_data_are_counted(demo_cohort):
    steps = demo_cohort.steps["records"]
    assert steps["listed"] == steps["ECG readable"] == 113
    assert steps["diagnoses"] == 30
    assert demo_cohort.steps.loc["listed", "subjects"] == 17
    assert "listed: 113 (17)" in demo_cohort.DESCR
