"""Displays of label scores and subgroups."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from ecgsk.evaluation import LabelScoresDisplay, SubgroupDisplay
from ecgsk.exceptions import ECGError
from ecgsk.metrics import masked_roc_auc, subgroup_scores


def test_labels_are_sorted_by_score(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(Y, P, groups=groups, n_resamples=20)
    scores = pd.Series(masked_roc_auc(Y, P, average=None), Y.columns).sort_values(ascending=False)
    names = [label.get_text() for label in drawn.ax_.get_yticklabels()]
    assert names == [name.replace("$", r"\$") for name in scores.index]
    estimates = [line.get_xdata()[0] for line in drawn.ax_.get_lines() if line.get_marker() == "D"]
    np.testing.assert_allclose(estimates, scores)


def test_label_with_one_class_has_no_row(scored):
    Y, P, groups, _ = scored
    Y = Y.assign(rare=0.0)
    drawn = LabelScoresDisplay.from_predictions(Y, P, groups=groups, n_resamples=20)
    assert "rare" not in [label.get_text() for label in drawn.ax_.get_yticklabels()]


def test_difference_from_the_same_model_is_zero(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(
        Y, P, groups=groups, other=P, n_resamples=20, random_state=0
    )
    assert (drawn.frame[["estimate", "low", "high"]] == 0).all(axis=None)
    assert drawn.ax_.get_xlabel() == "difference of AUROC, 95 % interval"


def test_axis_label_has_the_confidence_level(scored):
    Y, P, groups, _ = scored
    drawn = LabelScoresDisplay.from_predictions(
        Y, P, groups=groups, n_resamples=20, confidence_level=0.9, random_state=0
    )
    assert drawn.ax_.get_xlabel() == "AUROC, 90 % interval"


@pytest.mark.parametrize("n_labels", [1, 2])
def test_from_estimator_takes_scikit_learn_forests(scored, n_labels):
    """Forests return a list of arrays, or both classes of one label."""
    _, P, groups, _ = scored
    y = (P.to_numpy()[:, :2] > 0.1).astype(float)[:, 0 if n_labels == 1 else slice(2)]
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(P, y)
    drawn = LabelScoresDisplay.from_estimator(model, P, y, groups=groups, n_resamples=5)
    assert len(drawn.frame) == n_labels


def test_subgroups_have_default_age_edges_and_patient_counts(scored):
    Y, P, groups, by = scored
    drawn = SubgroupDisplay.from_predictions(Y, P, groups=groups, by=by, n_resamples=30)
    names = [label.get_text() for label in drawn.axes_[0].get_yticklabels()]
    assert names == ["age <40 (20)", "age 40-<65 (25)", "age >=65 (35)", "sex F (40)", "sex M (40)"]
    with pytest.raises(ECGError, match="expected columns that define subgroups"):
        SubgroupDisplay.from_predictions(Y, P, groups=groups, by=by[[]])


def test_subgroup_frame_equals_subgroup_scores(scored):
    Y, P, groups, by = scored
    kw = {"groups": groups, "statistic": "brier", "n_resamples": 20, "random_state": 3}
    drawn = SubgroupDisplay.from_predictions(Y, P, by=by[["sex"]], **kw)
    expected = subgroup_scores(Y, P, by[["sex"]], **kw)
    pd.testing.assert_frame_equal(drawn.frame, expected)
