"""Barlow Twins against its equations."""

import numpy as np
import pytest
import torch

from ecgsk.objectives import BarlowTwins


def vectors(module, embedding, table):
    """Return both sides' vectors of the records with a table, as NumPy arrays."""
    with torch.no_grad():
        of_ecg, of_table, _ = module.joint(embedding, table)
    present = np.isfinite(table.numpy()).any(1)
    return of_ecg.numpy()[present], of_table.numpy()[present]


@pytest.mark.parametrize("redundancy", [0.005, 1.0])
def test_barlow_twins_equals_its_equations(build, batch, loss_of, redundancy):
    views, table = batch
    module = build(BarlowTwins(projection_size=5, redundancy=redundancy))
    one, other = vectors(module, views[0], table)
    a, b = ((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) for z in (one, other))
    c = np.array([[np.mean(a[:, i] * b[:, j]) for j in range(5)] for i in range(5)])
    np.testing.assert_allclose(c, np.corrcoef(one.T, other.T)[:5, 5:], atol=1e-3)
    expected = sum(
        (1 - c[i, i]) ** 2 if i == j else redundancy * c[i, j] ** 2
        for i in range(5)
        for j in range(5)
    )
    assert loss_of(module, views, table).item() == pytest.approx(expected, rel=1e-9)
