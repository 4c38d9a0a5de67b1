"""Displays of calibration and decision curves."""

import numpy as np
import pytest

from ecgsk.evaluation import MultilabelCalibrationDisplay, NetBenefitDisplay
from ecgsk.exceptions import ECGError
from ecgsk.metrics import calibration_curve, net_benefit


def test_calibration_pools_all_measured_cells(scored):
    Y, P, groups, _ = scored
    drawn = MultilabelCalibrationDisplay.from_predictions(Y, P, groups=groups, n_resamples=20)
    cells = Y.notna().to_numpy()
    expected = calibration_curve(Y.to_numpy()[cells], P.to_numpy()[cells])
    (ax,) = drawn.axes_
    points = ax.get_lines()[1].get_xydata()
    np.testing.assert_allclose(points, expected[["predicted", "observed"]])
    assert (drawn.frame["low"] <= drawn.frame["observed"]).all()


def test_calibration_has_a_panel_for_each_given_label(scored):
    Y, P, *_ = scored
    labels = ["frequent", "$a_b$ & 50%"]
    drawn = MultilabelCalibrationDisplay.from_predictions(Y, P, labels=labels)
    assert [ax.get_title() for ax in drawn.axes_] == ["frequent", r"\$a_b\$ & 50%"]
    with pytest.raises(ECGError, match=r"expected labels among the columns of Y.*got 'sepsis'"):
        MultilabelCalibrationDisplay.from_predictions(Y, P, labels=["sepsis"])


def test_net_benefit_ends_at_the_last_threshold_with_treatment(scored):
    Y, P, groups, _ = scored
    drawn = NetBenefitDisplay.from_predictions(Y, P, groups=groups, labels=["rare"], n_resamples=20)
    treat_none, treat_all, model = drawn.axes_[0].get_lines()
    expected = net_benefit(Y["rare"], P["rare"])
    np.testing.assert_allclose(model.get_ydata(), expected["model"])
    np.testing.assert_allclose(treat_all.get_ydata(), expected["treat_all"])
    assert not treat_none.get_ydata().any()
    assert drawn.axes_[0].get_xlim()[1] == pytest.approx(P["rare"].max(), abs=0.011)
