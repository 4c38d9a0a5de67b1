"""Decision curves against their definition."""

import numpy as np
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import net_benefit, patient_bootstrap


def by_definition(y, p, t):
    measured = ~np.isnan(y)
    y, called = y[measured], p[measured] >= t
    return (y[called].sum() - (1 - y[called]).sum() * t / (1 - t)) / len(y)


def test_net_benefit_equals_its_definition(calibrated):
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


def test_intervals_use_the_resamples_of_patient_bootstrap(calibrated):
    Y, P, groups = calibrated
    kw = {"groups": groups, "n_resamples": 100, "random_state": 0}

    def at_a_fifth(Y, P, sample_weight):
        y, p, w = Y[:, 1], P[:, 1], sample_weight
        measured = ~np.isnan(y)
        gain = np.where(y == 1, 1, -0.25) * (p >= 0.2)
        return np.average(gain[measured], weights=w[measured])

    expected = patient_bootstrap(Y, P, statistic=at_a_fifth, **kw)
    row = net_benefit(Y, P, [0.2, 0.5], **kw).iloc[2]
    assert row["label"] == "MI"
    np.testing.assert_allclose(
        row[["model", "low", "high"]].astype(float),
        [expected.estimate, expected.low, expected.high],
        atol=1e-9,
    )


@pytest.mark.parametrize("thresholds", [[0, 0.5], [0.5, 1], [0.5, 0.4], [], [[0.5]], [np.nan]])
def test_thresholds_must_increase_within_0_and_1(thresholds):
    with pytest.raises(ECGError, match="net_benefit expected increasing thresholds"):
        net_benefit([0, 1], [0.1, 0.2], thresholds)


def test_unmeasured_label_has_nan(calibrated):
    Y, P, groups = calibrated
    Y["AF"] = np.nan
    table = net_benefit(Y, P, [0.2], groups=groups, n_resamples=10).set_index("label")
    assert table.loc["AF", ["model", "treat_all", "low"]].isna().all()


def test_malformed_input_raises(calibrated):
    Y, P, groups = calibrated
    with pytest.raises(ECGError, match="net_benefit expected probabilities"):
        net_benefit(Y, P + 1)
    with pytest.raises(ECGError, match="net_benefit expected groups of shape"):
        net_benefit(Y, P, groups=groups[:5])
