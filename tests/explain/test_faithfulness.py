"""deletion_faithfulness: directions of links against random ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecgsk.exceptions import ECGError
from ecgsk.explain import LabEvidence, deletion_faithfulness


@pytest.fixture(scope="module")
def cohort():
    """900 patients with two records; one cause affects ten features equally."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(900), 2)
    cause = np.repeat(rng.normal(size=900), 2)
    embedding = rng.normal(size=(1800, 10))
    embedding[:, 0] += 2 * cause
    noise = rng.normal(size=(1800, 2))
    labs = pd.DataFrame({"potassium high": cause + noise[:, 0] > 1}).astype(float)
    labs[rng.random(labs.shape) < 0.3] = np.nan
    diagnoses = pd.DataFrame({"hyperkalaemia": cause + noise[:, 1] > 1}).astype(float)
    diagnoses[rng.random(diagnoses.shape) < 0.1] = np.nan
    return embedding, labs, diagnoses, patients


def rows(cohort, first, last):
    chosen = (cohort[-1] >= first) & (cohort[-1] < last)
    return tuple(part[chosen] for part in cohort)


@pytest.fixture(scope="module")
def evidence(cohort):
    """Evidence of a head with weight on the cause's features alone."""
    model = LabEvidence()
    model.fit(*rows(cohort, 0, 300), weight=np.eye(1, 10))
    return model.validate(*rows(cohort, 300, 600))


@pytest.mark.parametrize("directions", ["concepts", "isotropic"])
def test_true_direction_loses_more_than_random_ones(cohort, evidence, directions):
    test = rows(cohort, 600, 900)
    predicted = test[0][:, :1] > 1
    frame = deletion_faithfulness(
        evidence,
        *test,
        predicted,
        directions=directions,
        n_random=50,
        n_resamples=200,
        random_state=0,
    )
    assert list(frame["finding"]) == ["potassium high", "all"]
    link = frame.iloc[0]
    contribution = evidence.contributions(test[0])[:, 0]
    deleted = predicted[:, 0] & (contribution > 0)
    assert link["n_records"] == deleted.sum()
    assert link["change"] == pytest.approx(contribution[deleted].mean())
    assert link["random_change"] < 0.6 * link["change"]
    assert 0.5 < link["low"] < link["beats_random"] < link["high"] <= 1
    truth = test[2].to_numpy()[:, 0]
    known = ~np.isnan(truth)
    before, after = test[0][:, 0], test[0][:, 0] - contribution
    assert link["auroc"] == pytest.approx(roc_auc_score(truth[known], before[known]))
    assert link["auroc"] - link["auroc_drop"] == pytest.approx(
        roc_auc_score(truth[known], after[known])
    )
    assert abs(link["random_auroc_drop"]) < 0.5 * link["auroc_drop"]
    # One link: all together is that link.
    assert frame.iloc[1, 2:].tolist() == pytest.approx(link[2:].tolist())


def test_random_direction_scores_at_chance(cohort, evidence):
    test = rows(cohort, 600, 900)
    shuffled = LabEvidence()
    shuffled.__setstate__(evidence.__getstate__())
    shares = []
    for concepts in (evidence.space().isotropic(1, np.random.RandomState(i)) for i in range(30)):
        space = evidence.space()
        shuffled.filters_ = concepts.filters @ space.basis.T
        slope = float(evidence.weight_[0] @ (concepts.patterns @ space.back)[0])
        # Its score is turned so that it raises the diagnosis.
        shuffled.filters_ *= np.sign(slope)
        shuffled.links_ = evidence.links_.assign(sensitivity=abs(slope))
        frame = deletion_faithfulness(
            shuffled, *test, test[0][:, :1] > 1, directions="isotropic", n_random=50
        )
        shares.append(frame["beats_random"].iloc[0])
    assert 0.4 < np.mean(shares) < 0.6


def test_no_predictions_give_no_records(cohort, evidence):
    test = rows(cohort, 600, 900)
    frame = deletion_faithfulness(evidence, *test, np.zeros((600, 1)), n_random=3)
    assert (frame["n_records"] == 0).all()
    assert frame[["change", "beats_random", "low", "high"]].isna().all(axis=None)


def test_unknown_directions_are_refused(cohort, evidence):
    with pytest.raises(ECGError, match="isotropic"):
        deletion_faithfulness(evidence, *cohort, np.ones((1800, 1)), directions="any")


def test_no_links_give_no_records(cohort, evidence):
    test = rows(cohort, 600, 900)
    none = LabEvidence()
    none.__setstate__(evidence.__getstate__())
    none.links_ = evidence.links_.assign(holds=False)
    assert none.contributions(test[0]).shape == (600, 0)
    frame = deletion_faithfulness(none, *test, np.ones((600, 1)), n_random=3)
    assert frame["finding"].tolist() == ["all"]
    assert frame["n_records"].tolist() == [0]
    assert np.isnan(frame["beats_random"][0])
