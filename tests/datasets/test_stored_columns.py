"""Columns that Parquet cannot store as they are."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets import Cohort, make_clinical_ecg, read_cohort, write_cohort
from ecgsk.datasets._stored_columns import from_storable, to_storable
from ecgsk.exceptions import ECGError

# The checks of a clinical table have their own tests.
pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.TableWarning")

AGE = pd.Series([5.0, 40.0, 70.0, np.nan])
TIMES = pd.date_range("2150-01-10", periods=4, freq="h", tz="UTC")
STORED = {
    "interval categories": pd.cut(AGE, [0, 30, 60, 90]),
    "intervals open at the right": pd.cut(AGE, [0, 30, 90], right=False),
    "unbounded intervals": pd.cut(AGE, [-np.inf, 30, np.inf]),
    "intervals of times": pd.Series(pd.cut(TIMES, 2)),
    "quantiles": pd.qcut(AGE, 2),
    "intervals": pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3, 4])),
    "times": pd.Series(pd.Categorical(TIMES)),
    "small integers": pd.Series(pd.Categorical(np.array([1, 2, 1, 2], dtype="int8"))),
    "booleans": pd.Series(pd.Categorical([True, False, True, None])),
    "infinite": pd.Series(pd.Categorical([1.0, np.inf, 1.0, np.nan])),
    "ordered with unused": pd.Series(pd.Categorical(list("aaba"), ["b", "a", "c"], ordered=True)),
    "empty": pd.Series(pd.Categorical([None] * 4)),
    "dates": pd.Series([datetime.date(2150, 1, day) for day in range(1, 5)]),
}
REFUSED = {
    "text and numbers": pd.Series([1, "a", 2.5, None], dtype=object),
    "categories of text and numbers": pd.Series(pd.Categorical([1, "a", 1, None])),
    "complex": pd.Series([1j] * 4),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1, 0])),
    "large integers": pd.Series([2**70] * 4, dtype=object),
}


@pytest.fixture(scope="module")
def tables():
    cohort = make_clinical_ecg(4, random_state=0)
    return cohort.X.iloc[:4], cohort.Y.iloc[:4]


def with_column(tables, values):
    X, Y = tables
    return Cohort(X.assign(extra=values.to_numpy() if values.dtype == object else values.array), Y)


@pytest.mark.parametrize("name", STORED)
def test_column_is_read_back_equal(tmp_path, tables, name):
    cohort = with_column(tables, STORED[name])
    write_cohort(cohort, tmp_path / "cohort")
    again = read_cohort(tmp_path / "cohort", verify=True)
    pd.testing.assert_series_equal(again.X["extra"], cohort.X["extra"], check_freq=False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_column_leaves_nothing_behind(tmp_path, tables, name):
    with pytest.raises(ECGError, match=r"write_cohort: .*column 'extra'.*astype\(str\)"):
        write_cohort(with_column(tables, REFUSED[name]), tmp_path / "cohort")
    assert not list(tmp_path.iterdir())


def test_refused_labels_index_and_ranges_leave_nothing_behind(tmp_path, tables):
    X, Y = tables
    labs = pd.DataFrame({"potassium": [4.0] * 4}, index=X.index)
    ranges = pd.DataFrame({"low": [-np.inf], "high": [5.1], "unit": ["mmol/l"]}, ["potassium"])
    odd = [1, "a", 2, 3]
    for cohort, message in (
        (Cohort(X, Y, notes=pd.DataFrame({"extra": odd}, X.index)), "column 'notes/extra'"),
        (Cohort(X.set_axis(odd), Y.set_axis(odd)), "column 'index'"),
        (Cohort(X, Y.set_axis([("a", 1), *Y.columns[1:]], axis="columns")), "names in Y"),
        (Cohort(X, Y, labs=labs, reference_ranges=ranges), "reference_ranges, got -inf"),
    ):
        with pytest.raises(ECGError, match=message):
            write_cohort(cohort, tmp_path / "cohort")
    assert not list(tmp_path.iterdir())


SCALARS = st.one_of(
    st.lists(st.integers(-(2**60), 2**60)),
    st.lists(st.floats(allow_nan=False)),
    st.lists(st.text(st.characters(codec="utf-8"))),
    st.lists(st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2200-01-01"))),
    st.lists(st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(values=SCALARS, ordered=st.booleans())
def test_any_categories_come_back(values, ordered):
    frame = pd.DataFrame({"x": pd.Categorical(values, ordered=ordered)})
    stored, facts = to_storable(frame)
    pd.testing.assert_frame_equal(from_storable(stored, facts), frame)
