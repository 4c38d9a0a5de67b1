"""plot_ecg: scale, grid, traces and text of the figure."""

import io
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from ecgsk.exceptions import LeadMismatchError
from ecgsk.plotting import plot_ecg
from ecgsk.plotting._sheet import LEFT

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
    """Return positions in inches from the lower left corner of the figure."""
    return figure.axes[0].transData.transform(points) / figure.dpi


def test_figure_has_25_mm_per_s_and_10_mm_per_mv():
    ramp = np.tile(np.linspace(0, 1, 1001)[:1000], (12, 1))
    ramp[:, 500] = -1.0
    figure = plot_ecg(ramp, TWELVE, 100)
    rhythm = traces(figure)["lead-II-row3"]
    xy = inches(figure, rhythm.get_xydata()) * MM_PER_INCH
    assert xy[900, 0] - xy[100, 0] == pytest.approx(8 * 25, abs=1e-6)
    assert xy[900, 1] - xy[100, 1] == pytest.approx(0.8 * 10, abs=1e-6)
    assert xy[500, 1] - xy[0, 1] == pytest.approx(-10, abs=1e-6)


def test_figure_has_the_size_of_the_sheet():
    figure = plot_ecg(make_ecg(), TWELVE, 100)
    axes = figure.axes[0]
    width, height = figure.get_size_inches() * MM_PER_INCH
    assert axes.get_xlim() == (0, pytest.approx(width))
    assert axes.get_ylim() == (0, pytest.approx(height))
    assert axes.get_position().bounds == pytest.approx((0, 0, 1, 1))


def test_each_row_starts_with_a_calibration_pulse_of_1_mv_and_200_ms():
    figure = plot_ecg(make_ecg(), TWELVE, 100)
    pulses = [line for line in figure.axes[0].lines if line.get_gid() == "calibration"]
    assert len(pulses) == 4
    for pulse in pulses:
        x, y = (inches(figure, pulse.get_xydata()) * MM_PER_INCH).T
        high = np.isclose(y, y.max())
        assert np.ptp(y) == pytest.approx(10)
        assert np.ptp(x[high]) == pytest.approx(5)


def test_grid_has_fine_lines_every_1_mm_and_coarse_lines_every_5_mm():
    figure = plot_ecg(make_ecg(), TWELVE, 100)
    fine, coarse = figure.axes[0].collections
    for grid, step in ((fine, 1), (coarse, 5)):
        vertical = sorted(s[0][0] for s in grid.get_segments() if s[0][0] == s[1][0])
        assert np.diff(vertical) == pytest.approx(step)
    assert coarse.get_linewidths()[0] > fine.get_linewidths()[0]


def test_twelve_leads_are_three_rows_of_four_above_a_rhythm_strip():
    """The order and case of the given leads do not matter."""
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
    # The columns are consecutive: aVR starts where I ends.
    assert drawn["lead-I-row0"].get_xdata()[-1] == pytest.approx(starts[1])
    assert np.ptp(drawn["lead-II-row3"].get_xdata()) == pytest.approx(25 * 9.99)
    for lead, amplitude in zip(TWELVE, np.linspace(0.5, 1.5, 12), strict=True):
        row = next(row for row in range(3) if f"lead-{lead}-row{row}" in drawn)
        height = np.ptp(drawn[f"lead-{lead}-row{row}"].get_ydata())
        assert height == pytest.approx(10 * amplitude, rel=0.01)


def test_missing_samples_leave_a_gap():
    signal = make_ecg(2)
    signal[0, 200:300] = np.nan
    signal[1] = np.nan
    figure = plot_ecg(signal, ["II", "V5"], 100)
    drawn = traces(figure)["lead-II-row0"].get_ydata()
    assert np.isnan(drawn[200:300]).all()
    assert np.isfinite(np.delete(drawn, slice(200, 300))).all()
    assert "V5 (no signal)" in [text.get_text() for text in figure.axes[0].texts]


def test_text_has_scales_sampling_rate_and_title():
    figure = plot_ecg(make_ecg(sampling_rate=250), TWELVE, 250, title="Visit 3")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "25 mm/s   10 mm/mV   250 Hz" in texts
    assert "Visit 3" in texts


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_figure_saves_without_pyplot(form, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    buffer = io.BytesIO()
    plot_ecg(make_ecg(), TWELVE, 100).savefig(buffer, format=form)
    assert buffer.tell() > 10_000
    assert "matplotlib.pyplot" not in sys.modules


def test_given_axes_get_the_proportions_of_ecg_paper():
    figure = Figure(figsize=(6, 6))
    axes = figure.add_subplot()
    assert plot_ecg(make_ecg(), TWELVE, 100, ax=axes) is figure
    assert axes.get_aspect() == 1.0


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_shade_is_behind_its_lead_at_its_time(start):
    shade = np.zeros((2, 50))
    shade[1, 20:25] = 1.0  # 4 to 5 s of lead II
    figure = plot_ecg(np.zeros((2, 1000)), ["I", "II"], 100, start=start, shade=shade)
    (patch,) = figure.axes[0].patches
    baseline = figure.axes[0].get_lines()[1].get_ydata()[0]
    x, y = patch.get_xy()
    assert (x, patch.get_width()) == pytest.approx((LEFT + 25 * (4 - start), 25))
    assert y + patch.get_height() / 2 == pytest.approx(baseline)
    assert patch.get_alpha() == pytest.approx(0.75)


def test_shade_of_other_leads_is_an_error():
    with pytest.raises(LeadMismatchError, match=r"^plot_ecg: expected one row of shade"):
        plot_ecg(np.zeros((1, 100)), ["II"], 100, shade=np.zeros((2, 100)))
