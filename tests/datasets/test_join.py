"""Join a table to records by keys in other spellings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.datasets import join_table
from ecgsk.exceptions import ECGError

RECORDS = pd.DataFrame({"record": ["1", "2", "10"], "n": [0, 1, 2]})


@pytest.mark.parametrize(
    "keys",
    [
        [10, 2, 1],
        ["10", "2", "1"],
        [10.0, 2.0, 1.0],
        pd.array([10, 2, 1], "Int64"),
        [" 10", "2", "1"],
    ],
)
def test_numbers_and_text_are_one_key(keys):
    joined = join_table(RECORDS, pd.DataFrame({"record": keys, "age": [60, 71, 48]}), "record")
    assert joined.to_dict("list") == {
        "record": ["1", "2", "10"],
        "n": [0, 1, 2],
        "age": [48, 71, 60],
    }
    by_index = pd.DataFrame({"age": [60, 71, 48]}, index=pd.Index(keys, name="name"))
    again = join_table(RECORDS, by_index, "record", table_on="name")
    pd.testing.assert_frame_equal(again, joined)


def test_several_records_may_have_one_key():
    records = pd.DataFrame({"patient": [7, 8, 7]}, index=["a", "b", "c"])
    joined = join_table(records, pd.DataFrame({"patient": ["7", "8"], "age": [60, 71]}), "patient")
    assert joined["age"].to_dict() == {"a": 60, "b": 71, "c": 60}


def test_keys_without_partner_are_reported():
    table = pd.DataFrame({"record": [1, np.nan, 3], "age": [60, 71, 48]})
    message = r"2 of 3 records have no row, such as '2', '10'; 2 of 3 rows have no record"
    with pytest.warns(UserWarning, match=message):
        joined = join_table(RECORDS, table, "record")
    assert joined["age"].tolist() == [60]
    with pytest.raises(ECGError, match=message):
        join_table(RECORDS, table, "record", unmatched="raise")
    options = {"unmatched": "ignore", "return_unmatched": True}
    joined, alone, unused = join_table(RECORDS, table, "record", **options)
    assert (len(joined), alone, unused) == (1, ["2", "10"], ["missing", "3"])


@pytest.mark.parametrize(
    ("records", "keys", "message"),
    [
        (["1", "2"], ["3", "4"], "2 of 2 records have no row.*spelling"),
        ([], ["3"], "rows have no record|no rows"),
        (["0001", "2"], [1, 2], "'0001' may be the number 1 .*leading zeros"),
        ([1, 2], ["1", "002"], "'002' may be the number 2 .*leading zeros"),
        (["1", "2"], [1, 1], "one row for each 'record' in table; 1 keys have 2 rows, such as '1'"),
        (["1", "2"], [1.5, 2.0], "whole numbers .* got 1.5"),
        (["1", "2"], [2.0**60, 2.0], "whole numbers .* got 1.15"),
        (["1", "2"], [True, False], "whole numbers .* got True"),
    ],
)
def test_wrong_keys_are_refused(records, keys, message):
    with pytest.raises(ECGError, match=message):
        join_table(
            pd.DataFrame({"record": records}), pd.DataFrame({"record": keys, "x": 0}), "record"
        )


def test_wrong_columns_are_refused():
    table = pd.DataFrame({"record": [1, 2, 10], "n": 0})
    with pytest.raises(ECGError, match="both tables have the column n"):
        join_table(RECORDS, table, "record")
    with pytest.raises(ECGError, match="one column 'ecg_id' in table, got 0"):
        join_table(RECORDS, table, "record", table_on="ecg_id")
    twice = pd.concat([table, table[["record"]]], axis="columns")
    with pytest.raises(ECGError, match="one column 'record' in table, got 2"):
        join_table(RECORDS, twice, "record")
    with pytest.raises(ECGError, match="unmatched='warn', 'raise' or 'ignore', got 'drop'"):
        join_table(RECORDS, table, "record", unmatched="drop")


@given(st.lists(st.integers(0, 20), unique=True, min_size=1), st.sets(st.integers(0, 20)))
def test_every_key_is_joined_or_reported(records, rows):
    table = pd.DataFrame({"key": sorted(rows, reverse=True), "value": sorted(rows, reverse=True)})
    frame = pd.DataFrame({"key": [str(key) for key in records]})
    if not rows & set(records):
        with pytest.raises(ECGError, match="have no row"):
            join_table(frame, table, "key")
        return
    options = {"unmatched": "ignore", "return_unmatched": True}
    joined, alone, unused = join_table(frame, table, "key", **options)
    assert joined["value"].astype(str).tolist() == joined["key"].tolist()
    assert [key for key in records if key in rows] == joined["value"].tolist()
    assert set(alone) == {str(key) for key in set(records) - rows}
    assert set(unused) == {str(key) for key in rows - set(records)}
