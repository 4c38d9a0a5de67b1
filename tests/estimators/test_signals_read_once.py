"""Outside of training epochs each signal is read once, and once more for probe features."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.encoders import RandomConvolution
from ecgsk.signals import ECGArray
from ecgsk.signals.storage import ArrayStorage
from ecgsk.training.net import ECGNet


class CountingStorage(ArrayStorage):
    """Samples in memory that count how often each record is read."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.n_reads = np.zeros(len(self), dtype=int)

    def read(self, rows):
        np.add.at(self.n_reads, rows, 1)
        return super().read(rows)

    def read_raw(self, rows):
        np.add.at(self.n_reads, rows, 1)
        return super().read_raw(rows)


@pytest.fixture
def counted(X, monkeypatch):
    """X over a counting storage, and its reads outside of training epochs."""
    array = X["ecg"].array
    storage = CountingStorage(array.read(), array.leads, array.sampling_rate)
    in_epochs = np.zeros(len(X), dtype=int)
    fit = ECGNet.fit

    def fit_counted(self, *args, **kwargs):
        before = storage.n_reads.copy()
        fit(self, *args, **kwargs)
        in_epochs[:] += storage.n_reads - before

    monkeypatch.setattr(ECGNet, "fit", fit_counted)
    X = X.assign(ecg=pd.Series(ECGArray(storage), index=X.index))
    return X, lambda: storage.n_reads - in_epochs


def test_pretraining_reads_each_signal_once(counted, make_pretrainer):
    X, reads = counted
    make_pretrainer().fit(X)
    np.testing.assert_array_equal(reads(), 1)


@pytest.mark.parametrize(
    ("fine_tune", "expected"), [("full", 1), ("probe", 2), ("probe_then_full", 2), ("distill", 2)]
)
def test_both_stages_share_one_pass(
    counted, make_pretrainer, make_classifier, Y, fine_tune, expected
):
    X, reads = counted
    make_classifier(encoder=make_pretrainer(), fine_tune=fine_tune).fit(X, Y)
    np.testing.assert_array_equal(reads(), expected)


def test_from_scratch_reads_each_signal_once(counted, make_classifier, Y):
    X, reads = counted
    make_classifier().fit(X, Y)
    np.testing.assert_array_equal(reads(), 1)


def test_an_encoder_that_is_calibrated_reads_some_signals_once_more(counted, make_classifier, Y):
    X, reads = counted
    make_classifier(encoder=RandomConvolution(n_features=84)).fit(X, Y)
    np.testing.assert_array_equal(reads(), 3)  # 71 of at most 256 records; and the probe


def test_predictions_read_each_signal_once(counted, classifier):
    X, reads = counted
    classifier.predict_proba(X)
    np.testing.assert_array_equal(reads(), 1)


def test_incomplete_records_are_described_without_another_read(counted, classifier):
    X, reads = counted
    X["ecg"].array.storage.data.flags.writeable = True
    X["ecg"].array.storage.data[3, 2] = np.nan
    with pytest.warns(UserWarning, match="row 3: lead III missing"):
        classifier.predict_proba(X)
    np.testing.assert_array_equal(reads(), 1)
