"""ArmsComparison: scores recomputed from the models, differences, gap closed and tables."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgsk import LabAbnormalityExplainer
from ecgsk.evaluation import JOINT_EMBEDDING, ArmsComparison, ArmScore
from ecgsk.evaluation.arms import resolve_arms
from ecgsk.exceptions import ECGError
from ecgsk.metrics import patient_bootstrap
from ecgsk.preprocessing import LabAbnormality

DEFAULT_ARMS = resolve_arms(None)
SIGNAL, MATCHED = "signal only", "signal only, compute-matched, early stopping"
MULTIMODAL = "multimodal (ECG + table at inference)"
TABLE = "table only"
BASELINES = [SIGNAL, "ECG-only self-supervision", MATCHED]


@pytest.fixture(scope="module")
def gappy(Y):
    """Return labels with a fifth of the values and some whole rows NaN."""
    Y = Y.mask(np.random.default_rng(1).random(Y.shape) < 0.2)
    Y.iloc[::7] = np.nan
    return Y


@pytest.fixture(scope="module")
def half_tested(compare, gappy, cohort):
    """Compare all arms with half of the records in the test set."""
    return compare(
        Y=gappy,
        labs=cohort.labs[["potassium", "troponin"]],
        reference_ranges=cohort.reference_ranges,
        test_size=0.5,
        label_fractions=(1.0, 0.5),
    )


def macro(score, Y, P):
    """Average a score over labels with both classes, in a loop."""
    values = []
    for y, p in zip(Y.to_numpy().T, P.T, strict=True):
        known = ~np.isnan(y)
        if len(set(y[known])) == 2:
            values.append(score(y[known], p[known]))
    return np.mean(values)


def test_scores_equal_those_recomputed_on_the_test_set(half_tested, X, gappy):
    Y = gappy.iloc[half_tested.test]
    frame = half_tested.to_frame()
    for row, score in zip(frame.itertuples(), half_tested.scores, strict=True):
        P = score.model.predict_proba(X.iloc[half_tested.test])
        assert row.arm == score.arm
        assert row.macro_auroc == pytest.approx(macro(roc_auc_score, Y, P), abs=1e-12)
        assert row.macro_auprc == pytest.approx(macro(average_precision_score, Y, P), abs=1e-12)
        assert row.seconds > 0


def test_n_test_patients_counts_patients_with_labels(half_tested, X, gappy):
    tested = X["subject_id"].iloc[half_tested.test]
    known = gappy.iloc[half_tested.test].notna().any(axis=1)
    assert half_tested.n_test_patients == tested[known].nunique() < tested.nunique()


def test_differences_are_paired_by_resampled_patients(half_tested, X, gappy):
    """The interval is that of the difference of both arms in each resample."""
    test = half_tested.test
    scores = {s.arm: s for s in half_tested.scores if s.label_fraction == 0.5}
    differences = half_tested.differences().query("label_fraction == 0.5").set_index("arm")
    assert differences.index.tolist() == [arm for arm in scores if arm != JOINT_EMBEDDING]
    assert {s.auroc.n_patients for s in scores.values()} == {X["subject_id"].iloc[test].nunique()}
    for arm, row in differences.iterrows():
        P_joint, P_arm = (
            scores[name].model.predict_proba(X.iloc[test]) for name in (JOINT_EMBEDDING, arm)
        )
        exact = macro(roc_auc_score, gappy.iloc[test], P_joint) - macro(
            roc_auc_score, gappy.iloc[test], P_arm
        )
        assert row["auroc_difference"] == pytest.approx(exact, abs=1e-12)
        for name in ("auroc", "auprc"):
            joint, other = (getattr(scores[a], name).distribution for a in (JOINT_EMBEDDING, arm))
            bounds = np.quantile(joint - other, [0.025, 0.975])
            assert row[[f"{name}_low", f"{name}_high"]].tolist() == pytest.approx(bounds)


def test_verdict_needs_20_test_patients(half_tested):
    verdicts = {
        n: set(replace(half_tested, n_test_patients=n).differences()["verdict"]) for n in (19, 20)
    }
    assert verdicts[19] == {"too few patients"}
    assert verdicts[20] <= {"better", "worse", "not shown"}


def test_most_intervals_contain_their_estimate(half_tested):
    """A percentile interval of few patients may miss its estimate."""
    frame, differences = half_tested.to_frame(), half_tested.differences()
    for name in ("auroc", "auprc"):
        for table, estimate in ((frame, f"macro_{name}"), (differences, f"{name}_difference")):
            low, high = table[f"{name}_low"], table[f"{name}_high"]
            assert (low <= high).all()
            assert table[estimate].between(low, high).mean() > 0.7


def test_gap_closed_equals_the_ratio_of_macro_scores(half_tested):
    shares = half_tested.gap_closed()
    assert shares["baseline"].tolist() == BASELINES * 2
    assert shares["label_fraction"].tolist() == [1.0] * 3 + [0.5] * 3
    auroc = half_tested.to_frame().set_index(["label_fraction", "arm"])["macro_auroc"]
    for row in shares.itertuples():
        joint, base, best = (
            auroc[row.label_fraction, a] for a in (JOINT_EMBEDDING, row.baseline, MULTIMODAL)
        )
        if best > base:
            assert row.gap_closed == pytest.approx((joint - base) / (best - base))
        else:
            assert math.isnan(row.gap_closed)


def test_laboratories_score_a_probe_of_the_embedding(half_tested, X, cohort):
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


@pytest.mark.filterwarnings("ignore:.*no record has a value:UserWarning")
def test_laboratory_mean_leaves_out_targets_without_a_score(compare, cohort):
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


@pytest.fixture(scope="module")
def simulated():
    """Return a function that compares arms with given noise on n patients."""

    def simulate(noise: dict[str, float], n: int = 300) -> ArmsComparison:
        rng = np.random.default_rng(0)
        Y = rng.integers(0, 2, (n, 3)).astype(float)
        scores = []
        for arm, level in noise.items():
            P = Y + level * rng.normal(size=Y.shape)
            auroc, auprc = (
                patient_bootstrap(
                    Y, P, groups=np.arange(n), statistic=name, n_resamples=200, random_state=0
                )
                for name in ("roc_auc", "average_precision")
            )
            scores.append(ArmScore(1.0, 0, arm, np.arange(n), auroc, auprc, 0.0, model=None))
        return ArmsComparison(scores, np.arange(n), np.arange(n), n)

    return simulate


@pytest.mark.parametrize(
    ("noise", "verdict"), [(3.0, "better"), (0.3, "worse"), (1.0, "not shown")]
)
def test_verdict_depends_on_the_side_of_the_interval(simulated, noise, verdict):
    comparison = simulated({SIGNAL: noise, JOINT_EMBEDDING: 1.0})
    assert comparison.differences()["verdict"].tolist() == [verdict]
    assert verdict in comparison.summary()


def test_few_patients_give_no_verdict(simulated):
    comparison = simulated({SIGNAL: 10.0, JOINT_EMBEDDING: 0.01}, n=19)
    assert comparison.differences()["verdict"].tolist() == ["too few patients"]
    assert comparison.summary().startswith("Only 19 test patients have labels")


def test_tables_are_empty_without_the_joint_embedding(simulated):
    comparison = simulated({SIGNAL: 1.0})
    assert comparison.differences().empty
    assert comparison.gap_closed().empty
    assert comparison.summary() == ""


def test_reference_of_the_gap_is_the_best_multimodal_arm(simulated):
    """Chosen on the test patients, it lowers the share."""
    noise = {SIGNAL: 2.0, JOINT_EMBEDDING: 1.5, MULTIMODAL: 1.2}
    other = "multimodal, fully trained"
    shares = {}
    for level in (1.3, 0.8):
        (row,) = simulated(noise | {other: level}).gap_closed().itertuples()
        assert row.reference == (MULTIMODAL if level > 1.2 else other)
        shares[level] = row.gap_closed
    assert shares[0.8] < shares[1.3]


def test_laboratories_have_a_column_for_each_arm_with_an_embedding(comparison):
    table = comparison.laboratories()
    arms = [arm for arm in DEFAULT_ARMS if arm not in ("table only", MULTIMODAL)]
    assert table.columns.tolist() == ["target", "label_fraction", "archive", *arms]
    assert len(table) == 2 * table["target"].nunique()
    scores = comparison.to_frame().set_index(["label_fraction", "arm"])["laboratory_auroc"]
    for fraction, part in table.groupby("label_fraction"):
        for arm in arms:
            assert scores[fraction, arm] == pytest.approx(part[arm].mean(), nan_ok=True)


def test_plot_has_a_panel_for_each_setting(comparison):
    assert len(comparison.plot().axes) == 2


def test_macro_scores_are_means_over_labels(comparison):
    of_labels = comparison.per_label()
    macro = of_labels.groupby(["label_fraction", "arm"])["estimate"].mean()
    arms = comparison.to_frame().set_index(["label_fraction", "arm"])["macro_auroc"]
    np.testing.assert_allclose(macro[arms.index], arms)


def test_other_scores_use_the_stored_probabilities(comparison):
    score = comparison.score_of(JOINT_EMBEDDING)
    Y = comparison.held_out.Y.to_numpy()
    per_label = comparison.per_label("brier")
    joint = per_label[(per_label["arm"] == JOINT_EMBEDDING) & (per_label["label_fraction"] == 1)]
    expected = ((score.probabilities - Y) ** 2).mean(axis=0)
    np.testing.assert_allclose(joint["estimate"], expected, rtol=1e-6)
    frame = comparison.to_frame().set_index(["label_fraction", "arm"])
    assert frame.loc[(1.0, JOINT_EMBEDDING), "macro_brier"] == pytest.approx(
        expected.mean(), rel=1e-6
    )
    assert (frame["macro_f_max"].between(0, 1) & (frame["macro_calibration_error"] >= 0)).all()


def test_per_label_without_held_out_raises(simulated):
    with pytest.raises(ECGError, match="per_label expected the test records' labels"):
        simulated({SIGNAL: 1.0}).per_label()


def test_arm_that_was_not_fitted_raises(simulated):
    with pytest.raises(
        ECGError, match=f"expected one of its arms, {SIGNAL}; got '{JOINT_EMBEDDING}'"
    ):
        simulated({SIGNAL: 1.0}).score_of(JOINT_EMBEDDING)


def test_label_differences_are_differences_of_label_scores(comparison):
    table = comparison.label_differences()
    assert set(table["label_fraction"]) == {1.0, 0.5}
    scores = comparison.per_label().set_index(["label_fraction", "arm", "label"])["estimate"]
    for row in table.itertuples():
        joint, other = (
            scores[row.label_fraction, arm, row.label] for arm in (JOINT_EMBEDDING, SIGNAL)
        )
        assert row.difference == pytest.approx(joint - other, abs=1e-6, nan_ok=True)
    assert comparison.label_differences(baseline="nobody").empty


def test_subgroups_are_by_age_and_sex_or_given_columns(comparison, X):
    table = comparison.subgroups()
    assert set(table["column"]) == {"age", "sex"}
    one = table[(table["label_fraction"] == 1) & (table["column"] == "sex")].set_index("level")
    counts = X.iloc[comparison.test]["sex"].value_counts()
    assert one["n_records"].to_dict() == counts[counts > 0].to_dict()
    handed_in = comparison.subgroups(X[["sex"]].astype(str))
    pd.testing.assert_frame_equal(
        handed_in, table[table["column"] == "sex"].reset_index(drop=True), check_dtype=False
    )
    with pytest.raises(ECGError, match="expected edges for the numeric column 'heart_rate'"):
        comparison.subgroups(X[["heart_rate"]])


def test_subgroups_are_empty_without_demographic_columns(compare, X):
    alone = compare(X=X[["ecg", "subject_id"]], arms=[SIGNAL])
    assert alone.subgroups(arm=SIGNAL).empty
