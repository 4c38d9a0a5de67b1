"""Counts under drift between the clocks of ECG recorder and hospital."""

import pandas as pd
import pytest

from ecgsk.datasets._mimic_iv._drift import DRIFT_HOURS


def test_counts_move_with_the_time_of_the_ecg(hospital):
    table = hospital.load(inputs={"lab_window": "1h", "vitals_window": "4h"}).clock_drift
    assert table.index.tolist() == list(DRIFT_HOURS)
    # Stays: from 08:00 (emergency) to 15 January; and from 07:00 to 9 March.
    assert table["records inside a stay"].tolist() == [1, 1, 2, 2, 2, 2, 2]
    # Vital signs at 08:00, 09:00 and 12:30 of ECG 1, recorded at 12:00.
    assert table["records with vital signs"].tolist() == [1, 1, 1, 1, 1, 1, 1]


def test_count_without_drift_is_that_of_the_cohort(hospital):
    cohort = hospital.load(inputs={"lab_window": "1h"})
    laboratories = [name for name in cohort.lab_counts.index if name in cohort.X]
    asked = cohort.clock_drift.loc[0]
    inputs, targets = cohort.X[laboratories].notna(), cohort.labs.notna()
    assert asked["values of laboratory inputs"] == inputs.to_numpy().sum()
    assert asked["records with laboratory inputs"] == inputs.any(axis=1).sum()
    assert asked["values of laboratory targets"] == targets.to_numpy().sum()
    assert asked["records with laboratory targets"] == targets.any(axis=1).sum()


def test_later_ecgs_find_later_values(hospital):
    table = hospital.load(inputs={"lab_window": "1h"}).clock_drift
    # ECG 1 at 12:00 has potassium at 11:30 and lactate at 12:00; ECG 3 at 08:00 has potassium
    # only at 08:20.
    assert table["values of laboratory inputs"].tolist() == [0, 0, 0, 2, 3, 0, 0]


@pytest.mark.real_data
def test_drift_of_the_demo(demo_cohort):
    table = demo_cohort.clock_drift
    assert table.loc[0, "records with laboratory targets"] == (
        demo_cohort.labs.notna().any(axis=1).sum()
    )
    assert (table.drop(columns="records inside a stay").nunique() > 1).all()
    assert isinstance(table, pd.DataFrame)
