"""lab_associations: odds ratios of all pairs."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.explain import lab_associations


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    patients = np.sort(rng.integers(250, size=600))
    ill = rng.normal(size=250)[patients]
    labs = pd.DataFrame(
        {
            "potassium low": ill + rng.normal(size=600) < -1,
            "potassium high": ill + rng.normal(size=600) > 1,
            "sodium low": rng.random(600) < 0.3,
        }
    ).astype(float)
    labs[rng.random(labs.shape) < 0.3] = np.nan
    diagnoses = pd.DataFrame(
        {"sepsis": ill + rng.normal(size=600) > 1, "gout": rng.random(600) < 0.2}
    ).astype(float)
    diagnoses.loc[rng.random(600) < 0.1, "gout"] = np.nan
    return labs, diagnoses, patients


def odds_ratio(finding, diagnosis):
    known = ~np.isnan(finding) & ~np.isnan(diagnosis)
    table = np.histogram2d(finding[known], diagnosis[known], bins=2, range=[[0, 1]] * 2)[0] + 0.5
    return table[1, 1] * table[0, 0] / table[0, 1] / table[1, 0]


def test_odds_ratios_equal_those_of_single_tables(cohort):
    labs, diagnoses, patients = cohort
    pairs = lab_associations(labs, diagnoses, patients, n_resamples=2, random_state=0)
    assert list(zip(pairs["diagnosis"], pairs["finding"], strict=True)) == [
        (d, f) for d in diagnoses for f in labs
    ]
    for pair in pairs.itertuples():
        finding, diagnosis = labs[pair.finding].to_numpy(), diagnoses[pair.diagnosis].to_numpy()
        assert pair.odds_ratio == pytest.approx(odds_ratio(finding, diagnosis))
        known = ~np.isnan(finding) & ~np.isnan(diagnosis)
        assert pair.n_patients == len(set(patients[known]))


def test_intervals_are_patient_bootstrap_percentiles(cohort):
    labs, diagnoses, patients = cohort
    pairs = lab_associations(labs, diagnoses, patients, n_resamples=60, random_state=3)
    numbers = np.unique(patients, return_inverse=True)[1]
    rng = np.random.RandomState(3)
    found = []
    for _ in range(60):
        drawn = rng.randint(numbers.max() + 1, size=numbers.max() + 1)
        rows = np.concatenate([np.flatnonzero(numbers == patient) for patient in drawn])
        found.append(
            [
                odds_ratio(labs[f].to_numpy()[rows], diagnoses[d].to_numpy()[rows])
                for d in diagnoses
                for f in labs
            ]
        )
    low, high = np.quantile(np.log(found), [0.025, 0.975], axis=0)
    np.testing.assert_allclose(pairs["low"], np.exp(low), rtol=1e-5)
    np.testing.assert_allclose(pairs["high"], np.exp(high), rtol=1e-5)


def test_repeated_records_do_not_narrow_intervals(cohort):
    labs, diagnoses, patients = cohort
    labs = labs.drop(columns="potassium low")  # so rare with sepsis that half a record matters
    once = lab_associations(labs, diagnoses, patients, random_state=0)
    repeated = [pd.concat([part] * 4) for part in (labs, diagnoses)]
    again = lab_associations(*repeated, np.tile(patients, 4), random_state=0)
    width = np.log(once["high"] / once["low"])
    np.testing.assert_allclose(np.log(again["high"] / again["low"]), width, rtol=0.1)


def test_pairs_of_few_records_are_nan():
    # A finding in three records, none of them diagnosed: resamples would all agree on nothing.
    finding, diagnosis = np.zeros((200, 2)), np.zeros((200, 1))
    finding[:3, 0], finding[150:190, 1], diagnosis[160:] = 1, 1, 1
    pairs = lab_associations(finding, diagnosis, np.arange(200), n_resamples=50, random_state=0)
    assert pairs.loc[0, ["odds_ratio", "low", "high"]].isna().all()
    assert pairs.loc[1, "low"] > 1  # thirty together, where eight were expected


@pytest.mark.parametrize(
    ("labs", "patients", "message"),
    [
        ([[4.2], [6.1]], [0, 1], "0, 1 or NaN"),
        ([[0.0], [1.0], [1.0]], [0, 1], "same records"),
        ([0.0, 1.0], [0, 1], "one column each"),
        ([[0.0], [1.0]], [5, 5], "two patients"),
    ],
)
def test_invalid_input_is_refused(labs, patients, message):
    with pytest.raises(ECGError, match=message):
        lab_associations(labs, [[0.0], [1.0]], patients)
