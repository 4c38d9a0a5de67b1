"""Decision curves and calibration curves against their definitions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve as sklearn_curve

from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    calibration_curve,
    masked_calibration_error,
    net_benefit,
    patient_bootstrap,
)


@pytest.fixture
def calibrated():
    rng = np.random.default_rng(0)
    groups = rng.integers(200, size=500)
    P = pd.DataFrame(rng.beta(1, 3, size=(500, 2)).round(2), columns=["AF", "MI"])
    Y = (rng.random(P.shape) < P).astype(float)
    Y.loc[:99, "MI"] = np.nan
    return Y, P, groups


def by_definition(y, p, t):
    seen = ~np.isnan(y)
    y, called = y[seen], p[seen] >= t
    return (y[called].sum() - (1 - y[called]).sum() * t / (1 - t)) / len(y)


def test_net_benefit_is_its_definition(calibrated):
    Y, P, _ = calibrated
    table = net_benefit(Y, P)
    assert table.columns.tolist() == [
        *("label", "threshold", "model", "treat_all", "treat_none", "low", "high")
    ]
    assert len(table) == 2 * 99
    for row in table.itertuples():
        y, p = Y[row.label].to_numpy(), P[row.label].to_numpy()
        assert row.model == pytest.approx(by_definition(y, p, row.threshold))
        assert row.treat_all == pytest.approx(by_definition(y, p + 1, row.threshold))
    assert (table["treat_none"] == 0).all()
    assert table[["low", "high"]].isna().all(axis=None)


def test_net_benefit_intervals_are_of_the_same_resamples_as_every_other(calibrated):
    Y, P, groups = calibrated
    kw = {"n_resamples": 100, "random_state": 0}

    def at_a_fifth(Y, P, sample_weight):
        y, p, w = Y[:, 1], P[:, 1], sample_weight
        seen = ~np.isnan(y)
        gain = np.where(y == 1, 1, -0.25) * (p >= 0.2)
        return np.average(gain[seen], weights=w[seen])

    expected = patient_bootstrap(Y, P, groups, statistic=at_a_fifth, **kw)
    row = net_benefit(Y, P, [0.2, 0.5], groups=groups, **kw).iloc[2]
    assert row["label"] == "MI"
    np.testing.assert_allclose(
        row[["model", "low", "high"]].astype(float),
        [expected.estimate, expected.low, expected.high],
        atol=1e-9,
    )


@pytest.mark.parametrize("thresholds", [[0, 0.5], [0.5, 1], [0.5, 0.4], [], [[0.5]], [np.nan]])
def test_thresholds_rise_between_0_and_1(thresholds):
    with pytest.raises(ECGError, match="net_benefit expected rising thresholds"):
        net_benefit([0, 1], [0.1, 0.2], thresholds)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_calibration_curve_equals_sklearn(calibrated, strategy):
    Y, P, _ = calibrated
    table = calibration_curve(Y, P, n_bins=7, strategy=strategy)
    for name, rows in table.groupby("label"):
        seen = Y[name].notna()
        observed, predicted = sklearn_curve(
            Y[name][seen], P[name][seen], n_bins=7, strategy=strategy
        )
        np.testing.assert_allclose(rows["observed"], observed)
        np.testing.assert_allclose(rows["predicted"], predicted)
        assert rows["n"].sum() == seen.sum()
    gap = (table["observed"] - table["predicted"]).abs() * table["n"]
    ece = gap.groupby(table["label"]).sum() / table.groupby("label")["n"].sum()
    expected = masked_calibration_error(Y, P, average=None, n_bins=7, strategy=strategy)
    np.testing.assert_allclose(ece, expected)


def test_calibration_intervals_hold_a_calibrated_model(calibrated):
    table = calibration_curve(*calibrated[:2], groups=calibrated[2], random_state=0)
    held = table["predicted"].between(table["low"], table["high"])
    assert 17 <= held.sum() <= 20
    assert table["observed"].between(table["low"], table["high"]).all()
    over = calibration_curve(
        calibrated[0], calibrated[1] ** 0.5, groups=calibrated[2], random_state=0
    )
    held = over["predicted"].between(over["low"], over["high"])
    assert held.sum() <= 3


def test_an_unmeasured_label_has_no_curve(calibrated):
    Y, P, groups = calibrated
    Y["AF"] = np.nan
    assert set(calibration_curve(Y, P)["label"]) == {"MI"}
    decision = net_benefit(Y, P, [0.2], groups=groups, n_resamples=10).set_index("label")
    assert decision.loc["AF", ["model", "treat_all", "low"]].isna().all()
    with pytest.raises(ECGError, match="at least one label with measured records"):
        calibration_curve(Y[["AF"]], P[["AF"]])


@pytest.mark.parametrize("curve", [calibration_curve, net_benefit])
def test_scores_are_probabilities_and_groups_of_the_same_rows(curve, calibrated):
    Y, P, groups = calibrated
    with pytest.raises(ECGError, match=f"{curve.__name__} expected probabilities"):
        curve(Y, P + 1)
    with pytest.raises(ECGError, match=f"{curve.__name__} expected groups of shape"):
        curve(Y, P, groups=groups[:5])
