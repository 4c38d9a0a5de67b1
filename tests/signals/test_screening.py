"""Screening of records: missing samples, missing leads, and refused records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.datasets import make_clinical_ecg
from ecgsk.io import read_wfdb_folder
from ecgsk.signals import STANDARD_12_LEADS, ECGArray, quality
from ecgsk.signals.screening import (
    INFINITE,
    NO_SIGNAL,
    TOO_LARGE,
    TOO_SMALL,
    is_clean,
    screen,
    screen_where_needed,
)


@pytest.fixture(scope="module")
def recorded():
    return make_clinical_ecg(8, random_state=0).X["ecg"].ecg.to_numpy()[:8]


@pytest.fixture
def signals(recorded):
    return recorded.copy()


def refusals(x, **parameters):
    return screen(x, **parameters)[1].tolist()


@pytest.mark.parametrize(
    "number", [-9999, 9.96921e36, 1e30, -999, 32.767, -163.84, 21, np.float32(3.4e38)]
)
def test_numbers_for_missing_samples_are_missing(signals, number):
    for share in (0.001, 0.02):
        x = signals.copy()
        held = np.zeros(1000, dtype=bool)
        held[:: round(1 / share)] = True
        x[3][:, held] = number
        screened, refused = screen(x)
        assert refused.tolist() == [""] * 8
        assert not is_clean(x)[3]
        assert is_clean(x).sum() == 7
        np.testing.assert_array_equal(np.isnan(screened[3]), np.tile(held, (12, 1)))
        np.testing.assert_array_equal(screened[3][:, ~held], signals[3][:, ~held])


@pytest.mark.parametrize("length", [100, 499, 700])
@pytest.mark.parametrize("number", [-9999, 9.96921e36, 163.84])
def test_a_padding_with_a_number_is_missing(signals, number, length):
    signals[2, 5:, :length] = number
    screened, refused = screen(signals)
    assert refused.tolist() == [""] * 8
    assert np.isnan(screened[2, 5:, :length]).all()
    assert np.isnan(screened).sum() == 7 * length


@pytest.mark.parametrize("rail", [5.12, 10.235, 16.384])
def test_a_lead_at_the_rails_of_an_adc(signals, rail):
    x = signals.copy()
    x[2, 5, 200:300] = rail
    x[3, 5, 200:300], x[3, 5, 400:500] = rail, -rail
    x[4, 5] = np.where(np.arange(1000) % 5 < 2, rail, -rail)
    x[5] = np.where(np.arange(1000) % 5 < 2, rail, -rail)
    x[6, 5, 200:210] = rail  # a clipped wave
    screened, refused = screen(x)
    assert refused.tolist() == [""] * 5 + [NO_SIGNAL] + [""] * 2
    assert is_clean(x).tolist() == [i not in (2, 3, 4, 5) for i in range(8)]
    assert np.isnan(screened).sum(axis=(1, 2)).tolist() == [0, 0, 100, 200, 1000, 12_000, 0, 0]
    report = quality(ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=100))
    assert (report["problem"] != "").tolist()[:6] == [False] * 2 + [True] * 4


def test_leads_filled_with_a_number_are_missing_and_the_others_stay(signals):
    signals[2, 6:] = -9999
    screened, refused = screen(signals)
    assert refused.tolist() == [""] * 8
    assert np.isnan(screened[2]).all(axis=1).tolist() == [False] * 6 + [True] * 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x * 1e3, TOO_LARGE),
        (lambda x: x * 1e6, TOO_LARGE),
        (lambda x: np.where(np.arange(1000) % 7 < 3, 163.84, -163.84) + 0 * x, NO_SIGNAL),
        (lambda x: x * 1e3 - 400, TOO_LARGE),
        (lambda x: x * 1e3 - 250, TOO_LARGE),
        (lambda x: np.where(np.arange(1000) < 50, -9999, 1e3 * x), TOO_LARGE),
        (lambda x: x * 1e-3, TOO_SMALL),
        (lambda x: x * 1e-6, NO_SIGNAL),
        (lambda x: 0 * x + 163.84, NO_SIGNAL),
        (lambda x: 0 * x + 9.96921e36, NO_SIGNAL),
        (lambda x: np.nan * x, NO_SIGNAL),
        (lambda x: np.where(np.arange(1000) == 4, -9999, 0 * x), NO_SIGNAL),
        (lambda x: np.where(np.arange(1000) == 4, np.inf, x), INFINITE),
        (lambda x: np.where(np.arange(1000) == 4, -np.inf, 1e3 * x), INFINITE),
    ],
)
def test_refused_records(signals, change, reason):
    x = signals.copy()
    x[5] = change(x[5])
    assert refusals(x) == [""] * 5 + [reason] + [""] * 2
    assert refusals(x[5:6]) == [reason]
    report = quality(ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=100))
    assert report["usable"].tolist() == [True] * 5 + [False] + [True] * 2
    assert report["problem"][5]


@pytest.mark.parametrize("n_leads", [1, 2, 12])
def test_half_of_the_leads_in_microvolts_refuse_a_record(signals, n_leads):
    x = signals[:, :n_leads]
    x[1, : -(-n_leads // 2)] *= 1000
    assert refusals(x) == ["", TOO_LARGE] + [""] * 6


def test_one_lead_in_microvolts_is_missing(signals):
    signals[1, 4] *= 1000
    screened, refused = screen(signals)
    assert not refused.any()
    assert np.isnan(screened[1]).all(axis=1).tolist() == [i == 4 for i in range(12)]


@pytest.mark.parametrize("offset", [5.0, -290.0, 250.0])
def test_an_offset_of_the_electrodes_is_no_reason(signals, offset):
    x = signals + np.float32(offset)
    screened, refused = screen(x)
    assert not refused.any()
    np.testing.assert_array_equal(screened, x)
    x[0, 0, 3] = -9999
    assert np.isnan(screen(x)[0]).sum() == 1


def test_missing_leads_do_not_hide_microvolts(signals):
    x = 1000 * signals
    x[:, 1:] = np.nan
    x[:, :, :10] = np.nan
    assert refusals(x) == [TOO_LARGE] * 8


def test_a_plain_array_may_be_normalised_with_high_peaks():
    z = np.random.default_rng(0).normal(size=(10, 12, 1000))
    z[:, :, ::100] = 60
    for x in (z, z + 500, z[:, :1]):
        screened, refused = screen(x, in_millivolt=False)
        assert not refused.any()
        np.testing.assert_array_equal(screened, x)


def test_numbers_for_missing_samples_in_a_plain_array(signals):
    for number in (-9999, 9.96921e36, 1e30):
        x = signals.copy()
        x[3, :, 7] = number
        screened, refused = screen(x, in_millivolt=False)
        assert not refused.any()
        assert np.isnan(screened[3, :, 7]).all()
        assert np.isnan(screened).sum() == 12


def test_a_plain_record_in_microvolts_is_refused(signals):
    signals[3] *= 1000
    assert refusals(signals, in_millivolt=False) == [""] * 3 + [TOO_LARGE] + [""] * 4
    signals[3] = 0.1  # flat: a plain array need not be an ECG
    assert refusals(signals, in_millivolt=False) == [""] * 8


def test_a_filter_gets_no_implausible_sample(signals):
    assert screen_where_needed(signals) is signals
    x = signals.copy()
    x[3, 2, 4] = -9999
    x[4] *= 1000
    kept = screen_where_needed(x)
    assert np.isnan(kept[3, 2, 4])
    np.testing.assert_array_equal(kept[4], x[4])  # in uV after the filter too
    assert x[3, 2, 4] == -9999


@given(st.data())
def test_a_record_is_screened_by_itself(data):
    values = [0.0, 1e-4, 0.3, 5.0, 19.0, 25.0, 163.84, -9999, 1e30, np.nan, np.inf]
    shape = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3)), 12)
    n = int(np.prod(shape))
    cells = st.lists(st.sampled_from(values), min_size=n, max_size=n)
    x = np.array(data.draw(cells), dtype=np.float32).reshape(shape)
    for in_millivolt in (True, False):
        screened, refused = screen(x, in_millivolt=in_millivolt)
        clean = is_clean(x, in_millivolt=in_millivolt)
        for i in range(len(x)):
            alone, reason = screen(x[i : i + 1], in_millivolt=in_millivolt)
            np.testing.assert_array_equal(alone[0], screened[i])
            assert reason[0] == refused[i]
            if clean[i]:  # the quick check never hides what screening finds
                assert refused[i] == ""
                np.testing.assert_array_equal(screened[i], x[i])


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["ludb", "brugada_huca", "mimic_iv_demo/ecg"])
def test_real_recordings_pass_in_millivolts_and_not_in_other_units(real_data, folder):
    x = read_wfdb_folder(real_data / folder)["ecg"].ecg.to_numpy()
    used = screen(x)[1] == ""
    assert used.mean() > 0.99
    assert is_clean(x[used]).mean() > 0.98
    assert (screen(1000 * x[used])[1] == TOO_LARGE).all()
    assert np.isin(screen(x[used] / 1000)[1], [TOO_SMALL, NO_SIGNAL]).all()


@pytest.mark.real_data
def test_real_normalised_signals_pass(real_data):
    x = np.load(real_data / "ptbxl_subset" / "signals_100hz_zscored_float16.npy")
    assert is_clean(x.astype(np.float32)).all()
