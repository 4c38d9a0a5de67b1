"""Predictions in batches: order, batch size, method."""

import numpy as np
import torch

from ecgsk.training.batches import BatchDataset
from ecgsk.training.prediction import predict_batches


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
