"""Synthetic cohorts and ECGs of given states: contents, seeds and errors."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import make_clinical_ecg, synthesize_ecg
from ecgsk.datasets.clinical import patients, table
from ecgsk.exceptions import ECGError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS


def test_cohort_has_all_tables_and_columns(cohort):
    assert cohort.X["ecg"].ecg.leads == STANDARD_12_LEADS
    assert str(cohort.X["ecg"].dtype) == "ecg[12x1000, 100 Hz]"
    assert cohort.X["sex"].cat.categories.tolist() == ["female", "male"]
    assert cohort.X.shape[1] == 33
    assert [*cohort.X.columns[1:-1].drop("sex")] == [c for c in table.COLUMNS if c != "male"]
    assert cohort.Y.shape[1] == 18
    assert cohort.labs.shape[1] == 20
    assert set(np.unique(cohort.Y)) == {0.0, 1.0}
    pd.testing.assert_frame_equal(cohort.labs, cohort.X[list(cohort.labs.columns)])
    assert list(cohort.latent.columns) == list(patients.MEANING)
    assert not cohort.latent.isna().to_numpy().any()
    assert all(name in cohort.DESCR for name in cohort.latent)


def test_return_x_y_gives_two_tables():
    X, Y = make_clinical_ecg(5, random_state=0, return_X_y=True)
    assert X.index.equals(Y.index)
    assert "ecg" in X


def test_folds_are_by_subject(cohort):
    assert set(cohort.folds) == set(range(1, 11))
    assert (cohort.folds.groupby(cohort.groups).nunique() == 1).all()


def test_labels_and_ecgs_are_independent_of_the_table(monkeypatch):
    before = make_clinical_ecg(40, random_state=5)
    monkeypatch.setattr(table, "MEASUREMENT_NOISE", 50.0)
    monkeypatch.setattr(table, "PANEL_NOISE", 50.0)
    after = make_clinical_ecg(40, random_state=5)
    assert not after.labs.equals(before.labs)
    pd.testing.assert_frame_equal(after.Y, before.Y)
    pd.testing.assert_frame_equal(after.latent, before.latent)
    assert (after.X["ecg"].array == before.X["ecg"].array).all()


def test_same_seed_gives_the_same_cohort():
    first, again, other = (make_clinical_ecg(12, random_state=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first.X.drop(columns="ecg"), again.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(first.Y, again.Y)
    np.testing.assert_array_equal(first.X["ecg"].ecg.to_numpy(), again.X["ecg"].ecg.to_numpy())
    assert first.folds.equals(again.folds)
    assert first.X["age"].iloc[0] != other.X["age"].iloc[0]


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_generators_are_accepted_and_advance(kind):
    seed = kind(0)
    first, second = (make_clinical_ecg(2, random_state=seed).X["age"].iloc[0] for _ in range(2))
    assert first != second
    assert make_clinical_ecg(2, random_state=kind(0)).X["age"].iloc[0] == first


def test_without_a_seed_the_global_generator_is_used():
    np.random.seed(0)  # noqa: NPY002
    first = make_clinical_ecg(2).X["age"].iloc[0]
    np.random.seed(0)  # noqa: NPY002
    assert make_clinical_ecg(2).X["age"].iloc[0] == first
    assert make_clinical_ecg(2).X["age"].iloc[0] != first


@pytest.mark.parametrize("n_subjects", [0, -3, 2.5, "ten", True])
def test_invalid_number_of_subjects_is_rejected(n_subjects):
    with pytest.raises(ECGError, match="n_subjects must be an integer of at least 1; got"):
        make_clinical_ecg(n_subjects)


@pytest.mark.parametrize("make", [make_clinical_ecg, lambda **k: synthesize_ecg(None, **k)])
def test_rate_too_low_for_a_qrs_complex_is_rejected(make):
    with pytest.raises(SamplingRateError, match="at least 50 Hz"):
        make(sampling_rate=20)


def test_synthesize_changes_only_what_the_cause_affects(average):
    calm = synthesize_ecg(average, random_state=9).read()
    same = synthesize_ecg(average, random_state=9).read()
    fast = synthesize_ecg(average.assign(acid_load=3.0), random_state=9).read()
    toxic = synthesize_ecg(average.assign(potassium=7.0), random_state=9).read()
    np.testing.assert_array_equal(calm, same)
    np.testing.assert_array_equal(calm, fast)  # acid affects the table alone
    assert np.abs(toxic - calm).max() > 0.2
    # Between T and the next P potassium has no effect, and the noise is the same.
    assert np.median(np.abs(toxic - calm)) < 0.03


def test_synthesize_accepts_the_latent_of_a_cohort(recorded):
    ecg = synthesize_ecg(recorded[0].iloc[:10], random_state=0)
    assert len(ecg) == 10
    assert ecg.leads == STANDARD_12_LEADS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda latent: latent.drop(columns=["potassium"]), "latent lacks potassium"),
        (lambda latent: latent.assign(calcium=np.nan), "NaN in calcium"),
        (
            lambda latent: latent.assign(acute_infarct_territory="septal"),
            "must be one of anterior, inferior, lateral; got septal",
        ),
        (lambda latent: latent.assign(heart_rate=300.0), "must be 20 to 180 per minute"),
    ],
)
def test_invalid_latent_states_are_rejected(average, change, message):
    with pytest.raises(ECGError, match=message):
        synthesize_ecg(change(average))
