"""Laboratory values judged against reference ranges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ecgsk.datasets import make_clinical_ecg
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import LabAbnormality

values = st.one_of(st.just(np.nan), st.floats(-10, 10))


@given(st.lists(st.tuples(values, values), min_size=1), st.floats(-5, 0), st.floats(0, 5))
def test_low_and_high_are_strict_and_missing_stays_missing(rows, low, high):
    X = pd.DataFrame(rows, columns=["a", "b"], dtype=float, index=np.arange(len(rows)) + 3)
    out = LabAbnormality({"a": (low, high), "b": (None, high)}).fit_transform(X)
    assert out.columns.tolist() == ["a low", "a high", "b high"]
    assert out.index.equals(X.index)
    for column in out.columns:
        name, side = column.split()
        beyond = X[name] < low if side == "low" else X[name] > high
        pd.testing.assert_series_equal(
            out[column], beyond.astype(float).mask(X[name].isna()), check_names=False
        )


def test_a_bound_itself_is_normal():
    out = LabAbnormality({"k": (3.5, 5.1)}).fit_transform(pd.DataFrame({"k": [3.5, 5.1]}))
    assert not out.to_numpy().any()


def test_reference_ranges_of_a_cohort_are_accepted():
    cohort = make_clinical_ecg(20, random_state=0)
    transformer = LabAbnormality(cohort.reference_ranges).fit(cohort.labs)
    out = transformer.transform(cohort.labs)
    assert out.shape[1] == cohort.reference_ranges[["low", "high"]].notna().sum().sum()
    assert transformer.get_feature_names_out().tolist() == out.columns.tolist()
    assert "lactate low" not in out
    pd.testing.assert_frame_equal(clone(transformer).fit_transform(cohort.labs), out)


@pytest.mark.parametrize(
    ("X", "ranges", "message"),
    [
        (np.ones((2, 1)), {"k": (1, 2)}, "expected a DataFrame .* got ndarray"),
        (
            pd.DataFrame({"k": [1.0], "na": 1.0}),
            {"k": (1, 2)},
            "no reference range for na; .* for k",
        ),
        (pd.DataFrame({"k": [1.0]}), {"k": (5, 3)}, "range of k, got low=5 and high=3. Swap"),
        (pd.DataFrame({"k": [1.0]}), [3, 5], "a DataFrame with columns low and .*got list"),
        (
            pd.DataFrame({"k": ["4.0", "<3.0", None, "<3.0", "> 9"]}),
            {"k": (3.5, 5)},
            r"numbers in the column 'k', got text in 3 of 5 rows, such as '<3\.0', '> 9'\. .*NaN",
        ),
        (pd.DataFrame({"k": ["5,6"]}), {"k": (3.5, 5)}, "'5,6'.* write 5.6"),
        (np.array([["<3.0"]], dtype=object), (3.5, 5.0), "'<3.0'"),
        (pd.DataFrame({"k": [1.0]}), {"k": ("3,5", 5)}, "'3,5' as the low bound of k"),
        (pd.DataFrame({"k": [1.0]}), {"k": (3.5,)}, r"\(low, high\) as the .* k, got \(3.5,\)"),
        (pd.DataFrame({"k": [1.0]}), {"k": "35"}, r"\(low, high\) as the .* k, got '35'"),
    ],
)
def test_bad_input_is_refused(X, ranges, message):
    with pytest.raises(ECGError, match=message):
        LabAbnormality(ranges).fit(X)


def test_numbers_as_text_are_compared():
    labs = pd.DataFrame({"k": ["3.0", " 5.5", None]})
    out = LabAbnormality({"k": (3.5, 5)}).fit_transform(labs)
    np.testing.assert_array_equal(out, [[1, 0], [0, 1], [np.nan, np.nan]])
    with pytest.raises(ECGError, match=r"'<3.0'"):
        LabAbnormality({"k": (3.5, 5)}).fit(labs).transform(labs.replace("3.0", "<3.0"))


def test_transform_needs_the_columns_of_fit():
    labs = pd.DataFrame({"k": [4.0], "na": [140.0]})
    transformer = LabAbnormality({"k": (3.5, 5), "na": (135, 145)})
    with pytest.raises(NotFittedError):
        transformer.transform(labs)
    transformer.fit(labs)
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(labs[["na", "k"]])
    with pytest.raises(ValueError, match="infinity"):
        transformer.transform(labs * np.inf)
