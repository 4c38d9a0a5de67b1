"""Probabilities with a known distortion."""

import numpy as np
import pytest
from scipy.special import expit, logit


@pytest.fixture(scope="session")
def distorted():
    """Truth, labels and probabilities whose logit is 2 x the true one + 1; three labels."""
    rng = np.random.default_rng(0)
    truth = expit(rng.normal(-1, 1.5, size=(6000, 3)))
    Y = (rng.random(truth.shape) < truth).astype(float)
    return truth, Y, expit(2 * logit(truth) + 1)
