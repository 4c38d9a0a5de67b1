"""Rows are drawn as often as they weigh."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecgsk.training.sampling import WeightedOrder, systematic_sample

starts = st.floats(0, 1, exclude_max=True)
weights = arrays(float, st.integers(1, 40), elements=st.floats(0.01, 1))


@given(weight=weights, start=starts)
def test_each_row_is_drawn_as_its_share_has_it_rounded_up_or_down(weight, start):
    rows = systematic_sample(weight, start)
    expected = weight / weight.sum() * len(rows)
    drawn = np.bincount(rows, minlength=len(weight))
    assert len(rows) == max(int(weight.sum() + 1e-6), 1)
    assert (drawn >= np.floor(expected - 1e-9)).all()
    assert (drawn <= np.ceil(expected + 1e-9)).all()


@given(times=arrays(int, st.integers(1, 40), elements=st.integers(1, 5)), start=starts)
def test_whole_numbers_are_exact(times, start):
    np.testing.assert_array_equal(
        np.bincount(systematic_sample(times, start), minlength=len(times)), times
    )


def test_an_epoch_is_each_row_once_in_random_order():
    order = WeightedOrder(np.ones(100))
    one, other = list(order), list(order)
    assert sorted(one) == sorted(other) == list(range(100))
    assert one != other
    assert len(order) == 100


def test_over_many_epochs_rows_come_in_proportion():
    weight = np.array([1.0, 0.5, 0.25, 0.75, 0.5])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        order = WeightedOrder(weight)
        drawn = np.bincount([row for _ in range(4000) for row in order], minlength=5)
    np.testing.assert_allclose(drawn / 4000, weight, atol=0.03)


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_seeds_give_equal_orders(seed):
    def order():
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return list(WeightedOrder(np.linspace(0.1, 1, 50)))

    assert order() == order()
