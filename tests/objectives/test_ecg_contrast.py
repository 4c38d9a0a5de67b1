"""ECGContrast against its equation."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from ecgsk.objectives import ECGContrast

PATIENTS = torch.tensor([0, 1, 1, 2, 3, 3, 3, 4, 5])


def cross_entropy(one, other, scale, present, patients):
    """Mean over both directions of -log of the own record's share among its candidates."""
    losses = []
    for a, b in ((one, other), (other, one)):
        for i in present:
            candidates = [j for j in present if j == i or patients[j] != patients[i]]
            s = np.array([scale * a[i] @ b[j] for j in candidates])
            losses.append(logsumexp(s) - scale * a[i] @ b[i])
    return np.mean(losses)


@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_ecg_contrast_equals_its_equation(build, batch, loss_of, patients):
    views, _ = batch
    module = build(ECGContrast(temperature=0.2), n_columns=0)
    with torch.no_grad():
        one, other = ((x / x.norm(dim=1, keepdim=True)).numpy() for x in module.projection(views))
    numbers = np.arange(9) if patients is None else patients.numpy()
    expected = cross_entropy(one, other, 1 / 0.2, range(9), numbers)
    assert loss_of(module, views, None, patients).item() == pytest.approx(expected, rel=1e-6)


def test_ecg_contrast_of_equal_records_is_the_log_of_their_number():
    module = ECGContrast().build(n_features=5, n_columns=0)
    loss = module(lambda: torch.ones(8, 5), None, None)
    assert loss.item() == pytest.approx(math.log(8), abs=1e-5)


def test_ecg_contrast_ignores_the_table(build, batch, loss_of):
    views, table = batch
    module = build(ECGContrast())
    assert torch.equal(loss_of(module, views, table), loss_of(module, views))
