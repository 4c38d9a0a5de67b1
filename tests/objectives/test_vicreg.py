"""VICReg against its equations."""

import numpy as np
import pytest
import torch

from ecgsk.objectives import BarlowTwins, VICReg


def vectors(module, embedding, table):
    """Return both sides' vectors of the records with a table, as NumPy arrays."""
    with torch.no_grad():
        of_ecg, of_table, _ = module.joint(embedding, table)
    present = np.isfinite(table.numpy()).any(1)
    return of_ecg.numpy()[present], of_table.numpy()[present]


def variance(z):
    """Equation 1 and 2: hinge of the standard deviations at 1."""
    return np.mean([max(0.0, 1 - np.sqrt(np.var(column, ddof=1) + 1e-4)) for column in z.T])


def covariance(z):
    """Equation 3 and 4: sum of squares off the diagonal, over the number of variables."""
    c = np.cov(z.T)
    d = len(c)
    return sum(c[i, j] ** 2 for i in range(d) for j in range(d) if i != j) / d


@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 2.0, 3.0)])
def test_vicreg_equals_its_equations(build, batch, loss_of, weights):
    views, table = batch
    names = ("invariance", "variance", "covariance")
    module = build(VICReg(projection_size=5, **dict(zip(names, weights, strict=True))))
    one, other = vectors(module, views[0], table)
    terms = (
        np.mean((one - other) ** 2),
        variance(one) + variance(other),
        covariance(one) + covariance(other),
    )
    assert loss_of(module, views, table).item() == pytest.approx(np.dot(weights, terms), rel=1e-9)


def test_gradients_at_collapse_are_bounded(build, loss_of):
    for spec in (VICReg(projection_size=5), BarlowTwins(projection_size=5)):
        module = build(spec)
        alike, spread = torch.ones(1, 8, 6).double(), torch.randn(1, 8, 6).double()
        for views, tables in ((alike, alike), (alike, spread), (spread, alike)):
            loss_of(module, views, tables[0, :, :4]).backward()
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        assert all(g.isfinite().all() and g.abs().max() < 1e5 for g in gradients)
