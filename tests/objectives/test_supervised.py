"""Masked binary cross entropy."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss

from ecgsk.objectives.supervised import MaskedBCE

NAN = float("nan")


def test_masked_bce_equals_log_loss_of_known_labels():
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(0, 3, (40, 5)), rng.integers(2, size=(40, 5)).astype(float)
    targets[rng.random((40, 5)) < 0.4] = NAN
    known = ~np.isnan(targets)
    loss = MaskedBCE()(torch.tensor(logits), torch.tensor(targets)).item()
    assert loss == pytest.approx(log_loss(targets[known], expit(logits[known])), rel=1e-6)


def test_masked_bce_ignores_unknown_labels():
    logits = torch.randn(3, 2, requires_grad=True)
    targets = torch.tensor([[1.0, NAN], [NAN, NAN], [0.0, 1.0]])
    MaskedBCE()(logits, targets).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, targets.isfinite())
    nothing = MaskedBCE()(logits, torch.full((3, 2), NAN))
    assert nothing.item() == 0.0


def test_masked_bce_of_large_logits_is_finite():
    loss = MaskedBCE()(torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 1.0]]))
    assert loss.item() == pytest.approx(1e4)
