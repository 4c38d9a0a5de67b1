"""What a comparison says of its scores."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.evaluation import ARMS, JOINT_EMBEDDING, ArmsComparison, ArmScore
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.exceptions import ECGError
from ecgsk.metrics import patient_bootstrap

SIGNAL, MATCHED = "signal only", "signal only, compute-matched"
MULTIMODAL = "multimodal (ECG + table at inference)"


@pytest.fixture(scope="module")
def simulated():
    """Arms whose scores carry as much of the truth as one asks for, on n patients."""

    def simulate(noise: dict[str, float], n: int = 300) -> ArmsComparison:
        rng = np.random.default_rng(0)
        Y = rng.integers(0, 2, (n, 3)).astype(float)
        scores = []
        for arm, level in noise.items():
            P = Y + level * rng.normal(size=Y.shape)
            auroc, auprc = (
                patient_bootstrap(
                    Y, P, np.arange(n), statistic=name, n_resamples=200, random_state=0
                )
                for name in ("roc_auc", "average_precision")
            )
            scores.append(ArmScore(1.0, 0, arm, np.arange(n), auroc, auprc, 0.0, model=None))
        return ArmsComparison(scores, np.arange(n), np.arange(n), n)

    return simulate


@pytest.mark.parametrize(
    ("noise", "verdict"), [(3.0, "better"), (0.3, "worse"), (1.0, "not shown")]
)
def test_verdict_where_the_interval_is_on_one_side(simulated, noise, verdict):
    comparison = simulated({SIGNAL: noise, JOINT_EMBEDDING: 1.0})
    assert comparison.differences()["verdict"].tolist() == [verdict]
    assert verdict in comparison.summary()


def test_few_patients_give_no_verdict(simulated):
    comparison = simulated({SIGNAL: 10.0, JOINT_EMBEDDING: 0.01}, n=19)
    assert comparison.differences()["verdict"].tolist() == ["too few patients"]
    assert comparison.summary().startswith("Only 19 test patients have labels")


def test_without_our_arm_there_is_nothing_to_compare(simulated):
    comparison = simulated({SIGNAL: 1.0})
    assert comparison.differences().empty
    assert comparison.gap_closed().empty
    assert comparison.summary() == ""


def test_laboratories_have_a_column_for_each_arm_with_an_embedding(comparison):
    table = comparison.laboratories()
    arms = [arm for arm in ARMS if arm not in ("table only", MULTIMODAL)]
    assert table.columns.tolist() == ["target", "label_fraction", "archive", *arms]
    assert len(table) == 2 * table["target"].nunique()
    scores = comparison.to_frame().set_index(["label_fraction", "arm"])["laboratory_auroc"]
    for fraction, part in table.groupby("label_fraction"):
        for arm in arms:
            assert scores[fraction, arm] == pytest.approx(part[arm].mean(), nan_ok=True)


def test_plot_has_a_panel_for_each_setting(comparison):
    assert len(comparison.plot().axes) == 2


def test_macro_scores_are_means_of_labels(comparison):
    of_labels = comparison.per_label()
    macro = of_labels.groupby(["label_fraction", "arm"])["estimate"].mean()
    arms = comparison.to_frame().set_index(["label_fraction", "arm"])["macro_auroc"]
    np.testing.assert_allclose(macro[arms.index], arms)


def test_counts_of_each_label(comparison, X, Y):
    table = comparison.per_label().groupby("label").first()
    rows = comparison.test
    for label, y in Y.iloc[rows].items():
        patients = X["subject_id"].iloc[rows]
        expected = [len(y), y.sum(), patients.nunique(), patients[y == 1].nunique()]
        counts = ["n_records", "n_positive", "n_patients", "n_positive_patients"]
        assert table.loc[label, counts].tolist() == expected


def test_other_scores_are_made_of_the_kept_probabilities(comparison):
    score = comparison.score_of(JOINT_EMBEDDING)
    Y = comparison.held_out.Y.to_numpy()
    per_label = comparison.per_label("brier")
    ours = per_label[(per_label["arm"] == JOINT_EMBEDDING) & (per_label["label_fraction"] == 1)]
    expected = ((score.probabilities - Y) ** 2).mean(axis=0)
    np.testing.assert_allclose(ours["estimate"], expected, rtol=1e-6)
    frame = comparison.to_frame().set_index(["label_fraction", "arm"])
    assert frame.loc[(1.0, JOINT_EMBEDDING), "macro_brier"] == pytest.approx(
        expected.mean(), rel=1e-6
    )
    assert (frame["macro_f_max"].between(0, 1) & (frame["macro_calibration_error"] >= 0)).all()


def test_scores_put_together_by_hand_have_no_counts(simulated):
    with pytest.raises(ECGError, match="per_label expected the test records' labels"):
        simulated({SIGNAL: 1.0}).per_label()


def test_an_arm_that_was_not_fitted(simulated):
    with pytest.raises(
        ECGError, match=f"expected one of its arms, {SIGNAL}; got '{JOINT_EMBEDDING}'"
    ):
        simulated({SIGNAL: 1.0}).score_of(JOINT_EMBEDDING)


def test_label_differences_are_paired(comparison):
    table = comparison.label_differences()
    assert set(table["label_fraction"]) == {1.0, 0.5}
    scores = comparison.per_label().set_index(["label_fraction", "arm", "label"])["estimate"]
    for row in table.itertuples():
        ours, other = (
            scores[row.label_fraction, arm, row.label] for arm in (JOINT_EMBEDDING, MATCHED)
        )
        assert row.difference == pytest.approx(ours - other, abs=1e-6, nan_ok=True)
    assert comparison.label_differences(baseline="nobody").empty


def test_p_values_of_labels_with_patients_enough():
    """Rare labels have none, and do not weigh on the others' correction."""
    rng = np.random.default_rng(0)
    n = 120
    Y = pd.DataFrame(
        {"rare": np.arange(n) < 9, "common": np.arange(n) % 2, "other": np.arange(n) < 60}
    )
    held_out = HeldOut(Y.astype(float), np.arange(n), pd.DataFrame(index=Y.index), 200)
    good = Y.to_numpy() * 0.5 + rng.random(Y.shape) * 0.5
    table = held_out.compare(good, rng.random(Y.shape), "roc_auc", "benjamini_hochberg")
    assert table["p_value"].isna().tolist() == [True, False, False]
    tested = table.drop("rare")
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    assert tested["p_adjusted"].max() <= 2 * tested["p_value"].max()
    assert (tested["p_adjusted"] < 0.05).all()
    assert table.loc["rare", "difference"] > 0


def test_subgroups_of_the_joint_arm(comparison, X):
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


def test_nothing_divides_the_records(compare, X):
    alone = compare(X=X[["ecg", "subject_id"]], arms=[JOINT_EMBEDDING])
    assert alone.subgroups().empty
