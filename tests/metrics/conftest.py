"""Fixtures of metrics."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def clustered():
    """Return Y, P and groups of 300 patients with 4 records, which share their error."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(300), 4)
    Y = np.repeat(rng.integers(2, size=(300, 2)), 4, axis=0)
    error = np.repeat(rng.normal(size=(300, 2)), 4, axis=0)
    return Y, Y + error, groups


@pytest.fixture
def calibrated():
    """Return Y, P and groups of two labels with calibrated probabilities and ties."""
    rng = np.random.default_rng(0)
    groups = rng.integers(200, size=500)
    P = pd.DataFrame(rng.beta(1, 3, size=(500, 2)).round(2), columns=["AF", "MI"])
    Y = (rng.random(P.shape) < P).astype(float)
    Y.loc[:99, "MI"] = np.nan
    return Y, P, groups
