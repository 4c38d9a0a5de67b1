"""Each objective against a plain NumPy or scikit-learn computation of it."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp
from sklearn.base import clone
from sklearn.metrics import log_loss

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives import (
    OBJECTIVES,
    ECGContrast,
    InfoNCE,
    MaskedBCE,
    TablePrediction,
    resolve_objective,
)

NAN = float("nan")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def contrast(one: np.ndarray, other: np.ndarray, scale: float) -> float:
    """Mean over both directions of -log softmax of the matching pair's similarity."""
    one = one / np.linalg.norm(one, axis=1, keepdims=True)
    other = other / np.linalg.norm(other, axis=1, keepdims=True)
    s = scale * one @ other.T
    forth = (logsumexp(s, axis=1) - np.diag(s)).mean()
    back = (logsumexp(s, axis=0) - np.diag(s)).mean()
    return (forth + back) / 2


@pytest.mark.parametrize("temperature", [0.14, 0.05, 1.0])
def test_info_nce_equals_its_equation(temperature):
    spec = InfoNCE(clinical_encoder=ClinicalMLP(dropout=0), temperature=temperature)
    module = spec.build(n_features=6, n_columns=4)
    embedding, table = torch.randn(9, 6), torch.randn(9, 4)
    table[2, 1] = NAN
    with torch.no_grad():
        loss = module(lambda: embedding, table, None).item()
        of_ecg = module.projection(embedding).numpy().astype(np.float64)
        of_table = module.table_encoder(table).numpy().astype(np.float64)
    assert loss == pytest.approx(contrast(of_ecg, of_table, 1 / temperature), abs=1e-5)


def test_info_nce_learns_its_temperature_up_to_a_bound():
    module = InfoNCE().build(n_features=3, n_columns=2).eval()
    embedding, table = torch.randn(4, 3), torch.randn(4, 2)
    module(lambda: embedding, table, None).backward()
    assert module.log_scale.grad != 0
    with torch.no_grad():
        module.log_scale.fill_(math.log(100))
        at_bound = module(lambda: embedding, table, None)
        module.log_scale.fill_(50.0)
        torch.testing.assert_close(module(lambda: embedding, table, None), at_bound)


def test_ecg_contrast_equals_its_equation():
    module = ECGContrast(temperature=0.2).build(n_features=5, n_columns=0)
    views = [torch.randn(7, 5), torch.randn(7, 5)]
    given = iter(views)
    with torch.no_grad():
        loss = module(lambda: next(given), None, None).item()
        one, other = (module.projection(v).numpy().astype(np.float64) for v in views)
    assert loss == pytest.approx(contrast(one, other, 1 / 0.2), abs=1e-5)


def test_ecg_contrast_of_equal_records_is_the_log_of_their_number():
    module = ECGContrast().build(n_features=5, n_columns=0)
    assert module(lambda: torch.ones(8, 5), None, None).item() == pytest.approx(
        math.log(8), abs=1e-5
    )


def test_ecg_contrast_does_not_look_at_the_table():
    module = ECGContrast().build(n_features=5, n_columns=3)
    embedding = torch.randn(4, 5)
    with_table = module(lambda: embedding, torch.randn(4, 3), None)
    torch.testing.assert_close(with_table, module(lambda: embedding, None, None), rtol=0, atol=0)


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


def test_names_resolve_to_specs():
    kinds = {name: type(resolve_objective(name)) for name in OBJECTIVES}
    assert kinds == {
        "clip": InfoNCE,
        "table_prediction": TablePrediction,
        "ecg_contrast": ECGContrast,
    }
    assert [kind.uses_table for kind in kinds.values()] == [True, True, False]


def test_specs_clone_with_their_table_network():
    spec = InfoNCE(clinical_encoder=ClinicalMLP(n_features=7))
    copy = clone(spec).set_params(clinical_encoder__n_features=9)
    assert (spec.clinical_encoder.n_features, copy.clinical_encoder.n_features) == (7, 9)
    assert repr(copy) == "InfoNCE(clinical_encoder=ClinicalMLP(n_features=9))"


@pytest.mark.parametrize("spec", [InfoNCE, ECGContrast])
@pytest.mark.parametrize("temperature", [0, -1.0, NAN])
def test_temperature_must_be_positive(spec, temperature):
    with pytest.raises(ValueError, match=f"{spec.__name__}: temperature must be positive, got"):
        spec(temperature=temperature).build(4, 4)


@pytest.mark.parametrize("wrong", ["simclr", ""])
def test_unknown_objective_lists_those_there_are(wrong):
    with pytest.raises(ValueError, match=r"Unknown objective .*'clip', 'ecg_contrast', 'table"):
        resolve_objective(wrong)
