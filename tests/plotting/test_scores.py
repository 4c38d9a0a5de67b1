"""Calibration curves, decision curves and forest plots drawn into axes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ecgsk.plotting.scores import draw_calibration, draw_forest, draw_net_benefit, forest_height


@pytest.fixture
def ax():
    return Figure().subplots()


def test_calibration_axes_end_at_the_largest_value(ax):
    frame = pd.DataFrame(
        {"predicted": [0.1, 0.3], "observed": [0.05, 0.4], "low": 0.0, "high": 0.5}
    )
    draw_calibration(ax, frame, "$a$")
    assert ax.get_xlim() == ax.get_ylim() == (0, pytest.approx(1.05 * 0.5))
    np.testing.assert_array_equal(ax.get_lines()[1].get_xydata(), frame[["predicted", "observed"]])
    assert ax.get_title() == r"\$a\$"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["perfect", "model"]


def test_calibration_without_bounds_or_legend(ax):
    frame = pd.DataFrame({"predicted": [0.9], "observed": [1.0], "low": np.nan, "high": np.nan})
    draw_calibration(ax, frame, "a", legend=False)
    assert ax.get_xlim() == (0, 1)
    assert ax.get_legend() is None


def test_net_benefit_axes_end_at_the_last_threshold_with_treatment(ax):
    frame = pd.DataFrame({"threshold": [0.1, 0.2, 0.3], "model": [0.2, 0.1, 0.0]})
    frame = frame.assign(treat_all=[0.1, -0.5, -2.0], treat_none=0.0, low=np.nan, high=np.nan)
    draw_net_benefit(ax, frame, "a")
    assert ax.get_xlim() == (0, 0.2)
    assert ax.get_ylim() == pytest.approx((-0.06, 0.22))
    labels = [line.get_label() for line in ax.get_lines()]
    assert labels == ["treat none", "treat all", "model"]


def test_forest_has_a_row_for_each_name_from_the_top(ax):
    frame = pd.DataFrame({"estimate": [0.7, np.nan], "low": [0.6, np.nan], "high": [0.8, np.nan]})
    draw_forest(ax, ["a$", "b"], frame, x="AUROC", reference=0.5)
    assert [label.get_text() for label in ax.get_yticklabels()] == [r"a\$", "b"]
    assert ax.yaxis_inverted()
    reference, interval, point = ax.get_lines()[:3]
    assert list(reference.get_xdata()) == [0.5, 0.5]
    assert list(interval.get_xdata()) == [0.6, 0.8]
    assert list(point.get_xydata()[0]) == [0.7, 0]
    assert forest_height(3) > forest_height(2)
