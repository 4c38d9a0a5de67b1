"""Checks of labels and scores, and conversion of probabilities."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ecgsk.exceptions import ECGError
from ecgsk.metrics import masked_average_precision, masked_f_max, masked_roc_auc
from ecgsk.metrics.validation import (
    check_labels_and_scores,
    check_same_rows,
    probability_matrix,
)


@pytest.mark.parametrize(
    ("Y", "P", "message"),
    [
        ([[0], [1]], [[0.1, 0.2], [0.3, 0.4]], r"one shape .* Y \(2, 1\) and P \(2, 2\)"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "0, 1 or NaN .* got 2"),
        ([0, 1, np.inf], [0.1, 0.2, 0.3], "got inf"),
        ([0, 1], [0.1, np.inf], "0 NaN and 1 infinite"),
        ([0, 1], [0.1, np.nan], "1 NaN and 0 infinite"),
        ([0, 1], np.zeros((2, 2, 2)), r"shape \(n_samples, n_labels\); got \(2, 2, 2\)"),
        (["no", "yes"], [0.1, 0.2], "expected numbers in Y"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "at least one record"),
        (pd.DataFrame({"a": [0, 1]}), pd.DataFrame({"b": [0, 1]}), r"Pass P\[Y.columns\]"),
        (pd.DataFrame({"a": [0, 1]}), pd.DataFrame({"a": [0, 1]}, [1, 0]), "Y's row index"),
    ],
)
def test_malformed_input_raises_with_advice(Y, P, message):
    with pytest.raises(ECGError, match=f"masked_roc_auc .*{message}"):
        check_labels_and_scores("masked_roc_auc", Y, P)


def test_frames_series_and_nullable_columns_are_converted():
    Y = pd.DataFrame({"AF": [0, 1, 1], "MI": [1, 0, None]}, index=[7, 8, 9]).astype("Int64")
    P = pd.DataFrame({"AF": [0.1, 0.8, 0.9], "MI": [0.6, 0.5, 0.1]}, index=[7, 8, 9])
    data = check_labels_and_scores("test", Y, P)
    np.testing.assert_array_equal(data.Y, [[0, 1], [1, 0], [1, np.nan]])
    np.testing.assert_array_equal(data.P, P)
    assert data.names == ("AF", "MI")
    data = check_labels_and_scores("test", Y["AF"].astype(float), P["AF"].to_numpy())
    assert (data.Y.shape, data.P.shape, data.names) == ((3, 1), (3, 1), ("0",))


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.coo_array])
def test_sparse_labels_are_those_of_the_dense_matrix(kind):
    Y, P = np.eye(3)[[0, 1, 2, 0]], np.linspace(0, 1, 12).reshape(4, 3)
    for score in (masked_roc_auc, masked_average_precision, masked_f_max):
        assert score(kind(Y), P) == score(Y, P)


def test_rows_are_compared_between_pandas_objects_of_one_length():
    y = pd.Series([0, 1], index=[3, 4])
    check_same_rows("test", y, [0, 1], "groups")
    check_same_rows("test", y, pd.Series([5, 6, 7]), "groups")
    with pytest.raises(ECGError, match=r"test expected groups to have Y's row index.*Pass groups"):
        check_same_rows("test", y, pd.Series([5, 6]), "groups")


def test_probability_matrix_has_a_column_for_each_label():
    P = np.array([[0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_array_equal(
        probability_matrix([P, P[::-1]], np.eye(2)), [[0.1, 0.8], [0.8, 0.1]]
    )
    np.testing.assert_array_equal(probability_matrix(P, [0, 1]), [0.1, 0.8])
    assert probability_matrix(P, np.eye(2)) is P
