"""Batches are gathered in one call; sizes and histories are as told."""

import numpy as np
import pytest
import torch

from ecgsk.signals import ECGArray
from ecgsk.training.batches import BatchDataset
from ecgsk.training.signals import Signals


class Counted(Signals):
    """Signals that count how often they are read."""

    n_reads = 0

    def __init__(self, x):
        super().__init__(x, "Test")

    def read(self, rows):
        self.n_reads += 1
        return super().read(rows)


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 2, 5)).astype(np.float32)
    table = rng.normal(size=(9, 3)).astype(np.float32)
    return x, table, np.arange(9, dtype=np.float32)[:, None]


def test_one_batch_is_one_read_of_the_rows_asked_for(parts):
    x, table, targets = parts
    data = BatchDataset(Counted(x), table, targets).take(np.array([8, 0, 3, 5]))
    inputs, y = data.__getitems__([2, 0, 0])
    assert data.signals.n_reads == 1
    np.testing.assert_array_equal(inputs["ecg"], x[[3, 8, 8]])
    np.testing.assert_array_equal(inputs["table"], table[[3, 8, 8]])
    np.testing.assert_array_equal(y, targets[[3, 8, 8]])
    np.testing.assert_array_equal(data[1][0]["ecg"], x[[0]])
    assert len(data) == 4


def test_only_what_is_given_is_passed_on(parts):
    x, table, _ = parts
    inputs, y = BatchDataset(None, table).__getitems__([1, 2])
    assert list(inputs) == ["table"]
    assert torch.equal(y, torch.zeros(2))
    assert list(BatchDataset(Counted(x))[0][0]) == ["ecg"]


def test_patients_go_with_their_records(parts):
    x, _, _ = parts
    patients = np.array([3, 3, 1, 0, 0, 0, 2, 2, 4], dtype=np.int32)
    data = BatchDataset(Counted(x), patients=patients).take(np.arange(9)[::-1])
    given = data.__getitems__([0, 8, 2])[0]["patients"]
    assert given.dtype == torch.int64
    assert given.tolist() == [4, 3, 2]


def test_signals_of_an_ecg_array(parts):
    x = parts[0]
    ecg = ECGArray.from_numpy(x, sampling_rate=5, leads=["I", "II"])
    batch = BatchDataset(Signals(ecg, "Test")).take(np.array([4, 2]))[1][0]["ecg"]
    assert batch.dtype == torch.float32
    np.testing.assert_array_equal(batch, x[[2]])
