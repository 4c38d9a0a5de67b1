"""Tables of open databases in other spellings: read alike, or refused with their place."""

from contextlib import suppress

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets._csv_files import read_csv, read_sex, warn_of_unread
from ecgsk.datasets._layouts import read_table
from ecgsk.exceptions import RecordReadError

TEXT = b'id,age,time,label\n1,60,2150-01-10 12:00,"a, b"\n2,,,c\n\n'
KINDS = {"id": "whole", "age": "number", "time": "time", "label": "text"}


def read(path, data):
    path.write_bytes(data)
    return read_table(path, list(KINDS), source="X", name="load_x", kinds=KINDS, key="id")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"2,,,", b"2,NULL,NA,"),
        lambda text: text.replace(b"label", b"label,x").replace(b'b"', b'b",').replace(b"c", b"c,"),
    ],
    ids=["plain", "crlf", "no line end", "byte order mark", "missing", "further column"],
)
def test_spellings_are_read_alike(tmp_path, change):
    table = read(tmp_path / "t.csv", change(TEXT))
    assert table["id"].tolist() == [1, 2]
    assert table["age"].fillna(-1).tolist() == [60, -1]
    assert table["label"].tolist() == ["a, b", "c"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TEXT, b"", r"t\.csv is empty"),
        (b",", b";", r"line 1: expected commas between the columns, got semicolons"),
        (b"c", b"\xe4", r"line 3, is not UTF-8.*iconv"),
        (b"2,,,c", b"2,,c", r"line 3: expected 4 columns as in the header, got 3"),
        (b"2,,,c", b"2,,,c,d", r"line 3: expected 4 columns as in the header, got 5"),
        (b"label", b"age", r"has 2 columns called 'age'"),
        (b"label", b"Label", r"lacks the column label"),
        (b"2,,", b"2.5,,", r"line 3, column id: expected a whole number, got '2\.5'"),
        (b"2,,", b",,", r"line 3, column id: expected a whole number, got a missing value"),
        (b"2,,", b"1,,", r"several rows with id 1"),
        (b"2,,", b"2,<3,", r"line 3, column age: expected a number, got '<3'"),
        (b"2,,", b'2,"3,5",', r"line 3, column age: expected a number, got '3,5'"),
        (b"2,,,", b"2,,1.2.50,", r"line 3, column time: expected a time, got '1\.2\.50'"),
        (b"2,,,c", b"2,,,", r"line 3, column label: expected text, got a missing value"),
    ],
)
def test_wrong_tables_are_refused_with_their_place(tmp_path, old, new, message):
    assert old in TEXT
    with pytest.raises(RecordReadError, match=message) as caught:
        read(tmp_path / "t.csv", TEXT.replace(old, new))
    assert str(caught.value).startswith("load_x: ")


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=60) | st.text('ab,"\n\r;Ä', max_size=40).map(str.encode))
def test_any_bytes_are_a_table_or_our_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "t.csv"
    path.write_bytes(data)
    with suppress(RecordReadError):
        assert isinstance(read_csv(path, name="load_x"), pd.DataFrame)


def test_known_spellings_of_sex_are_read_and_others_reported():
    stated = pd.Series(["F", "female", "w", "M\n", " Male", "x", None])
    sex = read_sex(stated)
    assert sex.tolist()[:5] == ["F", "F", "F", "M", "M"]
    with pytest.warns(UserWarning, match="load_x: 1 of 7 values of sex have an unknown spelling"):
        warn_of_unread(stated, sex, "sex", name="load_x")
