"""Forest plot of arms."""

import io

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.plotting import plot_arms

ARMS = ["random encoder + linear head", "signal only", "joint embedding (ours)", "multimodal"]


@pytest.fixture
def frame():
    return pd.DataFrame(
        [
            {
                "arm": arm,
                "label_fraction": fraction,
                "archive": archive,
                "macro_auroc": 0.7 + 0.02 * rank,
                "auroc_low": 0.69 + 0.02 * rank,
                "auroc_high": 0.72 + 0.02 * rank,
            }
            for fraction in (0.1, 1.0)
            for archive in (0, 36_000)
            for rank, arm in enumerate(ARMS)
        ]
    )


def test_each_setting_has_a_panel_and_each_arm_a_row(frame):
    figure = plot_arms(frame)
    assert [ax.get_title() for ax in figure.axes] == [
        "100% of labels",
        "100% of labels, archive 36,000",
        "10% of labels",
        "10% of labels, archive 36,000",
    ]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ARMS
    assert figure.axes[0].yaxis_inverted()


def test_points_and_intervals_are_the_scores(frame):
    interval, point = plot_arms(frame).axes[0].lines[:2]
    assert list(interval.get_xdata()) == [0.69, 0.72]
    assert list(point.get_xdata()) == [0.7]
    assert list(interval.get_ydata()) == [0, 0]


def test_highlighted_arm_differs_in_colour_and_marker(frame):
    points = plot_arms(frame).axes[0].lines[1::2]
    assert len({point.get_color() for point in points}) == 2
    assert [point.get_marker() for point in points] == ["o", "o", "D", "o"]
    points = plot_arms(frame, highlight="SIGNAL").axes[0].lines[1::2]
    assert [point.get_marker() for point in points] == ["o", "D", "o", "o"]


def test_missing_settings_have_no_panel(frame):
    frame = frame[(frame["archive"] == 0) | (frame["label_fraction"] == 0.1)]
    figure = plot_arms(frame)
    assert [ax.get_title() for ax in figure.axes] == [
        "100% of labels",
        "10% of labels",
        "10% of labels, archive 36,000",
    ]
    figure.savefig(io.BytesIO(), format="svg")


def test_nan_bounds_draw_no_interval(frame):
    figure = plot_arms(frame.assign(auroc_low=np.nan, auroc_high=np.nan))
    figure.savefig(io.BytesIO(), format="png")
    assert list(figure.axes[0].lines[1].get_xdata()) == [0.7]


def test_malformed_frames_raise(frame):
    with pytest.raises(ECGError, match="got no archive, auroc_low"):
        plot_arms(frame.drop(columns=["archive", "auroc_low"]))
    with pytest.raises(ECGError, match="got an empty table"):
        plot_arms(frame.iloc[:0])
    with pytest.raises(ECGError, match="got two for 'signal only'"):
        plot_arms(pd.concat([frame, frame.iloc[[1]]]))
