"""Masked regression of the table."""

import numpy as np
import pytest
import torch

from ecgsk.objectives import TablePrediction

NAN = float("nan")


def test_table_prediction_is_the_mean_over_columns_of_measured_squared_errors():
    module = TablePrediction().build(n_features=5, n_columns=3)
    embedding = torch.randn(6, 5)
    table = torch.tensor(np.random.default_rng(0).normal(size=(6, 3)), dtype=torch.float32)
    table[1:, 0] = NAN  # one value weighs as much as a full column
    table[:, 2] = NAN
    with torch.no_grad():
        loss = module(lambda: embedding, table, None).item()
        error = (module.head(embedding) - table).numpy() ** 2
    expected = np.mean([error[0, 0], error[:, 1].mean(), 0.0])
    assert loss == pytest.approx(expected, abs=1e-6)


def test_table_prediction_sends_no_gradient_where_nothing_was_measured():
    module = TablePrediction().build(n_features=5, n_columns=3)
    embedding = torch.randn(4, 5, requires_grad=True)
    table = torch.randn(4, 3)
    table[:, 1] = NAN
    table[2] = NAN
    module(lambda: embedding, table, None).backward()
    assert module.head.weight.grad is not None
    assert embedding.grad is not None
    assert not module.head.weight.grad[1].any()
    assert module.head.weight.grad[[0, 2]].all()
    assert not embedding.grad[2].any()
    assert embedding.grad[[0, 1, 3]].any(dim=1).all()
