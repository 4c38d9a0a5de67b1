"""Calibration curves against scikit-learn, with intervals by patient."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve as sklearn_curve

from ecgsk.exceptions import ECGError
from ecgsk.metrics import calibration_curve, masked_calibration_error


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_curve_equals_scikit_learn_and_sums_to_the_calibration_error(calibrated, strategy):
    Y, P, _ = calibrated
    table = calibration_curve(Y, P, n_bins=7, strategy=strategy)
    for name, rows in table.groupby("label"):
        measured = Y[name].notna()
        observed, predicted = sklearn_curve(
            Y[name][measured], P[name][measured], n_bins=7, strategy=strategy
        )
        np.testing.assert_allclose(rows["observed"], observed)
        np.testing.assert_allclose(rows["predicted"], predicted)
        assert rows["n"].sum() == measured.sum()
    gap = (table["observed"] - table["predicted"]).abs() * table["n"]
    ece = gap.groupby(table["label"]).sum() / table.groupby("label")["n"].sum()
    expected = masked_calibration_error(Y, P, average=None, n_bins=7, strategy=strategy)
    np.testing.assert_allclose(ece, expected)


def test_intervals_cover_the_predictions_of_a_calibrated_model(calibrated):
    table = calibration_curve(*calibrated[:2], groups=calibrated[2], random_state=0)
    covered = table["predicted"].between(table["low"], table["high"])
    assert 17 <= covered.sum() <= 20
    assert table["observed"].between(table["low"], table["high"]).all()
    over = calibration_curve(
        calibrated[0], calibrated[1] ** 0.5, groups=calibrated[2], random_state=0
    )
    covered = over["predicted"].between(over["low"], over["high"])
    assert covered.sum() <= 3


def test_unmeasured_label_has_no_curve(calibrated):
    Y, P, _ = calibrated
    Y["AF"] = np.nan
    assert set(calibration_curve(Y, P)["label"]) == {"MI"}
    with pytest.raises(ECGError, match="at least one label with measured records"):
        calibration_curve(Y[["AF"]], P[["AF"]])


def test_malformed_input_raises(calibrated):
    Y, P, groups = calibrated
    with pytest.raises(ECGError, match="calibration_curve expected probabilities"):
        calibration_curve(Y, P + 1)
    with pytest.raises(ECGError, match="calibration_curve expected groups of shape"):
        calibration_curve(Y, P, groups=groups[:5])
