"""DeLong's covariance against the definition and against the bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from ecgsk.exceptions import ECGError
from ecgsk.metrics import delong, paired_difference, patient_bootstrap


def by_definition(y, *scores):
    """Equations 3 to 6 of DeLong et al. (1988), pair by pair."""
    v10, v01 = [], []
    for p in scores:
        x, z = p[y == 1], p[y == 0]
        psi = np.array([[float(a > b) + 0.5 * (a == b) for b in z] for a in x])
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
    theta = np.mean(v10, axis=1)
    s10, s01 = (
        (np.array(v) - theta[:, None]) @ (np.array(v) - theta[:, None]).T / (len(v[0]) - 1)
        for v in (v10, v01)
    )
    return theta, s10 / np.sum(y == 1) + s01 / np.sum(y == 0)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(4, 30), decimals=st.integers(0, 3), seed=st.integers(0, 10**6))
def test_structural_components(n, decimals, seed):
    rng = np.random.default_rng(seed)
    y = np.r_[0, 0, 1, 1, rng.integers(2, size=n - 4)].astype(float)
    a = np.round(y + rng.normal(size=n), decimals)
    b = np.round(a + rng.normal(size=n), decimals)
    theta, covariance = by_definition(y, a, b)
    result = delong(y, a, b)
    np.testing.assert_allclose(result.auc, theta, atol=1e-12)
    np.testing.assert_allclose(result.auc, [roc_auc_score(y, a), roc_auc_score(y, b)], atol=1e-12)
    np.testing.assert_allclose(result.covariance, covariance, atol=1e-12)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert result.variance == pytest.approx(variance, abs=1e-12)
    one = delong(y, a)
    assert one.variance == pytest.approx(covariance[0, 0], abs=1e-12)
    assert np.isnan(one.p_value)
    assert 0 <= one.low <= one.estimate == result.auc[0] <= one.high <= 1


def test_interval_and_p_value_are_normal():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    result = delong(y, y + rng.normal(size=200), y + 1.5 * rng.normal(size=200))
    error = np.sqrt(result.variance)
    z = result.estimate / error
    assert result.p_value == pytest.approx(2 * (1 - norm.cdf(abs(z))))
    np.testing.assert_allclose(
        [result.low, result.high], result.estimate + np.array([-1, 1]) * 1.959964 * error, rtol=1e-6
    )
    same = delong(y, y + 0.0, y * 2.0)
    assert (same.estimate, same.variance, same.p_value) == (0, 0, 1)


def test_agrees_with_the_bootstrap_where_every_record_is_another_patient():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=1500).astype(float)
    a, b = (y + spread * rng.normal(size=1500) for spread in (1, 1.2))
    y[:500] = np.nan
    for check, full in [
        (delong(y, a), patient_bootstrap(y, a, np.arange(1500), random_state=0)),
        (delong(y, a, b), paired_difference(y, a, b, np.arange(1500), random_state=0)),
    ]:
        assert check.estimate == pytest.approx(full.estimate)
        assert np.sqrt(check.variance) == pytest.approx(full.distribution.std(), rel=0.1)
    clustered = patient_bootstrap(
        np.tile(y, 4), np.tile(a, 4), np.tile(np.arange(1500), 4), random_state=0
    )
    independent = delong(np.tile(y, 4), np.tile(a, 4))
    ratio = (independent.high - independent.low) / (clustered.high - clustered.low)
    assert 0.4 < ratio < 0.6  # four copies taken for four patients


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([0, 1, 1], [0.1, 0.2, 0.3]), "two measured records of each class"),
        ((np.eye(4), np.eye(4)), "one label; got 4"),
        (([0, 0, 1, 1], [0.1, 0.2, 0.3, np.nan]), "finite scores"),
        (([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2]), "of one shape"),
    ],
)
def test_bad_input_says_what_to_do(args, message):
    with pytest.raises(ECGError, match=f"delong expected .*{message}"):
        delong(*args)
    with pytest.raises(ECGError, match="0 < confidence_level < 1"):
        delong([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], confidence_level=95)
