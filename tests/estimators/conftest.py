"""Labels with gaps, and weights to compare."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback


@pytest.fixture
def partly_labelled(Y):
    """Labels, the first third of rows without any, and some missing here and there."""
    missing = np.random.default_rng(0).random(Y.shape) < 0.2
    Y = Y.mask(missing)
    Y.iloc[: len(Y) // 3] = np.nan
    return Y


def rows_in_x(dataset):
    """Numbers in X of a dataset's rows: a fit has an order of its own."""
    return dataset.signals.numbers


def weights(estimator):
    """Weights and buffers of a fitted estimator, copied."""
    return {k: v.detach().clone() for k, v in estimator.net_.module_.state_dict().items()}


@pytest.fixture(scope="session")
def assert_same_weights():
    def check(one, other, prefix=""):
        one, other = (w if isinstance(w, dict) else weights(w) for w in (one, other))
        names = [name for name in one if name.startswith(prefix)]
        assert names
        for name in names:
            assert torch.equal(one[name], other[name]), name

    return check


@pytest.fixture(scope="session")
def copy_weights():
    return weights


class Sides(Callback):
    """Keeps the row numbers of both sides."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.training = rows_in_x(X)
        split = net.train_split
        self.validation = None if split is None else rows_in_x(split(X)[1])


@pytest.fixture
def sides():
    return Sides()
