"""Effective rank: known spectra, invariances and collapsed embeddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, ortho_group

from ecgsk.exceptions import ECGError
from ecgsk.metrics import effective_rank


def with_spectrum(values, n_records=40, seed=0):
    """Return embeddings with these singular values and random directions."""
    rng = np.random.default_rng(seed)
    d = len(values)
    x = rng.normal(size=(n_records, d))
    left = np.linalg.qr(x)[0]
    return left @ np.diag(values) @ ortho_group.rvs(d, random_state=rng)


@pytest.mark.parametrize("n_directions", [1, 2, 5])
def test_rank_counts_equal_directions(n_directions):
    x = with_spectrum([3.0] * n_directions + [0.0] * (6 - n_directions))
    assert effective_rank(x) == pytest.approx(n_directions)


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=8), st.integers(0, 1000))
def test_rank_is_the_exponential_of_the_entropy_of_singular_values(values, seed):
    x = with_spectrum(values, seed=seed)
    assert effective_rank(x) == pytest.approx(np.exp(entropy(values)))
    assert 1 <= effective_rank(x) <= len(values) + 1e-9


@settings(max_examples=20)
@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_rank_ignores_scale_rotation_and_order(scale, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 5)) * [5, 3, 1, 0.5, 0.1]
    turned = x @ ortho_group.rvs(5, random_state=rng)
    expected = effective_rank(x)
    assert effective_rank(scale * turned[rng.permutation(30)]) == pytest.approx(expected)
    assert effective_rank(x.T[::-1].T) == pytest.approx(expected)


def test_rank_is_at_most_the_number_of_records():
    x = np.random.default_rng(0).normal(size=(4, 50))
    assert 3.5 < effective_rank(x) <= 4
    assert effective_rank(x[:1]) == pytest.approx(1)
    assert effective_rank(np.zeros((4, 50))) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("level", [0.1, 3.0, 1e4])
def test_rank_of_equal_embeddings_is_one_despite_rounding(dtype, level):
    rng = np.random.default_rng(0)
    x = np.full((256, 64), level, dtype)
    assert effective_rank(x) == pytest.approx(1)
    rounded = (x + np.spacing(x) * rng.integers(-1, 2, x.shape)).astype(dtype)
    assert effective_rank(rounded) == pytest.approx(1, abs=1e-6)


def test_rank_falls_as_embeddings_approach_one_vector():
    x = np.random.default_rng(0).normal(size=(256, 64))
    ranks = [effective_rank(np.ones(64) + spread * x) for spread in (1, 0.1, 0.01, 0.001)]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > 50
    assert ranks[-1] < 2


def test_rank_of_one_dominant_direction_is_near_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 1)) @ rng.normal(size=(1, 64)) + 1e-4 * rng.normal(size=(256, 64))
    assert 1 < effective_rank(x) < 1.2


@pytest.mark.parametrize(
    "wrong",
    [np.ones(3), np.ones((0, 3)), np.ones((2, 3, 4)), [[1.0, np.nan]], [[np.inf]], [["a"]]],
)
def test_input_that_is_not_a_finite_matrix_raises(wrong):
    with pytest.raises(ECGError, match="effective_rank expected finite numbers of shape"):
        effective_rank(wrong)
