"""Ensembles: trained one after the other, with one linear head that averages log odds."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn.frozen import FrozenEstimator

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import EncoderEnsemble, RandomConvolution, ResNet1d
from ecgsk.training import Trainer

SMALL = ResNet1d(10, width=2)
BOTH = EncoderEnsemble([SMALL, RandomConvolution(84)])


@pytest.fixture(scope="module")
def cohort():
    return make_clinical_ecg(40, random_state=0)


def fit(cohort, encoder=SMALL, **parameters):
    settings = {"max_epochs": 1, "random_state": 0, "verbose": 0, "device": "cpu"}
    model = ECGDiagnosisClassifier(encoder, **settings | parameters)
    return model.fit(cohort.X, cohort.Y.iloc[:, :3])


def log_odds(model, X):
    return model.transform(X) @ model.coef_.T + model.intercept_


@pytest.mark.parametrize(
    ("encoder", "parameters", "n_members"),
    [
        (BOTH, {}, 2),
        (SMALL, {"n_models": 2}, 2),
        (BOTH, {"n_models": 2, "inputs": "ecg+clinical", "fine_tune": "full"}, 3),
        (BOTH, {"inputs": "ecg+clinical", "fine_tune": "probe_then_full"}, 2),
    ],
)
def test_ensemble_is_linear_in_its_embedding_and_saved(
    cohort, tmp_path, encoder, parameters, n_members
):
    model = fit(cohort, encoder, **parameters)
    P = model.predict_proba(cohort.X)
    np.testing.assert_allclose(log_odds(model, cohort.X), logit(P), atol=1e-3)
    assert len(model.net_.module_.backbone.encoder.members) == n_members
    loaded = ecgsk.load(ecgsk.save(model, tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict_proba(cohort.X), P)


def test_log_odds_are_the_mean_of_the_members(cohort):
    model, X = fit(cohort, BOTH), cohort.X
    n = model.net_.module_.backbone.encoder.members[0].n_features
    network = fit(cohort)  # draws other random numbers, so only the probe can be compared
    probe = fit(cohort, RandomConvolution(84))
    assert network.transform(X).shape[1] == n
    # Twice the block of the head, since the head is the mean of two.
    own = model.transform(X)[:, n:] @ (2 * model.coef_[:, n:].T)
    alone = probe.transform(X) @ probe.coef_.T
    for found, expected in zip(own.T, alone.T, strict=True):
        assert np.corrcoef(found, expected)[0, 1] > 0.9


def test_models_of_one_pretraining_differ_by_their_training(cohort):
    pretrainer = JointEmbeddingPretrainer(SMALL, max_epochs=1, random_state=0, verbose=0)
    frozen = FrozenEstimator(pretrainer.fit(cohort.X))
    model = fit(cohort, frozen, fine_tune="full", n_models=2)
    first, second = np.split(model.transform(cohort.X), 2, axis=1)
    assert not np.allclose(first, second)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.5
    assert model.history_.index.tolist() == [1, 2]


def test_a_probe_trains_no_network_to_average(cohort):
    model = fit(cohort, RandomConvolution(84), n_models=3)
    assert isinstance(model.encoder_spec_, RandomConvolution)


def test_number_of_models_is_checked(cohort):
    with pytest.raises(ValueError, match="n_models must be a positive int, got 0"):
        fit(cohort, n_models=0)


def test_networks_from_one_pretraining_differ_with_a_checkpoint_folder(cohort, tmp_path):
    """They start from equal weights: a checkpoint of the first is none of the second."""
    pretrained = FrozenEstimator(
        JointEmbeddingPretrainer(SMALL, max_epochs=1, random_state=0, verbose=0).fit(cohort.X)
    )
    plain, kept, resumed = (
        fit(cohort, pretrained, n_models=2, fine_tune="distill", trainer=trainer)
        for trainer in (None, *2 * [Trainer(checkpoint_folder=tmp_path)])
    )
    P = plain.predict_proba(cohort.X)
    np.testing.assert_array_equal(kept.predict_proba(cohort.X), P)
    np.testing.assert_array_equal(resumed.predict_proba(cohort.X), P)
    one, other = plain.net_.module_.backbone.encoder.members
    assert any((a != b).any() for a, b in zip(one.parameters(), other.parameters(), strict=True))
