"""SigLIP against its equation."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from ecgsk.objectives import InfoNCE, SigLIP

PATIENTS = torch.tensor([0, 1, 1, 2, 3, 3, 3, 4, 5])


def vectors(module, embedding, table):
    """Return both sides' unit vectors as NumPy arrays."""
    with torch.no_grad():
        of_ecg, of_table, _ = module.joint(embedding, table)
    return tuple((x / x.norm(dim=1, keepdim=True)).numpy() for x in (of_ecg, of_table))


def rows_with_table(table):
    return np.flatnonzero(np.isfinite(table.numpy()).any(1))


@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (3.0, 0.5)])
@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_sig_lip_equals_its_equation(build, batch, loss_of, scale, bias, patients):
    views, table = batch
    module = build(SigLIP(scale=scale, bias=bias))
    one, other = vectors(module, views[0], table)
    numbers = np.arange(9) if patients is None else patients.numpy()
    present = rows_with_table(table)
    total = 0.0
    for i in present:
        for j in present:
            if i != j and numbers[i] == numbers[j]:
                continue
            z = 1 if i == j else -1
            total -= np.log(expit(z * (scale * one[i] @ other[j] + bias)))
    expected = total / len(present)
    assert loss_of(module, views, table, patients).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("spec", [InfoNCE(), SigLIP()])
def test_scale_and_bias_are_learned(spec):
    module = spec.build(n_features=3, n_columns=2).eval()
    embedding, table = torch.randn(4, 3), torch.randn(4, 2)
    module(lambda: embedding, table, None).backward()
    learned = [p for name, p in module.named_parameters() if name in ("log_scale", "bias")]
    assert len(learned) == (2 if isinstance(spec, SigLIP) else 1)
    assert all(p.grad is not None and p.grad != 0 for p in learned)


def test_sig_lip_of_large_logits_is_finite(build, batch, loss_of):
    views, table = batch
    module = build(SigLIP(scale=1e4, bias=-1e4))
    loss = loss_of(module, views.requires_grad_(), table)
    loss.backward()
    assert loss.isfinite()
    assert views.grad is not None
    assert views.grad.isfinite().all()
