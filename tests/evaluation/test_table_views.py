"""Views of the clinical table: what is filled, and from which rows."""

import numpy as np
import pandas as pd

from ecgsk.evaluation._table_views import fill_values, find_demographics, mark_measured

TABLE = pd.DataFrame(
    {
        "age": [50.0, np.nan, 70.0, 1000.0],
        "sex": pd.Categorical(["F", None, "F", "M"]),
        "smokes": pd.array([True, None, False, True], dtype="boolean"),
        "never": [np.nan] * 4,
        "unused": [np.nan, 1.0, 2.0, 3.0],
    }
)
COLUMNS = ["age", "sex", "smokes", "never"]


def test_missing_values_are_filled_from_the_training_rows():
    filled = fill_values(TABLE, COLUMNS, np.array([0, 1, 2]))
    assert filled["age"].tolist() == [50.0, 60.0, 70.0, 1000.0]
    assert filled["sex"].tolist() == ["F", "F", "F", "M"]
    assert filled[COLUMNS].notna().all(axis=None)
    pd.testing.assert_series_equal(filled["unused"], TABLE["unused"])


def test_masks_are_0_or_1_and_nothing_else():
    marked = mark_measured(TABLE, COLUMNS, np.array([0]))
    assert marked["age"].tolist() == [1, 0, 1, 1]
    assert marked["never"].tolist() == [0, 0, 0, 0]
    pd.testing.assert_series_equal(marked["unused"], TABLE["unused"])


def test_demographics_are_found_among_the_clinical_columns_alone():
    assert find_demographics(["age", "potassium", "sex"], None) == ["age", "sex"]
    assert find_demographics(["age", "potassium"], ["potassium", "bmi"]) == ["potassium"]
