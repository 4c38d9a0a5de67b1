"""Arms: inputs, training and compute of each classifier."""

import math

import numpy as np
import pytest

from ecgsk.evaluation import ARMS, JOINT_EMBEDDING

SIGNAL = "signal only"
MATCHED = "signal only, compute-matched, early stopping"
MULTIMODAL = "multimodal (ECG + table at inference)"
TABLE = "table only"


@pytest.mark.parametrize(
    ("fine_tune", "max_epochs", "of_stage_two"),
    [("auto", "auto", 0), ("full", "auto", 10), ("probe_then_full", "auto", 5), ("full", 2, 2)],
)
def test_matched_arm_sees_as_many_records_as_both_stages(
    compare, make_pretrainer, make_classifier, fine_tune, max_epochs, of_stage_two
):
    """Its epochs are those of pre-training, in labelled records, plus those of fine-tuning."""
    (score,) = compare(
        pretrainer=make_pretrainer(max_epochs=2),
        classifier=make_classifier(fine_tune=fine_tune, max_epochs=max_epochs),
        arms=[MATCHED],
        label_fractions=(0.6,),
    ).scores
    n_pretraining = score.n_labelled + score.archive
    expected = math.ceil(2 * n_pretraining / score.n_labelled) + of_stage_two
    assert score.model.max_epochs == len(score.model.history_) == expected
    assert "valid_loss" in score.model.history_  # it may stop earlier, on held-out patients


def test_matched_arm_sees_as_many_records_as_distillation(
    compare, make_pretrainer, make_classifier
):
    """Distillation reads the unlabelled records in both stages."""
    (score,) = compare(
        pretrainer=make_pretrainer(max_epochs=2),
        classifier=make_classifier(fine_tune="distill", max_epochs=3),
        arms=[MATCHED],
        label_fractions=(0.6,),
    ).scores
    n_pretraining = score.n_labelled + score.archive
    assert score.model.max_epochs == math.ceil(5 * n_pretraining / score.n_labelled)


def test_joint_embedding_alone_is_distilled(compare, make_classifier):
    classifier = make_classifier(fine_tune="distill")
    scores = compare(classifier=classifier, label_fractions=(0.6,)).scores
    modes = {score.arm: score.model.recipe_.fine_tune for score in scores}
    assert modes.pop(JOINT_EMBEDDING) == "distill"
    assert "distill" not in modes.values()


@pytest.mark.parametrize("fine_tune", ["probe", "probe_then_full"])
def test_signal_arm_is_fully_trained_for_any_fine_tune(compare, make_classifier, fine_tune):
    """A probe of an untrained encoder is another arm."""
    classifier = make_classifier(fine_tune=fine_tune)
    signal, joint = compare(classifier=classifier, arms=[SIGNAL, JOINT_EMBEDDING]).scores
    assert signal.model.recipe_.fine_tune == "full"
    assert joint.model.recipe_.fine_tune == fine_tune
    plain = compare(arms=[SIGNAL]).scores[0]
    assert signal.auroc.estimate == plain.auroc.estimate


def test_arms_set_inputs_themselves(compare, make_classifier, X):
    comparison = compare(classifier=make_classifier(inputs="ecg+clinical"))
    inputs = {s.arm: s.model.inputs for s in comparison.scores}
    assert inputs.pop(MULTIMODAL) == "ecg+clinical"
    assert inputs.pop(TABLE) == "clinical"
    assert set(inputs.values()) == {"ecg"}


def test_predictions_ignore_what_the_arm_does_not_use(comparison, X):
    some = X.iloc[:6]
    other_table = some.assign(age=0.0, heart_rate=500.0, potassium=20.0)
    for score in comparison.scores:
        p, changed = score.model.predict_proba(some), score.model.predict_proba(other_table)
        if score.arm == TABLE:
            without_ecg = score.model.predict_proba(some.drop(columns="ecg"))
            np.testing.assert_array_equal(without_ecg, p)
        elif score.arm != MULTIMODAL:
            np.testing.assert_array_equal(score.model.predict_proba(some[["ecg"]]), p)
            np.testing.assert_array_equal(changed, p)
            continue
        assert not np.array_equal(changed, p)


def test_arms_without_a_table_get_the_ecg_column_alone(compare, X):
    """Training with other tables changes exactly the arms that are said to use one."""
    rng = np.random.default_rng(0)
    other = X.assign(
        **{name: rng.permutation(X[name]) for name in ("age", "potassium", "heart_rate")}
    )
    asked = {"arms": "ablation", "label_fractions": (0.6,)}
    before, after = (compare(X=table, **asked).scores for table in (X, other))
    for one, changed in zip(before, after, strict=True):
        same = np.array_equal(one.probabilities, changed.probabilities)
        assert same == (not ARMS[one.arm].uses_table), one.arm


def test_masks_only_ignores_values_and_values_only_has_no_masks(compare, X):
    arms = ["table only, masks", "table only, values"]
    masks, values = compare(arms=arms).scores
    numbers = X.select_dtypes("number").columns.drop("subject_id")
    scaled = X.assign(**{name: 3 * X[name] + 1 for name in numbers})
    np.testing.assert_array_equal(
        compare(X=scaled, arms=arms[:1]).scores[0].probabilities, masks.probabilities
    )
    median = X[numbers].iloc[values.labelled].median()
    assert X["sex"].notna().all()  # else the most frequent level would have to be filled in
    plain = compare(X=X.fillna(dict(median)), arms=[TABLE]).scores[0]
    np.testing.assert_array_equal(plain.probabilities, values.probabilities)


def test_demographics_may_be_named(compare, X):
    arm = ["table only, demographics"]
    (found,) = compare(arms=arm).scores
    assert found.model.clinical_columns_ == ["age", "sex"]
    (named,) = compare(arms=arm, demographics=["sex", "heart_rate"]).scores
    assert named.model.clinical_columns_ == ["sex", "heart_rate"]
