"""A record is screened and predicted by itself: its neighbours in a batch change nothing."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from ecgsk import LabAbnormalityExplainer
from ecgsk.exceptions import SignalQualityError, SignalQualityWarning, UnitError
from ecgsk.preprocessing import BandpassFilter
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.screening import screen

times = np.arange(1000)
leads = np.arange(12)[:, None]
NUMBERS = (-9999.0, -999.0, 163.84, -163.84, 32.767, 9.96921e36, 1e30, 1e20, -32768.0, 21.0)


def held(start, stop=None):
    """Samples of a length, or single ones."""
    return times == start if stop is None else (times >= start) & (times < stop)


# Name, and a change of one record (12, 1000) in mV.
ODD = {
    **{f"one sample {n:g}": lambda x, n=n: np.where(held(500), n, x) for n in NUMBERS},
    **{f"a lead of {n:g}": lambda x, n=n: np.where(leads == 4, n, x) for n in NUMBERS},
    **{f"a tenth {n:g}": lambda x, n=n: np.where(held(0, 100), n, x) for n in NUMBERS[:4]},
    **{f"all {n:g}": lambda x, n=n: 0 * x + n for n in NUMBERS[:4]},
    "uV": lambda x: 1000 * x,
    "nV": lambda x: 1e6 * x,
    "V": lambda x: x / 1000,
    "uV with an offset": lambda x: 1000 * x - 250,
    "six leads in uV": lambda x: np.where(leads < 6, 1000 * x, x),
    "a lead in uV": lambda x: np.where(leads == 2, 1000 * x, x),
    "ten times": lambda x: 10 * x,
    "an offset": lambda x: x + 250,
    "NaN": lambda x: np.nan * x,
    "a lead of NaN": lambda x: np.where(leads == 1, np.nan, x),
    "a gap": lambda x: np.where(held(100, 300), np.nan, x),
    "flat": lambda x: 0 * x,
    "a flat lead": lambda x: np.where(leads == 3, 0.2, x),
    "infinite": lambda x: np.where(held(500), np.inf, x),
    "between the rails": lambda x: np.where(times % 7 < 3, 163.84, -163.84) + 0 * x,
    "at a rail of 10 mV": lambda x: np.where(times < 300, 10.235, x),
    "saturated": lambda x: np.clip(x, -0.1, 0.1),
}


@pytest.fixture(scope="module")
def odd(X):
    """Odd records and as many good ones between them."""
    good = X["ecg"].ecg.to_numpy()
    records = []
    for i, change in enumerate(ODD.values()):
        records += [change(good[i].astype(np.float64)), good[i]]
    return np.array(records).astype(np.float32)


def column(signals):
    ecg = ECGArray.from_numpy(signals, sampling_rate=100, leads=STANDARD_12_LEADS)
    return pd.DataFrame({"ecg": ecg})


def outcome(call, X):
    """Return refused rows, rows with a warning, and the output without refused rows."""
    refused = np.zeros(len(X), dtype=bool)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            out = call(X)
        except (SignalQualityError, UnitError) as error:
            named = re.findall(r"rows ([\d, ]+)", str(error))
            refused[[int(row) for rows in named for row in re.findall(r"\d+", rows)]] = True
            out = None
    warned = set()
    for warning in caught:
        assert issubclass(warning.category, SignalQualityWarning)
        message = str(warning.message)
        n_warned = int(re.search(r": (\d+) of", message)[1])
        all_rows = re.search(r"rows ([\d, ]+)", message)
        warned = {int(row) for row in re.findall(r"row (\d+)", message)}
        warned |= {int(row) for row in re.findall(r"\d+", all_rows[1])} if all_rows else set()
        assert len(warned) == n_warned, message
    assert (out is None) == refused.any()
    if out is None and not refused.all():
        rows = np.flatnonzero(~refused)
        again, warned, out = outcome(call, X.iloc[rows] if hasattr(X, "iloc") else X[rows])
        assert not again.any()
        warned = {int(rows[row]) for row in warned}
    return refused, warned, out


def assert_batches_equal_records_alone(call, X, sizes=(2, 3, 24), tolerance=1e-6):
    rows = np.random.default_rng(0).permutation(len(X))
    take = X.iloc.__getitem__ if hasattr(X, "iloc") else X.__getitem__
    alone = {row: outcome(call, take(slice(row, row + 1))) for row in rows}
    for size in sizes:
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            refused, warned, out = outcome(call, take(batch))
            assert refused.tolist() == [alone[row][0][0] for row in batch]
            for position, row in enumerate(batch):
                assert (position in warned) == bool(alone[row][1]), (size, row)
            expected = [alone[row][2] for row in batch[~refused]]
            if not expected:
                assert out is None
                continue
            np.testing.assert_allclose(
                out, np.concatenate(expected), rtol=tolerance, atol=tolerance
            )
            assert np.isfinite(out).all()
    return alone


def test_verdict_and_prediction_of_a_record_alone(classifier, odd):
    assert len(ODD) >= 40
    X = column(odd)
    alone = assert_batches_equal_records_alone(classifier.predict_proba, X)
    refused, warned = np.array([(alone[i][0][0], bool(alone[i][1])) for i in range(len(odd))]).T
    expected = screen(odd)
    assert refused.tolist() == (expected[1] != "").tolist()
    assert warned.tolist() == (np.isnan(expected[0]).any(axis=(1, 2)) & ~refused).tolist()
    assert not refused[1::2].any()  # good records
    assert not warned[1::2].any()
    odd_ones = dict(zip(ODD, zip(refused[::2], warned[::2], strict=True), strict=True))
    silent = [name for name, found in odd_ones.items() if not any(found)]
    assert silent == ["ten times", "an offset", "saturated"]


def test_an_embedding_is_bit_equal_alone(pretrainer, odd):
    assert_batches_equal_records_alone(
        pretrainer.transform, column(odd), sizes=(3, 24), tolerance=0
    )


def test_plain_arrays(classifier, odd):
    plain = odd[np.isfinite(odd).any(axis=(1, 2)) & ~np.isinf(odd).any(axis=(1, 2))]
    alone = assert_batches_equal_records_alone(classifier.predict_proba, plain)
    assert sum(found[0][0] for found in alone.values()) >= 5
    assert sum(bool(found[1]) for found in alone.values()) >= 10


def test_behind_a_filter(classifier, odd):
    def call(X):
        return classifier.predict_proba(BandpassFilter(0.5, 40).fit_transform(X))

    finite = column(odd[~np.isinf(odd).any(axis=(1, 2))])
    alone = assert_batches_equal_records_alone(call, finite, sizes=(24,))
    screened, refused = screen(finite["ecg"].ecg.to_numpy())
    silent = np.array([not (alone[i][0][0] or alone[i][1]) for i in range(len(finite))])
    odd_ones = (refused != "") | np.isnan(screened).any(axis=(1, 2))
    assert not (silent & odd_ones).any()


def test_an_explainer_takes_and_refuses_the_same_records(pretrainer, X, Y, odd):
    high = Y.set_axis([f"finding {i} high" for i in range(Y.shape[1])], axis=1)
    explainer = LabAbnormalityExplainer(pretrainer, random_state=0).fit(X, high)
    some = column(odd[:40])

    for i in range(0, 40, 3):
        record = some.iloc[[i]]
        refused = outcome(explainer.predict_proba, record)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if refused[0]:
                with pytest.raises((SignalQualityError, UnitError)):
                    explainer.explain(record)
            else:
                assert len(explainer.explain(record)) == 1


@pytest.mark.parametrize("name", ["uV", "all -9999", "between the rails", "V", "infinite"])
def test_fit_refuses_one_record_among_good_ones(make_classifier, X, Y, name):
    signals = X["ecg"].ecg.to_numpy()
    signals[7] = ODD[name](signals[7])
    for data in (column(signals), signals):
        if name in ("V", "infinite", "between the rails") and data is signals:
            continue  # plain arrays need no unit; scikit-learn refuses infinity
        with pytest.raises((SignalQualityError, UnitError), match=r"rows 7 (have|hold|stay)"):
            make_classifier().fit(data, Y)


@pytest.mark.parametrize("name", ["one sample -9999", "a lead of 1e+30", "a tenth 163.84"])
def test_fit_counts_implausible_samples_as_missing(make_classifier, X, Y, name):
    signals = X["ecg"].ecg.to_numpy()
    good = make_classifier().fit(column(signals), Y)
    signals[7] = ODD[name](signals[7])
    with pytest.warns(SignalQualityWarning, match=r"row 7: .*implausible amplitude"):
        model = make_classifier().fit(column(signals), Y)
    np.testing.assert_allclose(model.scale_[1], good.scale_[1], rtol=0.02)


@pytest.mark.parametrize("name", ["ten times", "an offset"])
def test_one_record_does_not_move_the_scale(make_pretrainer, X, name):
    signals = X["ecg"].ecg.to_numpy()
    good = make_pretrainer().fit(column(signals)).scale_
    signals[7] = ODD[name](np.clip(signals[7], -1.5, 1.5))
    scale = make_pretrainer().fit(column(signals)).scale_
    np.testing.assert_allclose(scale[1], good[1], rtol=0.15)
    np.testing.assert_allclose(scale[0], good[0], atol=0.15 * good[1].min())
