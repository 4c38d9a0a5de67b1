"""Layout of the ECG sheet: rows, time range and input checks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.exceptions import DurationError, ECGError, LeadMismatchError, SamplingRateError
from ecgsk.plotting._sheet import COARSE_GRID_MM, lay_out

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def lay(signal, leads, sampling_rate=100, **options):
    return lay_out(signal, leads, sampling_rate, name="plot_ecg", **options)


@settings(max_examples=20, deadline=None)
@given(
    n_leads=st.integers(1, 15),
    sampling_rate=st.sampled_from([100, 128, 257.0, 500]),
    seconds=st.floats(0.5, 12),
    layout=st.sampled_from(["auto", "rows"]),
)
def test_each_lead_of_another_set_has_a_row(n_leads, sampling_rate, seconds, layout):
    names = [f"lead {index}" for index in range(n_leads)]
    signal = np.zeros((n_leads, round(seconds * sampling_rate)))
    sheet = lay(signal, names, sampling_rate, layout=layout)
    assert [strip.row for strip in sheet.strips] == list(range(n_leads))
    assert all(upper - lower >= 25 for upper, lower in itertools.pairwise(sheet.baselines))
    shown = min(round(seconds * sampling_rate) / sampling_rate, 10)
    assert sheet.width == pytest.approx(20 + 25 * shown)


def test_tall_waves_make_the_sheet_higher_and_not_wider():
    signal = np.zeros((12, 1000))
    signal[:, 500] = 1
    low, high = lay(signal, TWELVE), lay(4 * signal, TWELVE)
    assert high.height > low.height
    assert high.width == low.width
    for sheet in (low, high):
        assert not (sheet.baselines % COARSE_GRID_MM).any()


def test_sheet_shows_ten_seconds_from_start():
    signal = np.arange(3000.0)[np.newaxis] / 1000
    sheet = lay(signal, ["V1"], start=15.0)
    (strip,) = sheet.strips
    x, y = sheet.trace(strip)
    assert sheet.width == 270
    assert (y[0] - sheet.baselines[0]) / 10 == pytest.approx(1.5)
    assert x[-1] - x[0] == pytest.approx(250)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((2, 100)), ["I"], 100), LeadMismatchError, r"shape \(2, 100\)"),
        ((np.zeros((1, 2, 100)), ["I", "II"], 100), LeadMismatchError, "Pass one record"),
        ((np.zeros((2, 100)), ["I", "i"], 100), LeadMismatchError, "expected distinct leads"),
        ((np.zeros((1, 100)), ["I"], 0), SamplingRateError, "a positive number; got 0"),
        ((np.zeros((1, 100)), ["I"], float("nan")), SamplingRateError, "got nan"),
        ((np.zeros((1, 0)), ["I"], 100), DurationError, "expected start within the record"),
    ],
)
def test_malformed_input_raises_with_advice(arguments, error, message):
    with pytest.raises(error, match=f"^plot_ecg: .*{message}"):
        lay(*arguments)


def test_malformed_layout_and_start_raise():
    with pytest.raises(LeadMismatchError, match=r"without V5, V6\. Use layout='rows'"):
        lay(np.zeros((10, 99)), TWELVE[:10], layout="3x4")
    with pytest.raises(ECGError, match="expected layout 'auto', '3x4' or 'rows'; got '6x2'"):
        lay(np.zeros((12, 99)), TWELVE, layout="6x2")
    with pytest.raises(DurationError, match="got -1 s"):
        lay(np.zeros((12, 99)), TWELVE, start=-1)
