"""Predictions in batches: order, batch size, method."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ecgsk.training.batches import BatchDataset
from ecgsk.training.prediction import _place, predict_batches


def test_predict_batches_gives_every_record_in_order_whatever_the_batch(train_linear, linear_data):
    net, data = train_linear(), linear_data(30, seed=2)
    whole = predict_batches(net.module_, data, device=torch.device("cpu"), batch_size=256)
    pieces = predict_batches(net.module_, data, device=torch.device("cpu"), batch_size=7)
    assert whole.shape == (30, 1)
    np.testing.assert_allclose(pieces, whole, atol=1e-6)
    back = BatchDataset(None, data.table).take(np.arange(30)[::-1])
    turned = predict_batches(net.module_, back, device=torch.device("cpu"), batch_size=256)
    np.testing.assert_allclose(turned[::-1], whole, atol=1e-6)


def test_predict_batches_calls_another_method(train_linear, linear_data):
    net, data = train_linear(), linear_data(3)
    net.module_.features = lambda table: table * 2
    out = predict_batches(
        net.module_, data, device=torch.device("cpu"), batch_size=2, method="features"
    )
    np.testing.assert_array_equal(out, data.table * 2)


def test_a_module_that_a_prediction_moved_can_still_be_trained(train_linear, linear_data):
    """Fine-tuning starts from a probe on a GPU, where predict_batches moves the module first."""
    module = train_linear().module_
    with pytest.raises(NotImplementedError, match="meta"):  # it has no numbers to return
        predict_batches(module, linear_data(3), device=torch.device("meta"))
    assert all(weight.is_meta for weight in module.parameters())
    assert not any(weight.is_inference() for weight in module.parameters())


@pytest.mark.parametrize(
    ("here", "wanted", "moves"),
    [
        ("cuda:0", "cuda:1", True),
        ("cuda:1", "cuda", False),
        ("cuda:1", "cuda:1", False),
        ("cpu", "cuda", True),
        ("cpu", "cpu", False),
    ],
)
def test_a_module_moves_between_gpus(here, wanted, moves):
    calls = []
    module = SimpleNamespace(
        parameters=lambda: iter([SimpleNamespace(device=torch.device(here))]),
        to=calls.append,
        training=False,
    )
    assert _place(module, torch.device(wanted)) == torch.device(wanted if moves else here)
    assert bool(calls) is moves
