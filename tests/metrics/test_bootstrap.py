"""The patient bootstrap against scikit-learn in a loop, and its statistics."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    gap_closed,
    masked_brier_score,
    masked_calibration_error,
    masked_f_max,
    masked_roc_auc,
    paired_difference,
    patient_bootstrap,
)

STATISTICS = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


def sklearn_loop(statistic):
    """One scikit-learn call a label: the reference."""

    def score(Y, P, sample_weight):
        values = np.full(Y.shape[1], np.nan)
        for j in range(Y.shape[1]):
            seen = ~np.isnan(Y[:, j]) & (sample_weight > 0)
            if len(np.unique(Y[seen, j])) == 2:
                weight = sample_weight[seen]
                values[j] = statistic(Y[seen, j], P[seen, j], sample_weight=weight)
        return values

    return score


@st.composite
def clustered_problem(draw):
    n, k = draw(st.integers(6, 40)), draw(st.integers(1, 3))
    Y = draw(hnp.arrays(np.float64, (n, k), elements=st.sampled_from([0.0, 1.0, np.nan])))
    Y[0], Y[1] = 0, 1
    scores = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(-5, 5))
    P = draw(hnp.arrays(np.float64, (n, k), elements=scores))
    groups = draw(hnp.arrays(np.int64, n, elements=st.integers(0, n)))
    groups[:2] = -1, -2
    return Y, P, groups


@pytest.mark.parametrize("statistic", STATISTICS)
@settings(max_examples=10, deadline=None)
@given(problem=clustered_problem(), seed=st.integers(0, 100))
def test_equals_sklearn_loop_on_the_same_resamples(statistic, problem, seed):
    settings_ = {"n_resamples": 8, "random_state": seed}
    fast = patient_bootstrap(*problem, statistic=statistic, **settings_)
    slow = patient_bootstrap(*problem, statistic=sklearn_loop(STATISTICS[statistic]), **settings_)
    for name in ("label_distribution", "label_estimate", "label_low", "label_high"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-9)
    np.testing.assert_allclose(fast.distribution, slow.distribution, atol=1e-9)
    np.testing.assert_allclose([fast.low, fast.high], [slow.low, slow.high], atol=1e-9)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_equals_sklearn_loop_on_a_larger_cohort_with_ties(statistic):
    rng = np.random.default_rng(0)
    groups = rng.integers(400, size=2000)
    Y = (rng.random((2000, 3)) < [0.01, 0.2, 0.8]).astype(float)
    P = np.round(Y + rng.normal(size=Y.shape), 1)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    kw = {"n_resamples": 70, "random_state": 3}
    fast = patient_bootstrap(Y, P, groups, statistic=statistic, **kw)
    slow = patient_bootstrap(Y, P, groups, statistic=sklearn_loop(STATISTICS[statistic]), **kw)
    np.testing.assert_allclose(fast.label_distribution, slow.label_distribution, atol=1e-12)


@pytest.mark.parametrize(
    ("statistic", "masked"),
    [
        ("f_max", masked_f_max),
        ("brier", masked_brier_score),
        ("calibration_error", masked_calibration_error),
    ],
)
def test_named_statistics_are_the_masked_scores_of_the_same_resamples(statistic, masked):
    rng = np.random.default_rng(0)
    groups = rng.integers(60, size=200)
    P = np.round(rng.random((200, 4)), 2)
    Y = (rng.random(P.shape) < P).astype(float)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    Y[:, 2], Y[:, 3] = np.nan, 0  # seldom measured; a single class
    Y[:3, 2] = 0, 1, 1  # in some resamples nobody is measured, or all are positive

    def loop(Y, P, sample_weight):
        return masked(Y, P, average=None, sample_weight=sample_weight)

    kw = {"n_resamples": 70, "random_state": 3}
    fast = patient_bootstrap(Y, P, groups, statistic=statistic, **kw)
    slow = patient_bootstrap(Y, P, groups, statistic=loop, **kw)
    np.testing.assert_allclose(fast.label_distribution, slow.label_distribution, atol=1e-9)
    np.testing.assert_allclose(fast.label_estimate, slow.label_estimate, atol=1e-9)
    assert np.isnan(fast.label_distribution[:, 2]).any()
    assert fast.n_labels_skipped == (statistic == "f_max")


@pytest.fixture
def cohort():
    """300 patients with 4 records each: a patient's records share their error."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(300), 4)
    Y = np.repeat(rng.integers(2, size=(300, 2)), 4, axis=0)
    error = np.repeat(rng.normal(size=(300, 2)), 4, axis=0)
    return Y, Y + error, groups


def test_records_of_one_patient_are_not_independent_evidence(cohort):
    Y, P, groups = cohort
    by_patient = patient_bootstrap(Y, P, groups, random_state=0)
    by_record = patient_bootstrap(Y, P, np.arange(len(Y)), random_state=0)
    ratio = (by_patient.high - by_patient.low) / (by_record.high - by_record.low)
    assert 1.7 < ratio < 2.3  # sqrt(4): four copies are one piece of evidence
    assert by_patient.low < by_patient.estimate == masked_roc_auc(Y, P) < by_patient.high


def test_interval_covers_the_true_value():
    rng = np.random.default_rng(2)
    true_auc = 0.760250  # P(N(1, sqrt 2) > 0)
    covered = 0
    for seed in range(100):
        y = np.repeat(rng.integers(2, size=150), 2)
        p = y + np.repeat(rng.normal(size=150), 2)
        auc = patient_bootstrap(y, p, np.arange(300) // 2, n_resamples=200, random_state=seed)
        covered += auc.low <= true_auc <= auc.high
    assert 88 <= covered <= 100


def test_row_order_does_not_matter_to_the_macro_distribution(cohort):
    Y, P, groups = cohort
    order = np.random.default_rng(0).permutation(len(Y))
    a = patient_bootstrap(Y, P, groups, n_resamples=50, random_state=0)
    b = patient_bootstrap(Y[order], P[order], groups[order], n_resamples=50, random_state=0)
    np.testing.assert_allclose(a.distribution, b.distribution, atol=1e-12)


def test_same_seed_same_result_and_global_state_untouched(cohort):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a = patient_bootstrap(*cohort, n_resamples=50, random_state=4)
    b = patient_bootstrap(*cohort, n_resamples=50, random_state=4)
    c = patient_bootstrap(*cohort, n_resamples=50, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(a.distribution, b.distribution)
    assert not np.array_equal(a.distribution, c.distribution)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_rare_label_counts_the_resamples_it_is_known_in():
    y = np.zeros(60)
    y[0] = 1
    Y = np.column_stack([y, np.arange(60) % 2, np.ones(60)])
    P = np.random.default_rng(0).random(Y.shape)
    result = patient_bootstrap(
        pd.DataFrame(Y, columns=["rare", "common", "always"]), P, np.arange(60), random_state=0
    )
    frame = result.to_frame()
    # The one patient is in a resample with probability 1 - 1/e.
    assert 550 < frame.loc["rare", "n_resamples"] < 720
    assert frame.loc["common", "n_resamples"] == 1000
    assert frame.loc["always"].isna().tolist() == [True, True, True, False]
    assert result.n_labels_skipped == 1
    assert not np.isnan(result.distribution).any()


def test_paired_difference_is_narrower_than_two_intervals(cohort):
    Y, P, groups = cohort
    worse = P + 0.5 * np.random.default_rng(0).normal(size=P.shape)
    difference = paired_difference(Y, P, worse, groups, random_state=0)
    a = patient_bootstrap(Y, P, groups, random_state=0)
    b = patient_bootstrap(Y, worse, groups, random_state=0)
    assert difference.low > 0
    assert difference.high - difference.low < a.high - a.low
    assert difference.estimate == pytest.approx(a.estimate - b.estimate)
    np.testing.assert_array_equal((a - b).distribution, difference.distribution)
    assert repr(difference).startswith("difference of roc_auc 0.")


def test_only_results_on_the_same_resamples_subtract(cohort):
    Y, P, groups = cohort
    a = patient_bootstrap(Y, P, groups, n_resamples=20, random_state=0)
    others = [
        patient_bootstrap(Y, P, groups, n_resamples=20, random_state=1),
        patient_bootstrap(Y, P, groups, n_resamples=21, random_state=0),
        patient_bootstrap(1 - Y, P, groups, n_resamples=20, random_state=0),
        patient_bootstrap(Y, P, groups[::-1], n_resamples=20, random_state=0),
        patient_bootstrap(
            Y, P, groups, n_resamples=20, random_state=0, statistic="average_precision"
        ),
    ]
    for other in others:
        with pytest.raises(ECGError, match="an integer random_state"):
            a - other
    with pytest.raises(TypeError):
        a - 1


def arms(Y, P, groups, *noises):
    rng = np.random.default_rng(0)
    error = rng.normal(size=P.shape)
    return [patient_bootstrap(Y, P + noise * error, groups, random_state=0) for noise in noises]


def test_gap_closed(cohort):
    ours, signal, multimodal = arms(*cohort, 1.0, 2.0, 0.0)
    share = gap_closed(ours, signal, multimodal)
    assert share.bounded
    assert 0 < share.low < share.estimate < share.high < 1
    gap = multimodal.estimate - signal.estimate
    assert share.gap.estimate == pytest.approx(gap)
    assert share.estimate == pytest.approx((ours.estimate - signal.estimate) / gap)
    assert gap_closed(multimodal, signal, multimodal).estimate == 1
    assert gap_closed(signal, signal, multimodal).high == 0


def test_gap_closed_is_unbounded_where_there_may_be_no_gap(cohort):
    Y, P, groups = cohort
    noises = np.random.default_rng(0).normal(size=(3, *P.shape))
    ours, signal, multimodal = (
        patient_bootstrap(Y, P + noise, groups, random_state=0) for noise in noises
    )
    share = gap_closed(ours, signal, multimodal)
    assert not share.bounded
    assert (share.low, share.high) == (-np.inf, np.inf)
    assert 0.025 < np.isnan(share.distribution).mean() < 1


def test_gap_closed_without_a_gap_is_nan(cohort):
    ours, signal, multimodal = arms(*cohort, 1.0, 0.0, 2.0)
    share = gap_closed(ours, signal, multimodal)
    assert np.isnan(share.estimate)
    assert not share.bounded


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": None}, "Pass groups="),
        ({"groups": [1, 2]}, r"shape \(4,\).* got \(2,\)"),
        ({"groups": [1, 2, None, 3]}, "1 records without one"),
        ({"groups": [1.0, 2.0, np.nan, 3.0]}, "1 records without one"),
        ({"groups": pd.Series([1, 2, None, 3], dtype="Int64")}, "1 records without one"),
        ({"groups": np.array([1, "a", 2, 3], dtype=object)}, "identifiers of one type"),
        ({"groups": [1, 1, 1, 1]}, "at least two patients"),
        (
            {"Y": pd.Series([0, 1, 0, 1]), "groups": pd.Series([1, 1, 2, 2], index=[3, 2, 1, 0])},
            "groups to have Y's row index",
        ),
        ({"n_resamples": 0}, "n_resamples >= 1"),
        ({"confidence_level": 95}, "0 < confidence_level < 1; got 95"),
        ({"statistic": "accuracy"}, "'f_max', 'roc_auc'.* got 'accuracy'"),
        ({"Y": [0, 0, 0, 0]}, "both 0 and 1"),
        ({"statistic": "brier", "P": [0.1, 0.2, 0.3, 4]}, "probabilities in"),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    valid = {"Y": [0, 1, 0, 1], "P": [0.1, 0.2, 0.3, 0.4], "groups": [1, 1, 2, 2]}
    with pytest.raises(ECGError, match=message):
        patient_bootstrap(**(valid | change))
