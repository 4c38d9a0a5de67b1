"""Dates, paths, text and numbers as text, and what only looks like them."""

import datetime as dt
import pathlib
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk import check_table

N = 120
DAYS = pd.date_range("2020-01-01", periods=N, freq="37h")


def kinds(values, **options):
    X = pd.DataFrame({"x": values})
    return {f.kind for f in check_table(X, **options).findings if f.severity != "note"}


def each(text, *parts):
    """A text of each row."""
    return [text.format(i, *(part[i % len(part)] for part in parts)) for i in range(N)]


WRONG = {
    "timestamps": ("date", DAYS),
    "time zone": ("date", DAYS.tz_localize("Asia/Tokyo")),
    "durations": ("date", DAYS - DAYS[0]),
    "periods": ("date", DAYS.to_period("M")),
    "date objects": ("date", [day.date() for day in DAYS]),
    "one date object": ("date", [dt.date(2020, 1, 1), *[None] * (N - 1)]),
    "ISO text": ("date", DAYS.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "German text": ("date", DAYS.strftime("%d.%m.%Y")),
    "US text": ("date", DAYS.strftime("%m/%d/%y %H:%M")),
    "month by name": ("date", DAYS.strftime("%d %b %Y")),
    "date category": ("date", pd.Categorical(DAYS.strftime("%Y-%m-%d"))),
    "whole number": ("date", DAYS.strftime("%Y%m%d").astype(int)),
    "some dates missing": ("date", [None, "unknown", *DAYS[2:].strftime("%Y-%m-%d")]),
    "paths": ("path", each("files/p{0}/s{0}/{0}")),
    "absolute paths": ("path", each("/data/{}.dat")),
    "Windows paths": ("path", each("C:\\ecg\\{}")),
    "file names": ("path", each("JS{:05d}.hea")),
    "addresses": ("path", each("s3://bucket/{}")),
    "decimal commas": ("numbers as text", each("{},5")),
    "one <3": ("numbers as text", ["<3.0", *each("{}.25")[1:]]),
    "one <3 among floats": ("numbers as text", ["<3.0", *np.arange(N - 1) / 7]),
    "all text": ("numbers as text", [str(value) for value in np.arange(N) / 7]),
    "few values": ("numbers as text", [f"{3 + i % 3}.5" for i in range(N)]),
    "thousands": ("numbers as text", each("1,{:03d}.5")),
    "percent": ("numbers as text", each("{}.5 %")),
    "numbers as a category": ("numbers as text", pd.Categorical(each("{}.5"))),
    "free text": ("text", each("Sinus rhythm at {} per minute, no ischaemia")),
    "codes": ("identifier", each("JS{:05d}")),
    "many levels": ("text", [f"unit {string.ascii_letters[i % 52]}" for i in range(N)]),
    "lists": ("dtype", [[1, 2]] * N),
    "numbers with units": ("numbers as text", each("{}.5 mmol/L")),
    "paths as objects": ("dtype", [pathlib.Path(f"a/{i}") for i in range(N)]),
    "complex": ("dtype", np.arange(N) * 1j),
}


@pytest.mark.parametrize(("kind", "values"), WRONG.values(), ids=list(WRONG))
def test_values_that_are_no_measurement(kind, values):
    assert kinds(values) == {kind}


RIGHT = {
    "numbers": np.arange(N) / 7,
    "nullable numbers": pd.array([None, *range(10)] * 10, dtype="Int64"),
    "numbers as objects": pd.Series([1.5, None, 2] * 40, dtype=object),
    "sparse numbers": pd.arrays.SparseArray(np.r_[1.5, np.zeros(N - 1)]),
    "vessels": ["1 vessel", "2 vessel", "3 vessel"] * 40,
    "booleans": np.arange(N) % 2 == 0,
    "booleans with gaps": pd.array([True, False, None] * 40, dtype="boolean"),
    "sex": ["F", "M", None] * 40,
    "classes": ["1", "2", "3", "4"] * 30,
    "classes as a category": pd.Categorical(["I", "II", "III"] * 40),
    "age bands": ["<40", "40-65", ">65"] * 40,
    "years of age": [f"{40 + i % 5}-{49 + i % 5}" for i in range(N)],
    "units": ["mg/dL", "mmol/L"] * 60,
    "slashes": ["AV-block/LBBB", "n/a", "-"] * 40,
    "levels": [f"ward {i % 30}" for i in range(N)],
    "a few records": ["a", "b", "c"],
    "blood groups": ["0+", "A-", "AB+"] * 40,
    "years": 1990.0 + np.arange(N) % 30,
    "large numbers": 20_000_000.0 + np.arange(N) * 1e5 + 0.5,
}


@pytest.mark.parametrize("values", RIGHT.values(), ids=list(RIGHT))
def test_values_that_are_measurements_or_categories(values):
    assert kinds(values) == set()


def test_levels_up_to_the_bound():
    few, many = (np.arange(3000) % n for n in (50, 51))
    assert kinds(few.astype(str) + np.array("x")) == set()
    assert kinds(many.astype(str) + np.array("x")) == {"text"}
    # A category that the user names is meant; text is not.
    category = pd.Categorical(many.astype(str) + np.array("x"))
    assert kinds(category) == {"text"}
    assert kinds(category, clinical_columns=["x"]) == set()


def test_message_shows_numbers_and_no_free_text():
    X = pd.DataFrame({"k": each("{},5"), "report": each("Mrs Miller at {} came in the evening")})
    text = str(check_table(X))
    assert "such as '0,5'" in text
    assert "Miller" not in text


@settings(max_examples=25)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
        min_size=30,
        max_size=80,
        unique=True,
    )
)
def test_text_of_which_each_record_has_its_own_is_never_a_category(texts):
    # White space alone is one level or more of no content.
    assert kinds(texts)


@settings(max_examples=25)
@given(
    st.lists(
        st.floats(allow_nan=True, allow_infinity=False, width=32) | st.none(),
        min_size=1,
        max_size=60,
    )
)
def test_numbers_of_any_size_are_accepted(values):
    values = [None if value is None else value + 0.1234567 for value in values]
    for dtype in ("float64", "Float64", object):
        found = kinds(pd.Series(values, dtype=dtype))
        assert found <= {"identifier"}  # whole numbers of 7 digits, by size


@settings(max_examples=25)
@given(st.data())
def test_no_column_of_mixed_objects_crashes_the_check(data):
    value = st.one_of(
        st.none(),
        st.text(max_size=5),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.dates(),
        st.binary(max_size=3),
        st.lists(st.integers(), max_size=2),
        st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.complex_numbers(),
    )
    values = data.draw(st.lists(value, min_size=1, max_size=12))
    check_table(pd.DataFrame({"x": pd.Series(values, dtype=object)}))
