"""Age, sex and body measures."""

import numpy as np
import pandas as pd
import pytest


def test_age_sex_and_body_measures(hospital):
    X = hospital.load().X
    assert X["age"].tolist() == [60, 63, 92]
    assert X["sex"].tolist() == ["F", "F", "M"]
    np.testing.assert_allclose(X["weight"], [150 * 0.45359237, np.nan, np.nan])
    np.testing.assert_allclose(X["height"], [165.1, np.nan, np.nan])
    np.testing.assert_allclose(X["bmi"], [150 * 0.45359237 / 1.651**2, np.nan, 31.5])


def test_window_that_ends_at_the_ecg_excludes_its_day(hospital):
    earlier = hospital.load(inputs={"biometrics_window": ("-30D", "0D")}).X
    assert earlier["weight"][0] == pytest.approx(160 * 0.45359237)


@pytest.mark.real_data
def test_demographics_of_the_demo(demo_cohort, demo_ecgs, demo):
    merged = demo_ecgs.merge(pd.read_csv(demo["hosp"] / "patients.csv.gz"), how="left")
    age = merged["anchor_age"] + merged["ecg_time"].dt.year - merged["anchor_year"]
    assert demo_cohort.X["age"].tolist() == age.tolist()
    assert demo_cohort.X["sex"].tolist() == merged["gender"].tolist()


@pytest.mark.real_data
def test_body_measures_of_the_demo(demo_cohort, demo_ecgs, demo):
    omr = pd.read_csv(demo["hosp"] / "omr.csv.gz", parse_dates=["chartdate"])
    pairs = omr.merge(demo_ecgs, on="subject_id")
    pairs["days"] = (pairs["chartdate"] - pairs["ecg_time"].dt.normalize()).dt.days
    pairs["distance"] = pairs["days"].abs()
    pairs = pairs[pairs["distance"] <= 30].sort_values(
        ["distance", "days", "seq_num", "result_value"]
    )
    X = demo_cohort.X
    for name, label, factor, low, high in [
        ("weight", "Weight (Lbs)", 0.45359237, 20, 400),
        ("height", "Height (Inches)", 2.54, 100, 240),
    ]:
        value = pairs["result_value"] * factor
        usable = pairs.assign(value=value)[
            (pairs["result_name"] == label) & value.between(low, high)
        ]
        first = usable.groupby("row")["value"].first()
        assert X[name].notna().sum() == len(first) > 0
        np.testing.assert_allclose(X.loc[first.index, name], first)
    np.testing.assert_allclose(X["bmi"], X["weight"] / (X["height"] / 100) ** 2)
