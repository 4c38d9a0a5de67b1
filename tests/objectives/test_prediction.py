"""Table prediction and the losses of labels, against NumPy and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import log_loss

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives import InfoNCE, TablePrediction
from ecgsk.objectives.supervised import MaskedBCE

NAN = float("nan")


def test_table_prediction_is_the_mean_over_columns_of_measured_squared_errors():
    module = TablePrediction().build(n_features=5, n_columns=3)
    embedding = torch.randn(6, 5)
    table = torch.tensor(np.random.default_rng(0).normal(size=(6, 3)), dtype=torch.float32)
    table[1:, 0] = NAN  # one value weighs as much as a full column
    table[:, 2] = NAN
    with torch.no_grad():
        loss = module(lambda: embedding, table, None).item()
        error = (module.head(embedding) - table).numpy() ** 2
    expected = np.mean([error[0, 0], error[:, 1].mean(), 0.0])
    assert loss == pytest.approx(expected, abs=1e-6)


def test_table_prediction_sends_no_gradient_where_nothing_was_measured():
    module = TablePrediction().build(n_features=5, n_columns=3)
    embedding = torch.randn(4, 5, requires_grad=True)
    table = torch.randn(4, 3)
    table[:, 1] = NAN
    table[2] = NAN
    module(lambda: embedding, table, None).backward()
    assert module.head.weight.grad is not None
    assert embedding.grad is not None
    assert not module.head.weight.grad[1].any()
    assert module.head.weight.grad[[0, 2]].all()
    assert not embedding.grad[2].any()
    assert embedding.grad[[0, 1, 3]].any(dim=1).all()


def test_masked_bce_equals_log_loss_of_known_labels():
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(0, 3, (40, 5)), rng.integers(2, size=(40, 5)).astype(float)
    targets[rng.random((40, 5)) < 0.4] = NAN
    known = ~np.isnan(targets)
    loss = MaskedBCE()(torch.tensor(logits), torch.tensor(targets)).item()
    assert loss == pytest.approx(log_loss(targets[known], expit(logits[known])), rel=1e-6)


def test_masked_bce_asks_nothing_where_labels_are_unknown():
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


def test_specs_clone_with_their_table_network():
    spec = InfoNCE(clinical_encoder=ClinicalMLP(n_features=7))
    copy = clone(spec).set_params(clinical_encoder__n_features=9)
    assert (spec.clinical_encoder.n_features, copy.clinical_encoder.n_features) == (7, 9)
    assert repr(copy) == "InfoNCE(clinical_encoder=ClinicalMLP(n_features=9))"
