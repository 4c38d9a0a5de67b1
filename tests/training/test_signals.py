"""Signals as input of a model: screened records, messages and digests."""

import numpy as np
import pytest

from ecgsk.exceptions import SignalQualityError, SignalQualityWarning, UnitError
from ecgsk.signals import ECGArray
from ecgsk.signals.storage import INT16_NAN
from ecgsk.training.signals import Signals


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(scale=0.2, size=(40, 2, 100)).astype(np.float32)


def named(x, **parameters):
    return ECGArray.from_numpy(x, sampling_rate=100, leads=["I", "II"], **parameters)


def test_stored_samples_are_screened_as_millivolts_are(x):
    """A GPU gets samples as they are stored: an ADC's rail must be missing there too."""
    stored = np.round(x * 200).astype(np.int16)
    stored[3, 1, :4] = 32767
    stored[4, 0] = 7
    rows = np.array([2, 3, 4])
    signals = Signals(named(stored, gain=200), "Net")
    raw, gain = signals.read_raw(rows)
    read = signals.read(rows)
    assert gain == 200
    np.testing.assert_array_equal(raw == INT16_NAN, np.isnan(read))
    assert np.isnan(read).sum(axis=2).tolist() == [[0, 0], [0, 4], [100, 0]]


def test_one_error_names_every_refused_record_by_reason(x):
    x[2] *= 1000
    x[[5, 7]] = 0.1
    x[8] /= 1000
    x[11, 0, 3] = np.inf
    x[13] *= 2000
    message = (
        r"Net expected finite .*rows 11 hold.*Net: expected samples in mV.*rows 2, 13 have far.*"
        r"unit='uV'.*rows 8 stay within 10 uV.*unit='V'.*rows 5, 7 have none: every lead is miss"
    )
    with pytest.raises(UnitError, match=message):
        Signals(named(x), "Net").read(np.arange(20))
    with pytest.raises(SignalQualityError, match=r"rows 5, 7 have none.*\.quality\(\)") as raised:
        Signals(named(x), "Net").read(np.array([5, 6, 7]))
    assert not isinstance(raised.value, UnitError)


def test_twenty_refused_records_are_named(x):
    x[:30] *= 1000
    with pytest.raises(UnitError, match=r"rows 0, 1, .* 18, 19, \.\.\. have far"):
        Signals(named(x), "Net").read(np.arange(40))


def test_a_warning_names_rows_and_describes_the_first(x):
    x[2:12, 0, 4] = -9999
    signals = Signals(named(x), "Net").take(np.arange(1, 40))
    signals.read(np.arange(39))
    message = (
        r"Net: 10 of 39 records .*row 2: implausible amplitude of 1e\+04 mV; row 3.*row 6: .*; "
        r"\.\.\. in rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\)"
    )
    with pytest.warns(SignalQualityWarning, match=message):
        signals.warn_of_missing()


def test_a_plain_array_warns_of_numbers_for_missing_samples_and_not_of_nan(x, recwarn):
    x[3, 0, :5] = np.nan
    signals = Signals(x, "Net")
    signals.read(np.arange(40))
    signals.warn_of_missing()
    assert not recwarn
    x[5, 1, 7] = 1e30
    signals = Signals(x, "Net")
    assert np.isnan(signals.read(np.arange(40))).sum() == 6
    with pytest.warns(SignalQualityWarning, match=r"samples beyond 1000 \(rows 5\)"):
        signals.warn_of_missing()


@pytest.mark.parametrize("as_source", [named, lambda x: x], ids=["column", "array"])
def test_digests_are_of_each_record_alone(x, as_source):
    def digests(x, rows):
        signals = Signals(as_source(x), "Net")
        signals.moments(rows, digest=True)
        return signals.digests

    all_rows = np.arange(len(x))
    found = digests(x, all_rows)
    assert len({found[i].tobytes() for i in all_rows}) == len(x)
    np.testing.assert_array_equal(digests(x[::-1].copy(), all_rows), found[::-1])
    some = digests(x, np.array([4, 2]))
    np.testing.assert_array_equal(some[[2, 4]], found[[2, 4]])
    x[4, 1] = x[4, 1, ::-1]
    changed = (digests(x, all_rows) != found).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [4]


def test_a_view_keeps_its_digests(x):
    signals = Signals(named(x), "Net")
    assert signals.digests is None
    signals.moments(np.arange(40), digest=True)
    rows = np.array([7, 3, 3])
    np.testing.assert_array_equal(signals.take(rows).digests, signals.digests[rows])
