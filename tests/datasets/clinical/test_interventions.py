"""Interventions on latent causes of the simulator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets import make_clinical_ecg
from ecgsk.datasets.clinical.patients import LIMITS, MEANING
from ecgsk.exceptions import ECGError

N, SEED = 60, 11
TERRITORIES = {name for name in MEANING if name.endswith("_territory")}
# Causes that change with these, read off the equations of `patients`.
DESCENDANTS = {
    "potassium": {"heart_rate"},
    "heart_rate": set(),
    "calcium": set(),
    "magnesium": {"calcium"},
    "pulmonary_embolism": {"acuity", "heart_rate"},
    "acute_kidney_injury": {
        "renal_impairment", "acid_load", "potassium", "magnesium", "calcium", "acuity",
        "heart_rate",
    },
    "thyroid": {"hyperthyroidism", "hypothyroidism", "in_af", "heart_rate"},
    "rbbb": set(),
}  # fmt: skip


@pytest.fixture(scope="module")
def before():
    return make_clinical_ecg(N, random_state=SEED)


def intervene(**interventions):
    return make_clinical_ecg(N, random_state=SEED, interventions=interventions)


def signals(cohort):
    return cohort.X["ecg"].array.read()


@pytest.mark.parametrize("name", DESCENDANTS)
def test_only_the_cause_and_its_descendants_change(before, name):
    after = intervene(**{name: 1.0})
    changed = {
        column for column in MEANING if not after.latent[column].equals(before.latent[column])
    }
    assert name in changed
    assert changed <= {name} | DESCENDANTS[name]


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(sorted(set(MEANING) - TERRITORIES)),
    shift=st.floats(-3, 3),
)
def test_any_intervention_keeps_the_noise_and_the_limits(before, name, shift):
    after = intervene(**{name: shift})
    low, high = LIMITS.get(name, (-np.inf, np.inf))
    np.testing.assert_allclose(
        after.latent[name], np.clip(before.latent[name] + shift, low, high), atol=1e-12
    )
    # What a table may miss depends on acuity; the patients do not depend on anything.
    assert after.groups.equals(before.groups)
    assert after.folds.equals(before.folds)
    assert np.isfinite(signals(after)).all()


@pytest.mark.parametrize("interventions", [{}, {"potassium": 0.0, "age": 0.0, "in_af": 0}])
def test_intervention_of_zero_gives_equal_cohorts(before, interventions):
    after = intervene(**interventions)
    assert after.X.drop(columns="ecg").equals(before.X.drop(columns="ecg"))
    assert after.Y.equals(before.Y)
    assert after.latent.equals(before.latent)
    np.testing.assert_array_equal(signals(after), signals(before))


def test_measurement_and_ecg_follow_the_cause_alone(before):
    after = intervene(potassium=1.0)
    both = (before.labs["potassium"].notna() & (before.latent["potassium"] < 7.5)).to_numpy()
    rise = (after.labs["potassium"] - before.labs["potassium"])[both]
    np.testing.assert_allclose(rise, 1.0)
    others = before.labs.columns.drop("potassium")
    assert after.labs[others].equals(before.labs[others])
    moved = signals(after)
    # Below 5 mmol/L potassium moves only the chance of premature beats.
    high = (after.latent["potassium"] > 5.2).to_numpy()
    assert high.sum() > 20
    assert np.abs(moved - signals(before))[high].max(axis=(1, 2)).min() > 0.005
    np.testing.assert_allclose(moved[:, 0] + moved[:, 2], moved[:, 1], atol=1e-6)


def test_a_cause_without_a_part_in_the_ecg_leaves_it_equal(before):
    after = intervene(thyroid_drive=0.0, frailty=0.0, bmi=0.0, acuity=1.0)
    np.testing.assert_array_equal(signals(after), signals(before))
    # A patient who looks iller has more tests.
    assert after.labs.notna().sum().sum() > before.labs.notna().sum().sum()


@pytest.mark.parametrize(
    ("interventions", "message"),
    [
        ({"potasium": 1.0}, "may change age, male"),
        ({"old_infarct_territory": 1.0}, "got 'old_infarct_territory'"),
        ({"potassium": float("nan")}, "on potassium must be a finite number to add; got nan"),
        ({"potassium": "high"}, "got 'high'"),
    ],
)
def test_invalid_interventions_are_rejected(interventions, message):
    with pytest.raises(ECGError, match=message):
        make_clinical_ecg(2, interventions=interventions)
