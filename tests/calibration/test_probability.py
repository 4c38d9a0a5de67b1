"""ProbabilityCalibrator against the truth, scikit-learn and invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ecgsk.calibration import ProbabilityCalibrator
from ecgsk.calibration._probability import _fit_logistic
from ecgsk.exceptions import CalibrationWarning, ECGError
from ecgsk.metrics import masked_brier_score, masked_roc_auc

METHODS = ["sigmoid", "beta", "isotonic"]


@pytest.mark.parametrize("method", METHODS)
def test_recovers_true_probabilities(method, distorted):
    truth, Y, P = distorted
    calibrated = ProbabilityCalibrator(method).fit(P[:4000], Y[:4000]).transform(P[4000:])
    assert np.abs(P[4000:] - truth[4000:]).mean() > 0.08
    assert np.abs(calibrated - truth[4000:]).mean() < 0.02
    assert masked_brier_score(Y[4000:], calibrated) < masked_brier_score(Y[4000:], P[4000:]) - 0.005


def test_sigmoid_recovers_slope_and_intercept_of_a_logit(distorted):
    _, Y, P = distorted
    a, b, c = ProbabilityCalibrator().fit(P, Y).coef_.T
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(a, 0.5, atol=0.05)
    np.testing.assert_allclose(c, -0.5, atol=0.1)


def test_sigmoid_equals_logistic_regression_on_platts_targets(distorted):
    """A soft target is a weighted record of each class."""
    _, Y, P = distorted
    y, p = Y[:200, 0], P[:200, 0]
    n, m = y.sum(), (1 - y).sum()
    target = np.where(y == 1, (n + 1) / (n + 2), 1 / (m + 2))
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(
        np.tile(logit(p), 2)[:, None], np.repeat([1, 0], 200), np.append(target, 1 - target)
    )
    got = ProbabilityCalibrator().fit(p, y).transform(p)[:, 0]
    np.testing.assert_allclose(got, reference.predict_proba(logit(p)[:, None])[:, 1], atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_slopes_are_the_constrained_optimum(seed):
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(60, 2)), rng.uniform(0.1, 1, size=60)
    target = np.clip(expit(x @ rng.normal(size=2) + rng.normal()), 0.02, 0.98)

    def loss(coef):
        z = x @ coef[:2] + coef[2]
        return weight @ (np.logaddexp(0, z) - target * z)

    bounds = [(0, None), (0, None), (None, None)]
    best = minimize(loss, np.zeros(3), bounds=bounds, method="L-BFGS-B", tol=1e-12)
    got = _fit_logistic(x, target, weight)
    assert (got[:2] >= 0).all()
    assert loss(got) <= best.fun + 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_keeps_order_and_stays_inside_zero_and_one(method, distorted):
    _, Y, P = distorted
    calibrator = ProbabilityCalibrator(method).fit(P, 1 - Y)  # reversed labels
    assert np.ptp(calibrator.transform(P), axis=0).max() < 0.01
    with_extremes = np.concatenate([P, [[0.0] * 3, [1.0] * 3]])
    labels = np.concatenate([Y, [[1.0] * 3, [0.0] * 3]])
    grid = np.tile(np.linspace(0, 1, 101)[:, None], 3)
    out = ProbabilityCalibrator(method).fit(with_extremes, labels).transform(grid)
    assert (np.diff(out, axis=0) >= 0).all()
    assert ((out > 0) & (out < 1)).all()


@pytest.mark.parametrize("method", METHODS)
@given(
    seed=st.integers(0, 2**16),
    sharpness=st.floats(-3, 3),
    spread=st.sampled_from([1e-6, 1e-3, 0.1, 1.0, 8.0]),
    base=st.floats(-6, 6),
)
def test_a_map_is_rising_or_constant(method, seed, sharpness, spread, base):
    """Whatever the labels are: related to the probabilities, unrelated or reversed."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=60)
    p = expit(base + spread * score)
    y = (rng.random(60) < expit(sharpness * score)).astype(float)
    calibrator = ProbabilityCalibrator(method, min_patients=0).fit(p, y)
    grid = np.concatenate([expit(np.linspace(-19, 19, 401)), np.sort(p)])
    grid = np.unique(np.append(grid, [0.0, 1.0]))
    out = calibrator.transform(grid)[:, 0]
    steps = np.diff(out)
    assert (steps >= -4 * np.spacing(out[1:])).all()
    if method == "isotonic":
        return
    a, b, _ = calibrator.coef_[0]
    assert a >= 0
    assert b >= 0
    if a == b == 0:
        assert (out == out[0]).all()
    else:
        # The map's own logit rises by this much, and is rounded to about 1e-14 of its terms.
        inside = np.clip(grid, 1e-9, 1 - 1e-9)
        rise = np.diff(a * np.log(inside) - b * np.log1p(-inside))
        apart = rise * out[1:] * (1 - out[1:]) > 1e-13 * (1 + np.abs(calibrator.coef_).sum())
        assert (steps[apart] > 0).all()


def test_a_reversed_label_gets_one_probability(distorted):
    """The best map that reverses no ranks is the share of positives, by Platt's targets."""
    _, Y, P = distorted
    p, y = P[:, 0], 1 - Y[:, 0]
    n, m = y.sum(), (1 - y).sum()
    out = ProbabilityCalibrator().fit(p, y).transform(p)
    expected = (n * (n + 1) / (n + 2) + m / (m + 2)) / (n + m)
    np.testing.assert_allclose(out, expected, rtol=1e-9)


def test_sigmoid_keeps_auroc(distorted):
    _, Y, P = distorted
    after = ProbabilityCalibrator().fit(P, Y).transform(P)
    assert masked_roc_auc(Y, after) == pytest.approx(masked_roc_auc(Y, P), abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_patients_weigh_equally(method, distorted):
    """Repeating a patient's records five times changes the fit only without groups."""
    _, Y, P = distorted
    copies = np.where(Y[:300, 0] == 1, 5, 1)
    rows = np.repeat(np.arange(300), copies)
    once = ProbabilityCalibrator(method).fit(P[:300], Y[:300]).transform(P)
    by_patient = ProbabilityCalibrator(method).fit(P[rows], Y[rows], rows).transform(P)
    np.testing.assert_allclose(by_patient, once, atol=1e-9)
    by_record = ProbabilityCalibrator(method).fit(P[rows], Y[rows]).transform(P)
    assert np.abs(by_record - once)[:, 0].mean() > 0.05


def test_nan_takes_no_part(distorted):
    """It also takes no weight from the patient's other records."""
    _, Y, P = distorted
    groups = np.repeat(np.arange(3000), 2)
    unmeasured = Y.copy()
    unmeasured[1::2, 0] = np.nan
    got = ProbabilityCalibrator().fit(P, unmeasured, groups)
    np.testing.assert_allclose(
        got.coef_[:1], ProbabilityCalibrator().fit(P[::2, :1], Y[::2, :1]).coef_
    )
    np.testing.assert_allclose(got.coef_[1:], ProbabilityCalibrator().fit(P, Y, groups).coef_[1:])


@pytest.mark.parametrize("method", METHODS)
def test_rare_labels_are_not_calibrated_and_are_named(method, distorted):
    _, Y, P = distorted
    Y = Y.copy()
    Y[:, 0] = 0
    Y[:50, 0] = 1  # fifty records of nine patients
    Y[:, 2] = np.nan
    groups = np.append(np.arange(50) % 9, np.arange(9, len(Y) - 41))
    with pytest.warns(
        CalibrationWarning, match=r"does not calibrate 2 of 3 labels.* 10 patients .*: 0, 2\."
    ):
        calibrator = ProbabilityCalibrator(method).fit(P, Y, groups)
    assert calibrator.calibrated_.tolist() == [False, True, False]
    out = calibrator.transform(P)
    np.testing.assert_array_equal(out[:, [0, 2]], P[:, [0, 2]])
    assert np.abs(out - P)[:, 1].mean() > 0.05
    assert ProbabilityCalibrator(method, min_patients=9).fit(P[:, :2], Y[:, :2], groups)


def test_invalid_input(distorted):
    _, Y, P = distorted
    with pytest.raises(ECGError, match="expected method to be one of"):
        ProbabilityCalibrator("platt").fit(P, Y)
    with pytest.raises(ECGError, match="probabilities from 0 to 1"):
        ProbabilityCalibrator().fit(logit(P), Y)
    fitted = ProbabilityCalibrator().fit(P, Y)
    with pytest.raises(ECGError, match=r"shape \(n_records, 3\)"):
        fitted.transform(P[:, :2])
    with pytest.raises(ECGError, match="NaN"):
        fitted.transform(np.full((1, 3), np.nan))
    with pytest.raises(ECGError, match="expected groups"):
        ProbabilityCalibrator().fit(P, Y, np.arange(5))
