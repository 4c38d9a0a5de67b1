"""The numbers of a comparison, computed again from the models that it returns."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgsk import LabAbnormalityExplainer
from ecgsk.evaluation import JOINT_EMBEDDING
from ecgsk.preprocessing import LabAbnormality

SIGNAL = "signal only"
MATCHED = "signal only, compute-matched"
MULTIMODAL = "multimodal (ECG + table at inference)"
TABLE = "table only"
BASELINES = [MATCHED, SIGNAL, "ECG-only self-supervision"]


@pytest.fixture(scope="module")
def gappy(Y):
    """A fifth of the labels not known, some rows' altogether."""
    Y = Y.mask(np.random.default_rng(1).random(Y.shape) < 0.2)
    Y.iloc[::7] = np.nan
    return Y


@pytest.fixture(scope="module")
def half_tested(compare, gappy, cohort):
    return compare(
        Y=gappy,
        labs=cohort.labs[["potassium", "troponin"]],
        reference_ranges=cohort.reference_ranges,
        test_size=0.5,
        label_fractions=(1.0, 0.5),
    )


def macro(score, Y, P):
    values = []
    for y, p in zip(Y.to_numpy().T, P.T, strict=True):
        known = ~np.isnan(y)
        if len(set(y[known])) == 2:
            values.append(score(y[known], p[known]))
    return np.mean(values)


def test_scores_are_those_of_the_test_side(half_tested, X, gappy):
    Y = gappy.iloc[half_tested.test]
    frame = half_tested.to_frame()
    for row, score in zip(frame.itertuples(), half_tested.scores, strict=True):
        P = score.model.predict_proba(X.iloc[half_tested.test])
        assert row.arm == score.arm
        assert row.macro_auroc == pytest.approx(macro(roc_auc_score, Y, P), abs=1e-12)
        assert row.macro_auprc == pytest.approx(macro(average_precision_score, Y, P), abs=1e-12)
        assert row.seconds > 0


def test_patients_counted_are_those_with_labels(half_tested, X, gappy):
    tested = X["subject_id"].iloc[half_tested.test]
    known = gappy.iloc[half_tested.test].notna().any(axis=1)
    assert half_tested.n_test_patients == tested[known].nunique() < tested.nunique()


def test_differences_are_paired_on_the_same_patients(half_tested, X, gappy):
    """Each resample of patients is scored by both arms; the interval is over what is between."""
    test = half_tested.test
    scores = {s.arm: s for s in half_tested.scores if s.label_fraction == 0.5}
    differences = half_tested.differences().query("label_fraction == 0.5").set_index("arm")
    assert differences.index.tolist() == [arm for arm in scores if arm != JOINT_EMBEDDING]
    assert {s.auroc.n_patients for s in scores.values()} == {X["subject_id"].iloc[test].nunique()}
    for arm, row in differences.iterrows():
        P_ours, P_arm = (
            scores[name].model.predict_proba(X.iloc[test]) for name in (JOINT_EMBEDDING, arm)
        )
        exact = macro(roc_auc_score, gappy.iloc[test], P_ours) - macro(
            roc_auc_score, gappy.iloc[test], P_arm
        )
        assert row["auroc_difference"] == pytest.approx(exact, abs=1e-12)
        for name in ("auroc", "auprc"):
            ours, other = (getattr(scores[a], name).distribution for a in (JOINT_EMBEDDING, arm))
            bounds = np.quantile(ours - other, [0.025, 0.975])
            assert row[[f"{name}_low", f"{name}_high"]].tolist() == pytest.approx(bounds)


def test_twenty_patients_are_enough_for_a_verdict(half_tested):
    verdicts = {
        n: set(replace(half_tested, n_test_patients=n).differences()["verdict"]) for n in (19, 20)
    }
    assert verdicts[19] == {"too few patients"}
    assert verdicts[20] <= {"better", "worse", "not shown"}


def test_intervals_hold_their_estimates(half_tested):
    """A percentile interval of few patients may miss its estimate, but not as a rule."""
    frame, differences = half_tested.to_frame(), half_tested.differences()
    for name in ("auroc", "auprc"):
        for table, estimate in ((frame, f"macro_{name}"), (differences, f"{name}_difference")):
            low, high = table[f"{name}_low"], table[f"{name}_high"]
            assert (low <= high).all()
            assert table[estimate].between(low, high).mean() > 0.7


def test_gap_closed_is_the_share_of_the_frame(half_tested):
    shares = half_tested.gap_closed()
    assert shares["baseline"].tolist() == BASELINES * 2
    assert shares["label_fraction"].tolist() == [1.0] * 3 + [0.5] * 3
    auroc = half_tested.to_frame().set_index(["label_fraction", "arm"])["macro_auroc"]
    for row in shares.itertuples():
        ours, base, best = (
            auroc[row.label_fraction, a] for a in (JOINT_EMBEDDING, row.baseline, MULTIMODAL)
        )
        if best > base:
            assert row.gap_closed == pytest.approx((ours - base) / (best - base))
        else:
            assert math.isnan(row.gap_closed)


def test_laboratories_are_a_probe_of_the_arms_embedding(half_tested, X, cohort):
    targets = LabAbnormality(cohort.reference_ranges).fit_transform(
        cohort.labs[["potassium", "troponin"]]
    )
    train, test = half_tested.train, half_tested.test
    table = half_tested.laboratories().query("label_fraction == 1.0").set_index("target")
    assert table.index.tolist() == targets.columns.tolist()
    ecg = X[["ecg"]]
    for score in half_tested.scores:
        if score.label_fraction < 1 or score.arm in (TABLE, MULTIMODAL):
            continue
        explainer = LabAbnormalityExplainer(FrozenEstimator(score.model))
        explainer.fit(ecg.iloc[train], targets.iloc[train], groups=X["subject_id"].iloc[train])
        P = explainer.predict_proba(ecg.iloc[test])
        for j, name in enumerate(targets):
            y = targets[name].iloc[test].to_numpy()
            known = ~np.isnan(y)
            if len(set(y[known])) < 2:
                assert math.isnan(table.loc[name, score.arm])
            else:
                expected = roc_auc_score(y[known], P[known, j])
                assert table.loc[name, score.arm] == pytest.approx(expected)


def test_summary_has_a_line_for_each_difference(half_tested):
    lines = half_tested.summary().splitlines()
    differences = half_tested.differences()
    if half_tested.n_test_patients < 20:
        assert set(differences["verdict"]) == {"too few patients"}
        lines = lines[1:]
    assert len(lines) == len(differences) == 12
    for line, row in zip(lines, differences.itertuples(), strict=True):
        assert line.startswith(f"{row.label_fraction:.0%} of labels, archive of {row.archive}: ")
        assert f"joint embedding - {row.arm}: {row.auroc_difference:+.3f}" in line
        assert line.endswith(row.verdict)


@pytest.mark.parametrize(
    ("fine_tune", "max_epochs", "of_stage_two"),
    [("auto", "auto", 5), ("full", "auto", 10), ("probe_then_full", "auto", 5), ("full", 2, 2)],
)
def test_the_matched_arm_is_trained_for_both_stages(
    compare, make_pretrainer, make_classifier, fine_tune, max_epochs, of_stage_two
):
    """Pre-training's records, seen as labelled ones, and the epochs that ours is fine-tuned for."""
    (score,) = compare(
        pretrainer=make_pretrainer(max_epochs=2),
        classifier=make_classifier(fine_tune=fine_tune, max_epochs=max_epochs),
        arms=[MATCHED],
        label_fractions=(0.6,),
    ).scores
    n_pretraining = score.n_labelled + score.archive
    expected = math.ceil(2 * n_pretraining / score.n_labelled) + of_stage_two
    assert score.model.max_epochs == len(score.model.history_) == expected


def test_the_matched_arm_sees_as_many_records_as_a_distilled_one(
    compare, make_pretrainer, make_classifier
):
    """Distillation looks at the unlabelled records in both stages."""
    (score,) = compare(
        pretrainer=make_pretrainer(max_epochs=2),
        classifier=make_classifier(fine_tune="distill", max_epochs=3),
        arms=[MATCHED],
        label_fractions=(0.6,),
    ).scores
    n_pretraining = score.n_labelled + score.archive
    assert score.model.max_epochs == math.ceil(5 * n_pretraining / score.n_labelled)


def test_ours_alone_is_distilled(compare, make_classifier):
    classifier = make_classifier(fine_tune="distill")
    scores = compare(classifier=classifier, label_fractions=(0.6,)).scores
    modes = {score.arm: score.model.fine_tune_ for score in scores}
    assert modes.pop(JOINT_EMBEDDING) == "distill"
    assert "distill" not in modes.values()


@pytest.mark.parametrize("fine_tune", ["probe", "probe_then_full"])
def test_signal_arms_are_trained_whatever_the_others_do(compare, make_classifier, fine_tune):
    """A probe of an encoder that learned nothing is another arm."""
    classifier = make_classifier(fine_tune=fine_tune)
    signal, ours = compare(classifier=classifier, arms=[SIGNAL, JOINT_EMBEDDING]).scores
    assert signal.model.fine_tune_ == "full"
    assert ours.model.fine_tune_ == fine_tune
    plain = compare(arms=[SIGNAL]).scores[0]
    assert signal.auroc.estimate == plain.auroc.estimate


def test_what_an_arm_sees_is_its_own_choice(compare, make_classifier, X):
    comparison = compare(classifier=make_classifier(inputs="ecg+clinical"))
    sees = {s.arm: s.model.inputs for s in comparison.scores}
    assert sees.pop(MULTIMODAL) == "ecg+clinical"
    assert sees.pop(TABLE) == "clinical"
    assert set(sees.values()) == {"ecg"}


def test_predictions_do_not_look_at_what_they_should_not(half_tested, X):
    some = X.iloc[:6]
    other_table = some.assign(age=0.0, heart_rate=500.0, potassium=20.0)
    for score in half_tested.scores:
        p, of_table = score.model.predict_proba(some), score.model.predict_proba(other_table)
        if score.arm == TABLE:
            without_ecg = score.model.predict_proba(some.drop(columns="ecg"))
            np.testing.assert_array_equal(without_ecg, p)
        elif score.arm != MULTIMODAL:
            np.testing.assert_array_equal(score.model.predict_proba(some[["ecg"]]), p)
            np.testing.assert_array_equal(of_table, p)
            continue
        assert not np.array_equal(of_table, p)


def test_laboratory_mean_leaves_out_what_cannot_be_scored(compare, cohort):
    labs = cohort.labs[["potassium"]].assign(unseen=np.nan)
    ranges = cohort.reference_ranges.loc[["potassium"]]
    ranges.loc["unseen"] = [None, 1.0, ""]
    comparison = compare(
        labs=labs, reference_ranges=ranges, arms=["random encoder + linear"], test_size=0.5
    )
    (score,) = comparison.scores
    assert math.isnan(score.labs["unseen high"])
    mean = comparison.to_frame()["laboratory_auroc"][0]
    assert mean == pytest.approx(np.nanmean(score.labs))
    assert 0 <= mean <= 1
