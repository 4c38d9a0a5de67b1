"""The net: gradient accumulation."""

import numpy as np
import pytest
import torch
from skorch.callbacks import PassthroughScoring
from skorch.helper import predefined_split
from torch import nn

from ecgsk.exceptions import ECGError
from ecgsk.training._loader import BatchLoader
from ecgsk.training.net import ECGNet, wrap_trained


def weights(net):
    return {name: tensor.numpy() for name, tensor in net.module_.state_dict().items()}


def test_parts_of_a_batch_make_the_same_step(train_linear):
    def fit(accumulation_steps):
        torch.manual_seed(0)
        return train_linear(module=TableLayer(), accumulation_steps=accumulation_steps)

    whole, parts, more_than_records = fit(1), fit(3), fit(50)
    for other in (parts, more_than_records):
        for name, value in weights(whole).items():
            np.testing.assert_allclose(weights(other)[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("has_validation", [False, True])
def test_losses_are_copied_once_an_epoch_where_they_are_deferred(
    linear_data, monkeypatch, has_validation
):
    """A GPU waits for every value that Python asks for."""
    copies, item = [], torch.Tensor.item
    monkeypatch.setattr(torch.Tensor, "item", lambda self: copies.append(self) or item(self))
    validation = linear_data(20, seed=1)

    def fit(defers_losses):
        torch.manual_seed(0)
        copies.clear()
        net = ECGNet(
            TableLayer,
            torch.nn.MSELoss,
            max_epochs=2,
            batch_size=16,
            iterator_train=BatchLoader,
            iterator_valid=BatchLoader,
            train_split=predefined_split(validation) if has_validation else None,
            callbacks__print_log=None,
            defers_losses=defers_losses,
        )
        net.fit(linear_data(), y=None)
        assert any(isinstance(each, PassthroughScoring) for _, each in net.callbacks_)
        return net, len(copies)

    (plain, n_plain), (deferred, n_deferred) = fit(False), fit(True)
    assert (n_plain, n_deferred) == (2 * (4 + 2 * has_validation), 0)
    assert without_seconds(deferred) == without_seconds(plain)


class TableLayer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, table):
        return self.layer(table)


def without_seconds(net):
    return [{name: row[name] for name in row if name != "dur"} for row in net.history]


def test_net_of_a_loaded_model_is_not_trained_further():
    net = wrap_trained(nn.Linear(2, 1), nn.MSELoss())
    with pytest.raises(ECGError, match="cannot be trained further"):
        net.fit(torch.zeros(4, 2), torch.zeros(4, 1))
