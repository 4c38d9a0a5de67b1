"""Vital signs and acuity from the emergency department."""

import numpy as np
import pandas as pd
import pytest

RANGES = {
    "heart_rate": ("heartrate", 10, 350),
    "systolic_bp": ("sbp", 20, 350),
    "diastolic_bp": ("dbp", 5, 250),
    "respiratory_rate": ("resprate", 1, 100),
    "oxygen_saturation": ("o2sat", 20, 100),
    "temperature": ("temperature", 25, 45),
}


def test_latest_plausible_value_before_the_ecg(hospital):
    X = hospital.load().X
    missing = [np.nan, np.nan]
    np.testing.assert_array_equal(X["heart_rate"], [100, *missing])  # triage is older
    np.testing.assert_array_equal(X["respiratory_rate"], [18, *missing])  # 0 is implausible
    np.testing.assert_allclose(X["temperature"][0], 37.0)
    np.testing.assert_array_equal(X["acuity"], [2, *missing])
    assert "heart_rate" not in hospital.load(ed=None).X


@pytest.mark.real_data
def test_vital_signs_of_the_demo(demo_cohort, demo_ecgs, demo):
    vitals = pd.read_csv(demo["ed"] / "vitalsign.csv.gz", parse_dates=["charttime"])
    triage = pd.read_csv(demo["ed"] / "triage.csv.gz")
    stays = pd.read_csv(demo["ed"] / "edstays.csv.gz", parse_dates=["intime"])
    triage = triage.merge(stays[["stay_id", "intime"]]).rename(columns={"intime": "charttime"})
    both = pd.concat([vitals.assign(source=0), triage.assign(source=1)])
    both["temperature"] = (both["temperature"] - 32) / 1.8
    pairs = both.merge(demo_ecgs, on="subject_id")
    before = (pairs["ecg_time"] - pairs["charttime"]).dt.total_seconds()
    pairs = pairs.assign(before=before)[before.between(0, 86_400)]
    for name, (column, low, high) in RANGES.items():
        usable = pairs[pairs[column].between(low, high)]
        latest = usable.sort_values(["before", "source", column]).groupby("row")[column].first()
        assert demo_cohort.X[name].notna().sum() == len(latest) > 0, name
        np.testing.assert_allclose(demo_cohort.X.loc[latest.index, name], latest)
    assert "acuity" not in demo_cohort.X  # the demo has none
