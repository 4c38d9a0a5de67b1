"""ClinicalMLP: missing values, and dropout of values and tables."""

import pytest
import torch

from ecgsk.encoders import ClinicalMLP

NAN = float("nan")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def hidden(module, table):
    """Return which values a training pass hid, seen at the input of the first layer."""
    seen = []
    hook = module.layers[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    module(table)
    hook.remove()
    return seen[0][:, table.shape[1] :] == 0


def test_missing_and_zero_give_different_features():
    torch.manual_seed(0)
    module = ClinicalMLP(n_features=8).build(n_columns=2).eval()
    zero, missing = torch.zeros(1, 2), torch.tensor([[0.0, float("nan")]])
    assert module(missing).isfinite().all()
    assert not torch.equal(module(zero), module(missing))


def test_missing_values_get_no_gradient():
    module = ClinicalMLP(dropout=0).build(n_columns=3)
    table = torch.tensor([[1.0, float("nan"), -1.0]], requires_grad=True)
    module(table).sum().backward()
    assert table.grad is not None
    assert table.grad[0, 1] == 0
    assert table.grad[0, [0, 2]].all()
    assert all(torch.isfinite(w.grad).all() for w in module.parameters() if w.grad is not None)


@pytest.mark.parametrize("missing", [NAN, float("inf"), -float("inf")])
def test_infinite_values_are_missing(missing):
    module = ClinicalMLP().build(n_columns=2).eval()
    table = torch.tensor([[0.3, missing]])
    assert torch.equal(module(table), module(torch.tensor([[0.3, NAN]])))


def test_value_dropout_share():
    module = ClinicalMLP(value_dropout=0.3).build(n_columns=20)
    gone = hidden(module, torch.randn(2000, 20)).float()
    assert gone.mean().item() == pytest.approx(0.3, abs=0.01)
    # Value by value: rows and columns have equal shares.
    assert gone.mean(0).std() < 0.02
    assert gone.mean(1).std().item() == pytest.approx((0.3 * 0.7 / 20) ** 0.5, rel=0.1)


def test_table_dropout_share():
    module = ClinicalMLP(table_dropout=0.3).build(n_columns=5)
    gone = hidden(module, torch.randn(5000, 5))
    assert (gone.all(1) == gone.any(1)).all()
    assert gone[:, 0].float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_dropped_values_equal_missing_values():
    module = ClinicalMLP(dropout=0, value_dropout=0.4, table_dropout=0.2).build(n_columns=5)
    table = torch.randn(200, 5)
    torch.manual_seed(3)
    gone = hidden(module, table)
    torch.manual_seed(3)
    features, present = module.embed(table)
    assert torch.equal(present, ~gone.all(1))
    blanked = table.masked_fill(gone, NAN)
    torch.testing.assert_close(features, module.eval()(blanked))


def test_no_dropout_in_evaluation():
    spec = ClinicalMLP(value_dropout=0.9, table_dropout=0.9)
    hides, shows = spec.build(n_columns=5).eval(), ClinicalMLP().build(n_columns=5).eval()
    shows.load_state_dict(hides.state_dict())
    table = torch.randn(50, 5)
    table[3] = NAN
    assert torch.equal(hides(table), shows(table))
    assert torch.equal(hides.embed(table)[1], torch.arange(50) != 3)


def test_no_dropout_of_values_by_default():
    module = ClinicalMLP(dropout=0).build(n_columns=5).train()
    table = torch.randn(50, 5)
    assert torch.equal(module(table), module.eval()(table))


@pytest.mark.parametrize("name", ["dropout", "value_dropout", "table_dropout"])
@pytest.mark.parametrize("wrong", [1.0, -0.1, NAN])
def test_build_rejects_shares_out_of_range(name, wrong):
    with pytest.raises(ValueError, match=rf"ClinicalMLP: {name} must be in \[0, 1\), got"):
        ClinicalMLP(**{name: wrong}).build(3)
