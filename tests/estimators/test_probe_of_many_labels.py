"""The linear probe solves all labels at once: each comes out as if it stood alone."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ecgsk.estimators import _probe
from ecgsk.estimators._probe import fit_linear_probe

N, N_FEATURES, N_LABELS = 2000, 64, 300


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(N_FEATURES, N_FEATURES)) * 10.0 ** rng.uniform(-1, 1, N_FEATURES)
    return (rng.normal(size=(N, N_FEATURES)) @ mixing).astype(np.float32)


@pytest.fixture(scope="module")
def z(features):
    features = features.astype(np.float64)
    return (features - features.mean(axis=0)) / features.std(axis=0)


@pytest.fixture(scope="module")
def targets(z):
    """Labels the features tell well, from one record in two hundred to one in two."""
    rng = np.random.default_rng(1)
    odds = 10 ** rng.uniform(-2.3, 0, size=N_LABELS)
    logits = z @ rng.normal(size=(N_FEATURES, N_LABELS)) * 0.4 + np.log(odds)
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    targets[0], targets[1] = 0, 1
    targets[rng.random(targets.shape) < 0.1] = np.nan
    return targets


def logits_of(features, targets):
    weight, bias = fit_linear_probe(features, targets, np.zeros(len(features)), multinomial=False)
    return features.astype(np.float64) @ weight.T + bias


@pytest.mark.parametrize("strength", [_probe._STRENGTHS[0], _probe._STRENGTHS[-1]])
def test_each_label_is_scikit_learns_logistic_regression(
    monkeypatch, features, z, targets, strength
):
    monkeypatch.setattr(_probe, "_STRENGTHS", (strength,))
    logits = logits_of(features, targets)
    for label in range(0, N_LABELS, 15):
        known = ~np.isnan(targets[:, label])
        reference = LogisticRegression(C=strength, max_iter=10_000, tol=1e-8)
        reference.fit(z[known], targets[known, label])
        np.testing.assert_allclose(logits[:, label], reference.decision_function(z), atol=5e-3)


def test_a_label_is_the_same_alone_and_among_others(features, targets):
    among = logits_of(features, targets)
    for label in range(0, N_LABELS, 15):
        alone = logits_of(features, targets[:, [label]])
        np.testing.assert_allclose(among[:, [label]], alone, atol=4e-3)


@pytest.mark.parametrize("value", [0.0, 4.0])
@pytest.mark.parametrize("multinomial", [False, True])
def test_features_without_any_spread_leave_the_prevalence(value, multinomial):
    """An encoder whose units are all dead: exactly the same number everywhere."""
    true = np.arange(40) % 4 == 0
    targets = np.column_stack([~true, true]).astype(np.float32)
    weight, bias = fit_linear_probe(
        np.full((40, 5), value, dtype=np.float32), targets, np.arange(40), multinomial=multinomial
    )
    logits = weight @ np.full(5, value) + bias
    if multinomial:
        logits = logits - logits[::-1]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), [0.75, 0.25], atol=1e-3)
    assert not weight.any()


def test_unknown_labels_do_not_sway_the_penalty():
    """Counted as negative, the many that look positive would ask for the strongest."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3))
    targets = (features[:, [0]] > 0).astype(float)
    unknown = np.arange(400) >= 200
    features[unknown, 0] = 1 + np.abs(features[unknown, 0])
    targets[unknown] = np.nan
    weight, bias = fit_linear_probe(features, targets, np.arange(400), multinomial=False)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    weakest = LogisticRegression(C=_probe._STRENGTHS[-1], tol=1e-8)
    weakest.fit(z[~unknown], targets[~unknown, 0])
    np.testing.assert_allclose(
        features @ weight[0] + bias[0], weakest.decision_function(z), atol=5e-3
    )
