"""Comments of headers: both public layouts, ages in words, and text that is neither."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.io import read_wfdb_folder
from ecgsk.io._wfdb_comments import comment_columns, read_age
from ecgsk.io._wfdb_text import parse_header

HEADER = "r 1 500 100\nr.dat 16 200 16 0 0 0 0 II\n"


def columns(*comments):
    text = HEADER + "".join(f"#{comment}\n" for comment in comments)
    return comment_columns(parse_header(text.encode()))


LAYOUTS = {
    "Challenge": ["Age: 65", "Sex: Female", "Dx: 426783006"],
    "PTB": [" age: 65", " sex: female", " Diagnose:"],
    "LUDB": ["<age>: 65", "<sex>: F", "<diagnoses>:", "Rhythm: Sinus rhythm."],
    "INCART": ["<age>: 65 <sex>: F <diagnoses> Angina, QT <400 ms", "patient 1"],
    "European ST-T": ["Age: 65  Sex: F", "Mixed angina"],
    "in words": ["Age: 65 years", "Gender: woman"],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_age_and_sex_are_read_from_every_public_layout(layout):
    found = columns(*layout)
    assert found["age"] == 65
    assert found.get("sex", "F") == "F"
    assert "age_text" not in found


def test_the_other_comments_of_a_line_are_kept():
    found = columns(*LAYOUTS["INCART"])
    assert found["diagnoses"] == "Angina, QT <400 ms"
    assert found["comments"] == "patient 1"
    assert columns("Age: 62 Sex: M, smoker", "x < 3")["comments"] == "smoker; x < 3"
    assert columns("Rhythm: AF: paroxysmal")["rhythm"] == "AF: paroxysmal"
    assert columns("<5 % of beats are ectopic")["comments"] == "<5 % of beats are ectopic"


@pytest.mark.parametrize(
    ("text", "years"),
    [
        *[("61", 61), ("061", 61), ("61.5", 61.5), ("61,5", 61.5), ("61 years", 61), ("61 y", 61)],
        *[("61yrs", 61), ("61 y.o.", 61), ("61 years old", 61), ("057Y", 57), ("018M", 1.5)],
        *[("6 months", 0.5), ("3 weeks", 21 / 365.25), (">89", 90), (">=90", 90), ("90+", 90)],
        *[("0", 0), ("300", None), ("-1", None), ("65 M", None), ("45-50", None), ("old", None)],
        *[("1e1", None), ("", None), ("61 years 3 months", None)],
    ],
)
def test_ages_in_words(text, years):
    age = read_age(text)
    assert math.isnan(age) if years is None else age == pytest.approx(years)


@pytest.mark.parametrize(
    ("comment", "name", "text"),
    [
        ("Age: about sixty", "age", "about sixty"),
        ("Age: 300", "age", "300"),
        ("Age: >89", None, ">89"),
        ("Sex: intersex", "sex", "intersex"),
    ],
)
def test_text_that_is_no_age_or_sex_is_kept(comment, name, text):
    found = columns(comment)
    assert found["sex_text" if "Sex" in comment else "age_text"] == text
    if name == "age":
        assert math.isnan(found["age"])
    if name == "sex":
        assert found["sex"] is None


def test_an_age_that_is_stated_twice():
    assert columns("Age: 61", "age: 61")["age"] == 61
    twice = columns("Age: 61", "Age: 62")
    assert math.isnan(twice["age"])
    assert twice["age_text"] == "61; 62"


def test_columns_of_the_table_keep_their_meaning(tmp_path):
    reserved = ["ecg", "record", "usable", "problem", "max abs mV", "checksum_differs", "age_text"]
    found = columns(*(f"{name}: x" for name in reserved), ": nameless", "!!: marks")
    assert set(found) == {
        *("header_ecg", "header_record", "header_usable", "header_problem", "header_max_abs_mv"),
        *("header_checksum_differs", "header_age_text", "comments"),
    }
    assert found["comments"] == "nameless; marks"
    many = columns(*(f"key{number}: {number}" for number in range(1000)))
    assert len(many) < 250
    assert "key999: 999" in many["comments"]


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\0"), max_size=60), max_size=8))
def test_any_comments_become_columns(comments):
    found = columns(*comments)
    assert not {"ecg", "record"} & set(found)
    assert "age" not in found or math.isnan(found["age"]) or 0 <= found["age"] <= 120


@pytest.mark.parametrize("start", ["Age: ", "Age: 6", "<a>", "<", "Age:1 ", ":"])
@pytest.mark.parametrize("fill", [" ", "<a> ", "1", ":", "Sex", "\t,"])
def test_long_comments_take_little_time(start, fill):
    began = time.perf_counter()
    columns(start + fill * (2**19 // len(fill)) + "x")
    assert time.perf_counter() - began < 2


def test_text_reaches_the_table(tmp_path, write_record):
    write_record("a", comments=["Age: 61 years", "Sex: F"])
    write_record("b", comments=["Age: unclear"])
    frame = read_wfdb_folder(tmp_path)
    assert frame["age"].dtype == "float64"
    assert frame.loc[0, "age"] == 61
    assert frame.loc[1, "age_text"] == "unclear"
