"""SVG of an ECG: geometry in millimetres, gaps, shade and escaped text."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ecgsk.exceptions import LeadMismatchError, SamplingRateError
from ecgsk.plotting import ecg_svg, plot_ecg
from ecgsk.signals import STANDARD_12_LEADS

NAMESPACE = "{http://www.w3.org/2000/svg}"


def read(signal, leads=("II",), rate=100, **options):
    return ET.fromstring(ecg_svg(signal, leads, rate, **{"title": "t", **options}))


def of_class(svg, name):
    return [element for element in svg.iter() if element.get("class") == name]


def runs(trace):
    """Return the points of each run of a trace, mm from the upper left corner."""
    found = []
    for start, steps in re.findall(r"M([-\d ]+)(?:l([-\d ]+))?", trace.get("d")):
        first = np.array(start.split(), dtype=int)
        rest = np.array(steps.split(), dtype=int).reshape(-1, 2)
        found.append(np.cumsum([first, *rest], axis=0) / 100)
    return found


def shaded(svg):
    """Return opacity, left, top, width and height in mm of each shaded rectangle."""
    rectangle = r"M(\S+) (\S+)h([\d.]+)v(\d+)h-[\d.]+z"
    return [
        (float(re.search(r"fill-opacity:([\d.]+)", path.get("style"))[1]), *map(float, sides))
        for path in of_class(svg, "shade")
        for sides in re.findall(rectangle, path.get("d"))
    ]


@pytest.mark.parametrize("rate", [100, 257.3, 500])
def test_trace_is_25_mm_per_s_and_10_mm_per_mv(rate):
    seconds = np.arange(int(10 * rate)) / rate
    signal = np.sin(2 * np.pi * seconds)[None]
    svg = read(signal, rate=rate)
    height = float(svg.get("height").removesuffix("mm"))
    (points,) = runs(*of_class(svg, "trace"))
    # Rounding to 0.01 mm does not accumulate along the trace.
    np.testing.assert_allclose(points[:, 0], 15 + 25 * seconds, atol=0.0051)
    baseline = float(of_class(svg, "calibration")[0].get("points").split()[0].split(",")[1])
    np.testing.assert_allclose(points[:, 1], baseline - 10 * signal[0], atol=0.0051)
    assert 0 < baseline < height


def test_sheet_and_traces_equal_plot_ecg():
    signal = np.random.default_rng(0).normal(size=(12, 1000))
    svg = read(signal, STANDARD_12_LEADS)
    drawn = plot_ecg(signal, STANDARD_12_LEADS, 100)
    size = [float(svg.get(side).removesuffix("mm")) for side in ("width", "height")]
    assert size == pytest.approx(drawn.get_size_inches() * 25.4)
    assert svg.get("viewBox").split()[2:] == [f"{side:g}" for side in size]
    lines = {line.get_gid(): line.get_xydata() for line in drawn.axes[0].lines if line.get_gid()}
    traces = of_class(svg, "trace")
    assert len(traces) == 13
    for trace in traces:
        expected = lines[f"lead-{trace.get('data-lead')}-row{trace.get('data-row')}"]
        (points,) = runs(trace)
        np.testing.assert_allclose(points * [1, -1] + [0, size[1]], expected, atol=0.0051)


def test_missing_samples_leave_gaps():
    signal = np.zeros((3, 1000))
    signal[0, 200:300] = np.nan
    signal[1] = np.nan
    signal[2, 1:] = np.nan
    svg = read(signal, ("II", "V1", "V5"))
    gap, none, dot = of_class(svg, "trace")
    assert [len(run) for run in runs(gap)] == [200, 700]
    assert runs(gap)[1][0, 0] == 15 + 25 * 3
    assert none.get("d") == ""
    assert dot.get("d").endswith("h0")
    assert "V1 (no signal)" in [text.text for text in svg.iter(f"{NAMESPACE}text")]


def test_names_are_escaped():
    evil = '"><script>alert(1)</script>&'
    svg = read(np.zeros((1, 100)), (evil,), title=evil)
    assert svg.get("aria-label") == evil
    assert [text.text for text in svg.iter(f"{NAMESPACE}text")][:2] == [evil, evil]
    assert of_class(svg, "trace")[0].get("data-lead") == evil


@pytest.mark.parametrize("n_steps", [10, 250, 1000])
def test_shade_is_at_its_time_and_lead(n_steps):
    """From 2 s to 3 s of the second lead at full strength, from 7 s to 8 s at two fifths."""
    shade = np.zeros((2, n_steps))
    shade[1, n_steps * 2 // 10 : n_steps * 3 // 10] = 50
    shade[1, n_steps * 7 // 10 : n_steps * 8 // 10] = 20
    svg = read(np.zeros((2, 1000)), ("I", "II"), shade=shade)
    baseline = float(of_class(svg, "calibration")[1].get("points").split()[0].split(",")[1])
    assert shaded(svg) == [
        (0.3, 15 + 25 * 7, baseline - 10, 25, 20),
        (0.75, 15 + 25 * 2, baseline - 10, 25, 20),
    ]
    tags = [element.get("class") for element in svg]
    assert tags.index("shade") < tags.index("grid-fine")


def test_shade_outside_the_time_range_of_a_lead_is_not_drawn():
    """The sheet shows V1 from 5 s to 7.5 s."""
    shade = np.zeros((12, 100))
    shade[STANDARD_12_LEADS.index("V1"), [20, 60]] = 1
    found = shaded(read(np.zeros((12, 1000)), STANDARD_12_LEADS, shade=shade))
    assert max(opacity for opacity, *_ in found) == 0.75
    # A column of 62.5 mm has 62 cells, so the cells at both ends are shaded in part.
    assert min(left for _, left, *_ in found) == pytest.approx(15 + 25 * 6, abs=1.01)
    assert sum(width for *_, width, _ in found) == pytest.approx(2.5, abs=2.02)


@pytest.mark.parametrize("shade", [np.zeros((1, 50)), np.full((1, 50), np.nan)])
def test_zero_shade_draws_nothing(shade):
    assert not shaded(read(np.zeros((1, 500)), shade=shade))


def test_errors_name_ecg_svg():
    with pytest.raises(
        LeadMismatchError, match=r"^ecg_svg: expected one row of shade for each of 1"
    ):
        ecg_svg(np.zeros((1, 9)), ["II"], 100, title="", shade=np.zeros((2, 9)))
    with pytest.raises(LeadMismatchError, match=r"^ecg_svg: expected one row of signal for each"):
        ecg_svg(np.zeros(9), ["II"], 100, title="")
    with pytest.raises(SamplingRateError, match=r"^ecg_svg: expected sampling_rate to be"):
        ecg_svg(np.zeros((1, 9)), ["II"], 0, title="")
