"""InfoNCE against its equation."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from ecgsk.objectives import InfoNCE

PATIENTS = torch.tensor([0, 1, 1, 2, 3, 3, 3, 4, 5])


def vectors(module, embedding, table):
    """Return both sides' unit vectors as NumPy arrays."""
    with torch.no_grad():
        of_ecg, of_table, _ = module.joint(embedding, table)
    return tuple((x / x.norm(dim=1, keepdim=True)).numpy() for x in (of_ecg, of_table))


def cross_entropy(one, other, scale, present, patients):
    """Mean over both directions of -log of the own record's share among its candidates."""
    losses = []
    for a, b in ((one, other), (other, one)):
        for i in present:
            candidates = [j for j in present if j == i or patients[j] != patients[i]]
            s = np.array([scale * a[i] @ b[j] for j in candidates])
            losses.append(logsumexp(s) - scale * a[i] @ b[i])
    return np.mean(losses)


def rows_with_table(table):
    return np.flatnonzero(np.isfinite(table.numpy()).any(1))


@pytest.mark.parametrize("temperature", [0.14, 0.05, 1.0])
@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_info_nce_equals_its_equation(build, batch, loss_of, temperature, patients):
    views, table = batch
    module = build(InfoNCE(temperature=temperature))
    numbers = np.arange(9) if patients is None else patients.numpy()
    sides = vectors(module, views[0], table)
    expected = cross_entropy(*sides, 1 / temperature, rows_with_table(table), numbers)
    assert loss_of(module, views, table, patients).item() == pytest.approx(expected, rel=1e-6)


def test_info_nce_learns_its_temperature_up_to_a_bound():
    module = InfoNCE().build(n_features=3, n_columns=2).eval()
    embedding, table = torch.randn(4, 3), torch.randn(4, 2)
    with torch.no_grad():
        module.log_scale.fill_(math.log(100))
        at_bound = module(lambda: embedding, table, None)
        module.log_scale.fill_(50.0)
        torch.testing.assert_close(module(lambda: embedding, table, None), at_bound)
