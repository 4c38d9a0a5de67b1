"""Batches in double precision, and seeded modules without dropout."""

import itertools

import pytest
import torch


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def build():
    """Make a spec's module for 6 features and 4 columns: double, and without dropout."""

    def call(spec, n_features=6, n_columns=4):
        return spec.build(n_features, n_columns).double().eval()

    return call


@pytest.fixture
def batch():
    """Two views' embeddings and a table with gaps, of 9 records; record 5 has no table."""
    views = torch.randn(2, 9, 6, dtype=torch.float64)
    table = torch.randn(9, 4, dtype=torch.float64)
    table[2, 1] = table[7, :3] = table[5] = torch.nan
    return views, table


@pytest.fixture
def loss_of():
    """Score views as a training step would: each call of ``encode`` gives the next."""

    def call(module, views, table=None, patients=None):
        given = itertools.chain(views)
        torch.manual_seed(1)  # SIGReg draws directions
        return module(lambda: next(given), table, patients)

    return call
