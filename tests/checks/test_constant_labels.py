"""Labels without two known classes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk import check_table

X = pd.DataFrame({"age": np.arange(40.0, 80.0)})


def constant_labels(Y):
    findings = [f for f in check_table(X, Y).findings if f.kind == "constant label"]
    assert all(finding.severity == "warning" for finding in findings)
    return {name: finding.message for finding in findings for name in finding.columns}


@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=40, max_size=40), max_size=6)
)
def test_found_where_two_classes_are_not_known(columns):
    Y = pd.DataFrame({f"label {i}": values for i, values in enumerate(columns)}, index=X.index)
    assert set(constant_labels(Y)) == {name for name in Y if Y[name].nunique() < 2}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "is 0 in all records with a known value: no model can learn it"),
        (1, "is 1 in all records with a known value"),
        (np.nan, "is not known in any record"),
    ],
)
def test_message_says_which_value(value, message):
    Y = pd.DataFrame({"varies": np.arange(40) % 2.0, "sepsis": np.full(40, value)})
    found = constant_labels(Y)
    assert list(found) == ["sepsis"]
    assert f"'sepsis' of y {message}" in found["sepsis"]


def test_exclusive_classes_are_never_constant():
    assert constant_labels(pd.Series(np.arange(40) % 3)) == {}
