"""Patient bootstrap of a score and of a paired difference."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import masked_roc_auc, paired_difference, patient_bootstrap


def test_interval_is_as_wide_as_for_one_record_of_each_patient(clustered):
    Y, P, groups = clustered
    by_patient = patient_bootstrap(Y, P, groups=groups, random_state=0)
    by_record = patient_bootstrap(Y, P, groups=np.arange(len(Y)), random_state=0)
    ratio = (by_patient.high - by_patient.low) / (by_record.high - by_record.low)
    assert 1.7 < ratio < 2.3  # sqrt(4) for four equal records of each patient
    assert by_patient.low < by_patient.estimate == masked_roc_auc(Y, P) < by_patient.high


def test_95_percent_interval_covers_the_true_value():
    rng = np.random.default_rng(2)
    true_auc = 0.760250  # P(N(1, sqrt 2) > 0)
    covered = 0
    for seed in range(100):
        y = np.repeat(rng.integers(2, size=150), 2)
        p = y + np.repeat(rng.normal(size=150), 2)
        auc = patient_bootstrap(
            y, p, groups=np.arange(300) // 2, n_resamples=200, random_state=seed
        )
        covered += auc.low <= true_auc <= auc.high
    assert 88 <= covered <= 100


def test_macro_distribution_ignores_the_order_of_records(clustered):
    Y, P, groups = clustered
    order = np.random.default_rng(0).permutation(len(Y))
    kw = {"n_resamples": 50, "random_state": 0}
    a = patient_bootstrap(Y, P, groups=groups, **kw)
    b = patient_bootstrap(Y[order], P[order], groups=groups[order], **kw)
    np.testing.assert_allclose(a.distribution, b.distribution, atol=1e-12)


def test_seed_determines_the_result_and_leaves_the_global_state(clustered):
    Y, P, groups = clustered
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a = patient_bootstrap(Y, P, groups=groups, n_resamples=50, random_state=4)
    b = patient_bootstrap(Y, P, groups=groups, n_resamples=50, random_state=4)
    other = np.random.RandomState(0)
    c = patient_bootstrap(Y, P, groups=groups, n_resamples=50, random_state=other)
    np.testing.assert_array_equal(a.distribution, b.distribution)
    assert not np.array_equal(a.distribution, c.distribution)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_n_resamples_of_a_rare_label_counts_those_with_both_classes():
    y = np.zeros(60)
    y[0] = 1
    Y = np.column_stack([y, np.arange(60) % 2, np.ones(60)])
    P = np.random.default_rng(0).random(Y.shape)
    result = patient_bootstrap(
        pd.DataFrame(Y, columns=["rare", "common", "always"]),
        P,
        groups=np.arange(60),
        random_state=0,
    )
    frame = result.to_frame()
    # The positive patient is in a resample with probability 1 - 1/e.
    assert 550 < frame.loc["rare", "n_resamples"] < 720
    assert frame.loc["common", "n_resamples"] == 1000
    assert frame.loc["always"].isna().tolist() == [True, True, True, False]
    assert result.n_labels_skipped == 1
    assert not np.isnan(result.distribution).any()


def test_paired_difference_is_narrower_than_two_intervals(clustered):
    Y, P, groups = clustered
    worse = P + 0.5 * np.random.default_rng(0).normal(size=P.shape)
    difference = paired_difference(Y, P, worse, groups=groups, random_state=0)
    a = patient_bootstrap(Y, P, groups=groups, random_state=0)
    b = patient_bootstrap(Y, worse, groups=groups, random_state=0)
    assert difference.low > 0
    assert difference.high - difference.low < a.high - a.low
    assert difference.estimate == pytest.approx(a.estimate - b.estimate)
    np.testing.assert_array_equal((a - b).distribution, difference.distribution)
    assert repr(difference).startswith("difference of roc_auc 0.")


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
def test_malformed_input_raises_with_advice(change, message):
    valid = {"Y": [0, 1, 0, 1], "P": [0.1, 0.2, 0.3, 0.4], "groups": [1, 1, 2, 2]}
    with pytest.raises(ECGError, match=message):
        patient_bootstrap(**(valid | change))
