"""Levels of few patients are pooled; others are unchanged."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk._privacy import (
    MIN_PATIENTS,
    RARE,
    cap_extremes,
    disclosed,
    enough_patients,
    frequent_levels,
    pool_rare_levels,
)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 40)), min_size=1, max_size=150),
    st.sampled_from([object, "category", "string"]),
)
def test_every_level_has_enough_patients(rows, dtype):
    column = pd.Series([level for level, _ in rows], dtype=dtype)
    patients = pd.Series([patient for _, patient in rows])
    pooled = pool_rare_levels(column, patients)
    counts = patients.groupby(pooled.astype(object)).nunique()
    if patients.nunique() < 20:
        pd.testing.assert_series_equal(
            pooled.astype(object), column.astype(object), check_dtype=False
        )
    else:
        assert (counts >= MIN_PATIENTS).all()
        assert set(pooled.dropna()) <= set(frequent_levels(column, patients))


@pytest.mark.parametrize("dtype", [object, "category", "string", "str", "boolean", "float64"])
def test_a_column_without_rare_levels_is_unchanged(dtype):
    values = (
        [True, False] if dtype == "boolean" else [1.5, 2.5] if dtype == "float64" else ["a", "b"]
    )
    column = pd.Series(values * 10, dtype=dtype, index=range(5, 25))
    pd.testing.assert_series_equal(pool_rare_levels(column, range(20)), column)


def test_unused_categories_are_dropped():
    column = pd.Series(pd.Categorical(["a"] * 20, ["a", "Jane Doe"]))
    assert pool_rare_levels(column, range(20)).cat.categories.tolist() == ["a"]


def test_many_records_of_one_patient_are_one_patient():
    column = pd.Series(["a"] * 25 + ["Jane Doe"] * 10)
    pooled = pool_rare_levels(column, [*range(25), *[25] * 10])
    assert pooled.dropna().unique().tolist() == ["a"]


def test_rare_levels_are_pooled_where_they_are_enough_together():
    column = pd.Series(["a"] * 25 + [f"born {year}" for year in range(1950, 1960)] + [None])
    assert frequent_levels(column, range(36)) == ["a", RARE]
    assert (pool_rare_levels(column, range(36)) == RARE).sum() == 10


def test_a_statistic_needs_five_patients():
    values, patients = pd.Series(np.arange(30.0)), pd.Series(np.arange(30))
    assert enough_patients(values[:5], patients)
    assert not enough_patients(values[:4], patients)
    assert enough_patients(values[:4], patients // 2)  # a table of 15 patients


@pytest.mark.parametrize("dtype", ["float64", "int64", "Int64", "Float64", "float32"])
def test_extremes_are_capped(dtype):
    column = pd.Series([*range(30), 987], dtype=dtype)
    capped = cap_extremes(column, range(31))
    assert capped.dtype == column.dtype
    assert (capped.min(), capped.max()) == (2, 28)
    pd.testing.assert_series_equal(capped[2:29], column[2:29])
    pd.testing.assert_series_equal(cap_extremes(column, column % 19), column)  # 19 patients


def test_numbers_of_four_patients_are_not_disclosed():
    table = pd.DataFrame(
        {"x": [1.5, 2.5, 3.5, 4.5, *[np.nan] * 30], "on_ward": [True, *[False] * 33]}
    )
    shown = disclosed(table, range(34))
    assert shown["x"].isna().all()
    assert shown["on_ward"].equals(table["on_ward"])
