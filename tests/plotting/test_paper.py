"""plot_ecg: an ECG on ECG paper, true to scale."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ecgsk.exceptions import DurationError, ECGError, LeadMismatchError, SamplingRateError
from ecgsk.plotting import plot_ecg

TWELVE = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
MM_PER_INCH = 25.4


def make_ecg(n_leads=12, sampling_rate=100, seconds=10):
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    beats = np.exp(-(((time % 0.8) - 0.4) ** 2) / (2 * 0.02**2))
    return np.outer(np.linspace(0.5, 1.5, n_leads), beats)


def traces(figure, prefix="lead-"):
    lines = figure.axes[0].lines
    return {line.get_gid(): line for line in lines if (line.get_gid() or "").startswith(prefix)}


def inches(figure, points):
    """Where data points lie on the figure, in inches from its lower left corner."""
    return figure.axes[0].transData.transform(points) / figure.dpi


def test_twenty_five_millimetres_are_a_second_and_ten_a_millivolt():
    ramp = np.tile(np.linspace(0, 1, 1001)[:1000], (12, 1))
    ramp[:, 500] = -1.0
    figure = plot_ecg(ramp, TWELVE, 100)
    rhythm = traces(figure)["lead-II-row3"]
    xy = inches(figure, rhythm.get_xydata()) * MM_PER_INCH
    assert xy[900, 0] - xy[100, 0] == pytest.approx(8 * 25, abs=1e-6)
    assert xy[900, 1] - xy[100, 1] == pytest.approx(0.8 * 10, abs=1e-6)
    assert xy[500, 1] - xy[0, 1] == pytest.approx(-10, abs=1e-6)


def test_the_saved_picture_is_as_large_as_the_sheet():
    figure = plot_ecg(make_ecg(), TWELVE, 100)
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * MM_PER_INCH
    assert axes.get_xlim() == (0, pytest.approx(width))
    assert axes.get_ylim() == (0, pytest.approx(height))
    assert axes.get_position().bounds == pytest.approx((0, 0, 1, 1))


def test_every_row_starts_with_a_pulse_of_one_millivolt_and_a_fifth_of_a_second():
    figure = plot_ecg(make_ecg(), TWELVE, 100)
    pulses = [line for line in figure.axes[0].lines if line.get_gid() == "calibration"]
    assert len(pulses) == 4
    for pulse in pulses:
        x, y = (inches(figure, pulse.get_xydata()) * MM_PER_INCH).T
        high = np.isclose(y, y.max())
        assert np.ptp(y) == pytest.approx(10)
        assert np.ptp(x[high]) == pytest.approx(5)


def test_the_grid_has_lines_every_millimetre_and_bold_ones_every_fifth():
    figure = plot_ecg(make_ecg(), TWELVE, 100)
    fine, coarse = figure.axes[0].collections
    for grid, step in ((fine, 1), (coarse, 5)):
        upright = sorted(s[0][0] for s in grid.get_segments() if s[0][0] == s[1][0])
        assert np.diff(upright) == pytest.approx(step)
    assert coarse.get_linewidths()[0] > fine.get_linewidths()[0]


def test_twelve_leads_stand_as_cardiologists_read_them():
    """Given in any order and case; three rows of four, 2.5 s each, and lead II in full."""
    order = np.random.default_rng(0).permutation(12)
    names = [TWELVE[index].upper() for index in order]
    figure = plot_ecg(make_ecg()[order], names, 100)
    drawn = traces(figure)
    assert set(drawn) == {
        f"lead-{lead}-row{row}"
        for row, leads in enumerate(
            (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
        )
        for lead in leads
    } | {"lead-II-row3"}
    starts = [drawn[f"lead-{lead}-row0"].get_xdata()[0] for lead in ("I", "aVR", "V1", "V4")]
    assert np.diff(starts) == pytest.approx(62.5)
    # The columns are one recording: aVR goes on where I stops.
    assert drawn["lead-I-row0"].get_xdata()[-1] == pytest.approx(starts[1])
    assert np.ptp(drawn["lead-II-row3"].get_xdata()) == pytest.approx(25 * 9.99)
    for lead, amplitude in zip(TWELVE, np.linspace(0.5, 1.5, 12), strict=True):
        row = next(row for row in range(3) if f"lead-{lead}-row{row}" in drawn)
        height = np.ptp(drawn[f"lead-{lead}-row{row}"].get_ydata())
        assert height == pytest.approx(10 * amplitude, rel=0.01)


def test_tall_waves_get_room():
    low = plot_ecg(make_ecg(), TWELVE, 100)
    high = plot_ecg(3 * make_ecg(), TWELVE, 100)
    assert high.get_size_inches()[1] > low.get_size_inches()[1]
    assert high.get_size_inches()[0] == low.get_size_inches()[0]


def test_missing_samples_leave_a_gap():
    signal = make_ecg(2)
    signal[0, 200:300] = np.nan
    signal[1] = np.nan
    figure = plot_ecg(signal, ["II", "V5"], 100)
    drawn = traces(figure)["lead-II-row0"].get_ydata()
    assert np.isnan(drawn[200:300]).all()
    assert np.isfinite(np.delete(drawn, slice(200, 300))).all()
    assert "V5 (no signal)" in [text.get_text() for text in figure.axes[0].texts]


def test_says_scale_rate_and_title():
    figure = plot_ecg(make_ecg(sampling_rate=250), TWELVE, 250, title="Visit 3")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "25 mm/s   10 mm/mV   250 Hz" in texts
    assert "Visit 3" in texts


def test_long_records_show_ten_seconds_from_where_asked():
    signal = make_ecg(1, seconds=30)
    signal[0, 2000] = 5.0
    figure = plot_ecg(signal, ["V1"], 100, start=20.0)
    assert traces(figure)["lead-V1-row0"].get_ydata()[0] == pytest.approx(
        np.nanmax(traces(figure)["lead-V1-row0"].get_ydata())
    )
    assert figure.get_size_inches()[0] * MM_PER_INCH == pytest.approx(270)


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_saves_without_pyplot(form):
    import sys

    buffer = io.BytesIO()
    plot_ecg(make_ecg(), TWELVE, 100).savefig(buffer, format=form)
    assert buffer.tell() > 10_000
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_draws_into_the_callers_axes_in_proportion():
    figure = Figure(figsize=(6, 6))
    axes = figure.add_subplot()
    assert plot_ecg(make_ecg(), TWELVE, 100, ax=axes) is figure
    assert axes.get_aspect() == 1.0


@settings(max_examples=20, deadline=None)
@given(
    n_leads=st.integers(1, 15),
    sampling_rate=st.sampled_from([100, 128, 257.0, 500]),
    seconds=st.floats(0.5, 12),
    layout=st.sampled_from(["auto", "rows"]),
)
def test_any_lead_set_gets_one_row_each(n_leads, sampling_rate, seconds, layout):
    names = [f"lead {index}" for index in range(n_leads)]
    figure = plot_ecg(
        make_ecg(n_leads, sampling_rate, seconds), names, sampling_rate, layout=layout
    )
    drawn = traces(figure)
    assert len(drawn) == n_leads
    baselines = [
        line.get_ydata()[0] for line in figure.axes[0].lines if line.get_gid() == "calibration"
    ]
    assert all(upper - lower >= 25 for upper, lower in itertools.pairwise(baselines))
    shown = min(round(seconds * sampling_rate) / sampling_rate, 10)
    assert figure.get_size_inches()[0] * MM_PER_INCH == pytest.approx(20 + 25 * shown)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((2, 100)), ["I"], 100), LeadMismatchError, r"shape \(2, 100\)"),
        ((np.zeros((1, 2, 100)), ["I", "II"], 100), LeadMismatchError, "Pass one record"),
        ((np.zeros((2, 100)), ["I", "i"], 100), LeadMismatchError, "must be given and differ"),
        ((np.zeros((1, 100)), ["I"], 0), SamplingRateError, "positive number of Hz; got 0"),
        ((np.zeros((1, 100)), ["I"], float("nan")), SamplingRateError, "got nan"),
        ((np.zeros((1, 0)), ["I"], 100), DurationError, "must lie within the record"),
    ],
)
def test_says_what_is_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        plot_ecg(*arguments)


def test_says_which_leads_a_sheet_lacks():
    with pytest.raises(LeadMismatchError, match="V5, V6 lacking"):
        plot_ecg(make_ecg(10), TWELVE[:10], 100, layout="3x4")
    with pytest.raises(ECGError, match="layout must be 'auto', '3x4' or 'rows'; got '6x2'"):
        plot_ecg(make_ecg(), TWELVE, 100, layout="6x2")
    with pytest.raises(DurationError, match="got -1 s"):
        plot_ecg(make_ecg(), TWELVE, 100, start=-1)
