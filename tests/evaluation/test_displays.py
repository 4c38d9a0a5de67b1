"""Displays: what is drawn is what was scored, from predictions and from estimators."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestClassifier

from ecgsk.evaluation import (
    LabelScoresDisplay,
    MultilabelCalibrationDisplay,
    NetBenefitDisplay,
    SubgroupDisplay,
)
from ecgsk.exceptions import ECGError
from ecgsk.metrics import calibration_curve, masked_roc_auc, net_benefit, subgroup_scores

DISPLAYS = [
    LabelScoresDisplay,
    MultilabelCalibrationDisplay,
    NetBenefitDisplay,
    SubgroupDisplay,
]


@pytest.fixture(scope="module")
def scored():
    """Labels with gaps, probabilities, patients and who they are; the names try to be formulas."""
    rng = np.random.default_rng(0)
    names = ["rare", "$a_b$ & 50%", "frequent"]
    P = pd.DataFrame(rng.random((240, 3)) * [0.2, 0.6, 1], columns=names)
    Y = (rng.random(P.shape) < P).astype(float).mask(rng.random(P.shape) < 0.1)
    groups = np.repeat(np.arange(80), 3)
    by = pd.DataFrame({"age": 20.0 + groups, "sex": np.where(groups % 2, "F", "M")})
    return Y, P, groups, by


def parameters(display, scored):
    fixed = {"n_resamples": 30, "random_state": 0}
    return fixed | ({"by": scored[3]} if display is SubgroupDisplay else {})


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_notebook_shows_the_picture(display, scored):
    drawn = display.from_predictions(*scored[:3], **parameters(display, scored))
    assert drawn._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("display", DISPLAYS)
def test_drawn_into_the_axes_handed_in(display, scored):
    drawn = display.from_predictions(*scored[:3], **parameters(display, scored))
    axes = Figure().subplots(1, len(getattr(drawn, "axes_", [0])))
    again = drawn.plot(axes)
    assert again is drawn
    assert drawn.figure_ is np.ravel(axes)[0].figure
    with pytest.raises(ECGError, match=f"{display.__name__}: expected one axes for each of"):
        drawn.plot(Figure().subplots(1, 7))


def test_pyplot_shows_its_own_figures(scored):
    figure, ax = plt.subplots()
    assert LabelScoresDisplay(pd.DataFrame({"estimate": [], "low": [], "high": []})).plot(ax)
    assert LabelScoresDisplay.from_predictions(*scored[:3], ax=ax)._repr_png_() is None
    plt.close(figure)


def test_calibration_pools_all_measured_cells(scored):
    Y, P, groups, _ = scored
    drawn = MultilabelCalibrationDisplay.from_predictions(Y, P, groups, n_resamples=20)
    cells = Y.notna().to_numpy()
    expected = calibration_curve(Y.to_numpy()[cells], P.to_numpy()[cells])
    (ax,) = drawn.axes_
    points = ax.get_lines()[1].get_xydata()
    np.testing.assert_allclose(points, expected[["predicted", "observed"]])
    assert (drawn.frame["low"] <= drawn.frame["observed"]).all()


def test_calibration_of_named_labels(scored):
    Y, P, *_ = scored
    labels = ["frequent", "$a_b$ & 50%"]
    drawn = MultilabelCalibrationDisplay.from_predictions(Y, P, labels=labels)
    assert [ax.get_title() for ax in drawn.axes_] == ["frequent", r"\$a_b\$ & 50%"]
    with pytest.raises(ECGError, match=r"expected labels that are columns of Y.*got 'sepsis'"):
        MultilabelCalibrationDisplay.from_predictions(Y, P, labels=["sepsis"])


def test_net_benefit_is_drawn_to_where_the_model_treats(scored):
    Y, P, groups, _ = scored
    drawn = NetBenefitDisplay.from_predictions(Y, P, groups, labels=["rare"], n_resamples=20)
    none, every, model = drawn.axes_[0].get_lines()
    expected = net_benefit(Y["rare"], P["rare"])
    np.testing.assert_allclose(model.get_ydata(), expected["model"])
    np.testing.assert_allclose(every.get_ydata(), expected["treat_all"])
    assert not none.get_ydata().any()
    assert drawn.axes_[0].get_xlim()[1] == pytest.approx(P["rare"].max(), abs=0.011)


def test_no_labels_named_means_the_most_frequent_of_them():
    rng = np.random.default_rng(0)
    P = rng.random((100, 8)) * np.linspace(0.2, 1, 8)
    Y = (rng.random(P.shape) < P).astype(int)
    drawn = NetBenefitDisplay.from_predictions(Y, P)
    expected = sorted(range(8), key=lambda j: -Y[:, j].sum())[:6]
    assert [ax.get_title() for ax in drawn.axes_] == [str(j) for j in expected]


def test_labels_stand_in_the_order_of_their_scores(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(Y, P, groups, n_resamples=20)
    scores = pd.Series(masked_roc_auc(Y, P, average=None), Y.columns).sort_values(ascending=False)
    names = [label.get_text() for label in drawn.ax_.get_yticklabels()]
    assert names == [name.replace("$", r"\$") for name in scores.index]
    estimates = [line.get_xdata()[0] for line in drawn.ax_.get_lines() if line.get_marker() == "D"]
    np.testing.assert_allclose(estimates, scores)


def test_a_label_of_one_class_has_no_row(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(Y.assign(rare=0.0), P, groups, n_resamples=20)
    assert "rare" not in [label.get_text() for label in drawn.ax_.get_yticklabels()]


def test_differences_from_another_model(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(
        Y, P, groups, other=P, n_resamples=20, random_state=0
    )
    assert (drawn.frame[["estimate", "low", "high"]] == 0).all(axis=None)
    assert drawn.ax_.get_xlabel() == "difference of AUROC, 95 % interval"


def test_subgroups_are_cut_by_age_and_counted(scored):
    Y, P, groups, by = scored
    drawn = SubgroupDisplay.from_predictions(Y, P, groups, **parameters(SubgroupDisplay, scored))
    names = [label.get_text() for label in drawn.axes_[0].get_yticklabels()]
    assert names == ["age <40 (20)", "age 40-<65 (25)", "age >=65 (35)", "sex F (40)", "sex M (40)"]
    with pytest.raises(ECGError, match="expected columns that divide the records"):
        SubgroupDisplay.from_predictions(Y, P, groups, by=by[[]])


def test_the_interval_is_named_by_its_level(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(
        Y, P, groups, n_resamples=20, confidence_level=0.9, random_state=0
    )
    assert drawn.ax_.get_xlabel() == "AUROC, 90 % interval"


@pytest.mark.parametrize("n_labels", [1, 2])
def test_from_scikit_learn_s_estimators(scored, n_labels):
    """Forests give an array a label; one label has the probabilities of both its classes."""
    _, P, groups, _ = scored
    y = (P.to_numpy()[:, :2] > 0.1).astype(float)[:, 0 if n_labels == 1 else slice(2)]
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(P, y)
    drawn = LabelScoresDisplay.from_estimator(model, P, y, groups, n_resamples=5)
    assert len(drawn.frame) == n_labels


@pytest.mark.parametrize("display", DISPLAYS)
def test_from_an_estimator_as_from_its_predictions(display, classifier, X, Y):
    """Labels are found by name, patients and sex in X."""
    model = classifier
    fixed = {"n_resamples": 20, "random_state": 0}
    P = model.predict_proba(X)
    drawn = display.from_estimator(model, X, Y[Y.columns[::-1]], **fixed)
    more = {"by": X[["age", "sex"]]} if display is SubgroupDisplay else {}
    expected = display.from_predictions(Y, P, X["subject_id"], **fixed, **more)
    on = [name for name in ("column", "level", "label") if name in drawn.frame] or None
    frames = [f.frame.sort_values(on) if on else f.frame.sort_index() for f in (drawn, expected)]
    pd.testing.assert_frame_equal(*[f.reset_index(drop=True) for f in frames])
    with pytest.raises(ECGError, match="does not know 'gout'"):
        display.from_estimator(model, X, Y.assign(gout=0.0), **fixed)


def test_subgroup_table_is_the_metric_s(scored):
    Y, P, groups, by = scored
    drawn = SubgroupDisplay.from_predictions(
        Y, P, groups, by=by[["sex"]], statistic="brier", n_resamples=20, random_state=3
    )
    expected = subgroup_scores(
        Y, P, groups, by[["sex"]], statistic="brier", n_resamples=20, random_state=3
    )
    pd.testing.assert_frame_equal(drawn.frame, expected)
