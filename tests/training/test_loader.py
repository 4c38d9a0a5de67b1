"""Every way to the device gives the same batches."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.signals import ECGArray
from ecgsk.signals.concat import ConcatStorage
from ecgsk.signals.storage import INT16_NAN, ArrayStorage
from ecgsk.training import _loader
from ecgsk.training._loader import BatchLoader, ResidentDataset, fits_on_gpu, read_ahead
from ecgsk.training.batches import BatchDataset, decode
from ecgsk.training.signals import Signals

LEADS = ("I", "II")
CPU = torch.device("cpu")


def stored(n_records: int = 9) -> ECGArray:
    """Records in int16, with a missing sample and a missing lead."""
    raw = np.random.default_rng(0).integers(-900, 900, (n_records, 2, 6)).astype(np.int16)
    raw[1, 0, 2] = raw[2, 1] = INT16_NAN
    return ECGArray(ArrayStorage(raw, LEADS, 100, gain=200))


def dataset(signals: ECGArray, rows=None) -> BatchDataset:
    n_records = len(signals)
    table = np.random.default_rng(1).normal(size=(n_records, 3)).astype(np.float32)
    targets = np.arange(n_records, dtype=np.float32)[:, None]
    rows = np.arange(n_records)[::-1] if rows is None else rows
    patients = np.arange(n_records) // 2
    data = BatchDataset(Signals(signals, "Test"), table, targets, patients=patients)
    return data.take(rows)


def assert_same(batches, others):
    batches, others = list(batches), list(others)
    assert len(batches) == len(others)
    for (inputs, targets), (other_inputs, other_targets) in zip(batches, others, strict=True):
        assert torch.equal(targets, other_targets)
        assert inputs.keys() == other_inputs.keys()
        for name in inputs:
            torch.testing.assert_close(
                inputs[name], other_inputs[name], rtol=0, atol=0, equal_nan=True
            )


@settings(max_examples=20)
@given(st.integers(1, 12), st.booleans())
def test_as_it_stands_every_record_comes_once(batch_size, drop_last):
    data = dataset(stored())
    batches = list(BatchLoader(data, batch_size, drop_last=drop_last))
    n_whole = 9 // batch_size
    assert [len(y) for _, y in batches[:n_whole]] == [batch_size] * n_whole
    assert len(batches) == n_whole + (9 % batch_size > 0 and not drop_last)
    targets = torch.cat([y for _, y in batches] or [torch.empty(0, 1)])
    assert targets.ravel().tolist() == list(range(8, -1, -1))[: len(targets)]


@pytest.mark.parametrize("batch_size", [1, 4, 20])
def test_kept_on_the_device_or_read_ahead_is_the_same(batch_size):
    data = dataset(stored())
    assert_same(
        BatchLoader(data, batch_size, resident=True), BatchLoader(data, batch_size, resident=False)
    )


def test_what_a_gpu_would_get_is_the_same():
    data = dataset(stored())
    loader = BatchLoader(data, 4)
    raw, gain, (inputs, targets) = loader._gather(np.array([0, 6, 7]))
    assert raw is not None
    assert (raw.dtype, gain) == (torch.int16, 200)  # half the bytes travel
    (expected, expected_targets) = data.__getitems__([0, 6, 7])
    assert_same([({**inputs, "ecg": decode(raw, gain)}, targets)], [(expected, expected_targets)])


def test_parts_stored_in_several_ways_are_kept_as_millivolts():
    one = stored(4)
    other = ECGArray.from_numpy(one.read() * 2, sampling_rate=100, leads=LEADS)
    both = pd.concat([pd.Series(one), pd.Series(other)]).array
    assert isinstance(both.storage, ConcatStorage)
    data = dataset(both)
    resident = ResidentDataset(data, CPU)
    assert_same(resident.batches([np.arange(8)]), [data.__getitems__(np.arange(8))])


@given(st.lists(st.sampled_from([100, 200, None]), min_size=3, max_size=3))
def test_a_resident_dataset_joins_reads_of_every_form(gains):
    """A storage of one's own may return int16 of a gain in one read, and float32 in another."""
    data = dataset(stored())
    read = {0: gains[0], 3: gains[1], 6: gains[2]}

    def raw_signals(rows):
        ecg, gain = data.__getitems__(rows)[0]["ecg"], read[rows[0]]
        if gain is None:
            return ecg, 1.0
        return torch.where(ecg.isnan(), INT16_NAN, ecg * gain).round().to(torch.int16), gain

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_loader, "_RECORDS_PER_READ", 3)
        patch.setattr(data, "raw_signals", raw_signals)
        resident = ResidentDataset(data, CPU)
    (got,) = resident.batches([np.arange(9)])
    expected = data.__getitems__(np.arange(9))[0]["ecg"]
    torch.testing.assert_close(got[0]["ecg"], expected, rtol=0, atol=0.006, equal_nan=True)
    is_one_form = len(set(gains)) == 1 and gains[0] is not None
    assert resident.raw.dtype == (torch.int16 if is_one_form else torch.float32)


def test_row_numbers_of_an_epoch_are_copied_to_the_device_at_once(monkeypatch):
    loader, copies, copy = BatchLoader(dataset(stored()), 2, resident=True), [], torch.Tensor.to
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, *args, **kw: copies.append(self) or copy(self, *args, **kw)
    )
    assert len(list(loader)) == 5
    assert len(copies) == 1


def test_everything_a_gpu_copies_is_in_pinned_memory(monkeypatch):
    """A copy from other memory may wait for the kernels before it."""
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self)
    loader = BatchLoader(dataset(stored()), 4, device="cuda", resident=False)
    raw, _, (inputs, targets) = loader._gather(np.array([0, 1]))
    given = {id(tensor) for tensor in (raw, targets, *inputs.values())}
    assert {id(tensor) for tensor in pinned} == given
    assert set(inputs) == {"table", "patients"}


def test_every_epoch_asks_for_its_order():
    orders = iter([[0, 1, 2], [2, 0, 1]])

    class Order:
        def __iter__(self):
            return iter(next(orders))

    loader = BatchLoader(dataset(stored(3), rows=np.arange(3)), 3, order=Order())
    assert [y.ravel().tolist() for _ in range(2) for _, y in loader] == [[0, 1, 2], [2, 0, 1]]


def test_a_table_alone_is_fed_too():
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    data = BatchDataset(None, table).take(np.array([2, 0]))
    for resident in (True, False):
        ((inputs, targets),) = BatchLoader(data, 5, resident=resident)
        assert list(inputs) == ["table"]
        np.testing.assert_array_equal(inputs["table"], table[[2, 0]])
        assert torch.equal(targets, torch.zeros(2))


@given(st.lists(st.integers(), max_size=8))
def test_reading_ahead_keeps_order(items):
    assert list(read_ahead(lambda item: (item, item), items)) == [(i, i) for i in items]


def test_an_error_while_reading_ahead_reaches_the_reader():
    def read(batch):
        if batch[0] == 2:
            raise OSError("the disk is gone")
        return batch

    batches = read_ahead(read, [np.array([i]) for i in range(4)])
    assert [next(batches)[0], next(batches)[0]] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_batches_for_another_device_are_read_ahead_in_their_stored_form():
    data = dataset(stored())  # "meta" has shapes and no numbers: there may be no GPU
    for (inputs, targets), (expected, expected_targets) in zip(
        BatchLoader(data, 4, device="meta"), BatchLoader(data, 4), strict=True
    ):
        assert targets.shape == expected_targets.shape
        assert {name: (x.shape, x.dtype) for name, x in inputs.items()} == {
            name: (x.shape, x.dtype) for name, x in expected.items()
        }
        assert all(tensor.is_meta for tensor in (targets, *inputs.values()))


@pytest.mark.parametrize(
    ("free", "cached", "resident"), [(864, 0, True), (863, 0, False), (500, 400, True)]
)
def test_records_stay_on_a_gpu_that_has_twice_their_memory_free(
    monkeypatch, free, cached, resident
):
    """Memory that torch holds for later, as after a pre-training, is free."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10 * free))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: cached + 70)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 70)
    # 9 records of 2 x 6 samples of 2 bytes, with 3 numbers, a patient and a target: 48 bytes.
    data = dataset(stored())
    assert fits_on_gpu(data, torch.device("cuda")) is resident
    assert not fits_on_gpu(data, CPU)  # its memory is where they are
