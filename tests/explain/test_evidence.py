"""LabEvidence: links in training and in held-out patients."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import ecgsk
from ecgsk.exceptions import ECGError
from ecgsk.explain import LabEvidence

FINDINGS = ["potassium high", "haemoglobin low", "tsh low", "ph low"]
DIAGNOSES = ["hyperkalaemia", "anaemia", "gout"]


@pytest.fixture(scope="module")
def cohort():
    """1,200 patients with two records; the embedding reflects potassium and haemoglobin."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(1200), 2)
    cause = np.repeat(rng.normal(size=(1200, 3)), 2, axis=0)
    mixing = rng.normal(size=(3, 12))
    embedding = cause @ mixing + rng.normal(size=(2400, 12)) * rng.uniform(0.05, 1.5, 12)
    noise = rng.normal(size=(2400, 7))
    labs = pd.DataFrame(
        {
            "potassium high": cause[:, 0] + noise[:, 0] > 1.2,
            "haemoglobin low": cause[:, 1] + noise[:, 1] > 1.2,
            "tsh low": noise[:, 2] > 1,
            "ph low": np.zeros(2400),  # never seen
        }
    ).astype(float)
    labs[rng.random(labs.shape) < 0.4] = np.nan
    diagnoses = pd.DataFrame(
        {
            "hyperkalaemia": cause[:, 0] + 0.7 * noise[:, 4] > 1,
            "anaemia": cause[:, 1] + 0.7 * noise[:, 5] > 1,
            "gout": noise[:, 6] > 1,
        }
    ).astype(float)
    weight = np.linalg.lstsq(embedding, cause, rcond=None)[0].T
    return embedding, labs, diagnoses, patients, weight


def of(cohort, first, last):
    embedding, labs, diagnoses, patients, _ = cohort
    rows = (patients >= first) & (patients < last)
    return embedding[rows], labs[rows], diagnoses[rows], patients[rows]


@pytest.fixture(scope="module")
def evidence(cohort):
    model = LabEvidence(n_resamples=200, n_random=200, random_state=0)
    return model.fit(*of(cohort, 0, 600), weight=cohort[-1]).validate(*of(cohort, 600, 1200))


def test_only_true_links_hold(evidence):
    held = evidence.held_links_
    assert list(zip(held["diagnosis"], held["finding"], strict=True)) == [
        ("hyperkalaemia", "potassium high"),
        ("anaemia", "haemoglobin low"),
    ]
    assert (held[["low", "held_out_low"]] > 1).all(axis=None)
    assert (held[["p_value", "held_out_p_value"]] <= 0.05).all(axis=None)
    never = evidence.links_.query("finding == 'ph low'")
    assert never[["odds_ratio", "sensitivity", "p_value"]].isna().all(axis=None)


def test_link_in_training_alone_does_not_hold(cohort, evidence):
    embedding, labs, diagnoses, patients = of(cohort, 600, 1200)
    rng = np.random.default_rng(1)
    in_patients = clone(evidence).fit(*of(cohort, 0, 600), weight=cohort[-1])
    other = pd.DataFrame(rng.permutation(labs), columns=FINDINGS, index=labs.index)
    assert in_patients.validate(embedding, other, diagnoses, patients).held_links_.empty
    # The odds ratio is as it was, but the embedding no longer shows the finding.
    in_patients.validate(rng.permutation(embedding), labs, diagnoses, patients)
    assert (in_patients.links_["held_out_low"] > 1).sum() >= 2
    assert in_patients.held_links_.empty


def test_contribution_is_the_loss_of_log_odds_by_deletion(cohort, evidence):
    embedding, weight = cohort[0], cohort[-1]
    contributions = evidence.contributions(embedding)
    for link, contribution in zip(evidence.held_links_.itertuples(), contributions.T, strict=True):
        finding = evidence.findings_.index(link.finding)
        score = (embedding - evidence.mean_) @ evidence.filters_[finding]
        deleted = embedding - np.outer(score, evidence.patterns_[finding])
        np.testing.assert_allclose(
            (deleted - evidence.mean_) @ evidence.filters_[finding], 0, atol=1e-9
        )
        row = weight[evidence.diagnoses_.index(link.diagnosis)]
        np.testing.assert_allclose((embedding - deleted) @ row, contribution, atol=1e-9)


def test_sensitivity_is_the_slope_of_log_odds_over_the_score(cohort, evidence):
    embedding = of(cohort, 0, 600)[0]
    link = evidence.held_links_.iloc[0]
    score = (embedding - evidence.mean_) @ evidence.filters_[0]
    assert score.std() == pytest.approx(1)
    assert np.polyfit(score, embedding @ cohort[-1][0], 1)[0] == pytest.approx(link.sensitivity)


def test_links_are_sorted_by_sensitivity(evidence):
    for _, links in evidence.links_.groupby("diagnosis"):
        assert links["sensitivity"].dropna().is_monotonic_decreasing
    assert list(dict.fromkeys(evidence.links_["diagnosis"])) == DIAGNOSES


def test_units_of_the_embedding_do_not_matter(cohort, evidence):
    units = np.random.default_rng(0).uniform(0.5, 5, 12)
    parts = [(e * units, *rest) for e, *rest in (of(cohort, 0, 600), of(cohort, 600, 1200))]
    other = clone(evidence).fit(*parts[0], weight=cohort[-1] / units).validate(*parts[1])
    pd.testing.assert_frame_equal(other.links_, evidence.links_, rtol=1e-4, atol=0.01)


def test_saved_and_loaded_is_equal(cohort, evidence, tmp_path):
    ecgsk.save(evidence, tmp_path / "evidence")
    loaded = ecgsk.load(tmp_path / "evidence")
    pd.testing.assert_frame_equal(loaded.held_links_, evidence.held_links_)
    np.testing.assert_array_equal(
        loaded.contributions(cohort[0]), evidence.contributions(cohort[0])
    )


def test_invalid_use_is_refused(cohort):
    embedding, labs, diagnoses, patients = of(cohort, 0, 100)
    model = LabEvidence(n_resamples=2, n_random=2)
    with pytest.raises(ECGError, match="weight of shape"):
        model.fit(embedding, labs, diagnoses, patients, weight=cohort[-1][:2])
    model.fit(embedding, labs, diagnoses, patients, weight=cohort[-1])
    with pytest.raises(ECGError, match="validate first"):
        model.contributions(embedding)
    with pytest.raises(ECGError, match="with the columns of fit"):
        model.validate(embedding, labs[FINDINGS[::-1]], diagnoses, patients)
