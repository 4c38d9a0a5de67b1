"""Calibration intercept and slope against logistic regression and true values."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ecgsk.exceptions import ECGError
from ecgsk.metrics import calibration_slope


def simulate(n, rng, a=0.0, b=1.0):
    """Return labels with true intercept a and slope b, and predictions."""
    logits = rng.normal(-1, 1, n)
    return (rng.random(n) < expit(a + b * logits)).astype(float), expit(logits)


def test_slope_equals_the_coefficient_of_a_logistic_regression():
    rng = np.random.default_rng(0)
    y, p = simulate(400, rng, 0.5, 0.7)
    y[:50] = np.nan
    row = calibration_slope(y, p).iloc[0]
    model = LogisticRegression(C=1e10, tol=1e-10).fit(logit(p[50:, None]), y[50:])
    assert row["slope"] == pytest.approx(model.coef_[0, 0], rel=1e-4)
    assert row[["slope_low", "intercept_high"]].isna().all()
    assert (row["n"], row["n_positive"]) == (350, np.nansum(y))


def test_intercept_corrects_the_mean_prediction():
    y, p = simulate(400, np.random.default_rng(0), 1.5)
    intercept = calibration_slope(y, p).loc["0", "intercept"]
    assert expit(logit(p) + intercept).mean() == pytest.approx(y.mean())
    far = calibration_slope(y, p**12).loc["0", "intercept"]
    assert expit(logit(np.maximum(p**12, np.finfo(np.float32).eps)) + far).mean() == pytest.approx(
        y.mean()
    )


def test_intervals_cover_the_truth_and_cluster_by_patient():
    rng = np.random.default_rng(0)
    Y, P = zip(*(simulate(300, rng, 0, 0.8) for _ in range(60)), strict=True)
    Y, P = np.column_stack(Y), np.column_stack(P)
    table = calibration_slope(Y, P, groups=np.arange(300))
    assert 0.88 <= ((table["slope_low"] < 0.8) & (table["slope_high"] > 0.8)).mean() < 1
    groups = np.tile(np.arange(300), 4)
    four = calibration_slope(np.tile(Y, (4, 1)), np.tile(P, (4, 1)), groups=groups)
    pd.testing.assert_frame_equal(
        four.drop(columns=["n", "n_positive"]), table.drop(columns=["n", "n_positive"]), rtol=1e-5
    )


def test_slope_is_nan_if_classes_or_predictions_allow_none():
    Y = pd.DataFrame({"one class": [0, 0, 0, 0], "split": [0, 0, 1, 1], "equal": [0, 1, 0, 1]})
    P = pd.DataFrame([[0.1, 0.0, 0.5], [0.2, 0.2, 0.5], [0.3, 0.8, 0.5], [0.4, 1.0, 0.5]])
    table = calibration_slope(Y, P.set_axis(Y.columns, axis=1), groups=[0, 0, 1, 1])
    assert table["slope"].isna().all()
    assert table["intercept"].isna().tolist() == [True, False, False]
    assert table.loc["equal", "intercept"] == pytest.approx(0)


def test_malformed_input_raises():
    with pytest.raises(ECGError, match="calibration_slope expected probabilities"):
        calibration_slope([0, 1], [0.2, 1.2])
    with pytest.raises(ECGError, match="calibration_slope expected groups of shape"):
        calibration_slope([0, 1], [0.2, 0.8], groups=[1])
    with pytest.raises(ECGError, match="calibration_slope expected 0 < confidence_level < 1"):
        calibration_slope([0, 1], [0.2, 0.8], confidence_level=95)
