"""Figures of explanations, from arrays and frames."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ecgsk.exceptions import ECGError
from ecgsk.plotting import plot_explanation, plot_explanations
from ecgsk.plotting.figures import BLUE


def test_bars_above_their_mark_are_highlighted():
    figure = plot_explanation(
        np.zeros((1, 100)),
        ["II"],
        100,
        title="ECG 7",
        diagnoses=[("sepsis", 0.7, 0.5), ("gout", 0.2, 0.5)],
        findings=[],
    )
    _, bars = figure.axes
    assert [patch.get_width() for patch in bars.patches] == [0.7, 0.2]
    assert [to_hex(patch.get_facecolor()) == BLUE for patch in bars.patches] == [True, False]
    assert [text.get_text() for text in bars.texts] == ["0.70", "0.20"]


def test_dots_mark_predicted_labels():
    frame = pd.DataFrame(
        {
            "record": [7, 7, 8, 8],
            "kind": ["diagnosis", "laboratory"] * 2,
            "name": ["sepsis", "lactate high"] * 2,
            "probability": [0.9, 0.6, 0.1, 0.4],
            "threshold": 0.5,
            "decision": ["absent", "", "present", ""],
        }
    )
    diagnoses, findings = plot_explanations(frame).axes[:2]
    assert diagnoses.collections[0].get_offsets().tolist() == [[0, 1]]  # by decision
    assert findings.collections[0].get_offsets().tolist() == [[0, 0]]  # by threshold


def test_empty_frame_raises():
    with pytest.raises(ECGError, match="plot_explanations: expected one row for each record"):
        plot_explanations(pd.DataFrame({"kind": []}))
