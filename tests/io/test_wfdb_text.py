"""Ordinary headers are read without wfdb, field for field as wfdb reads them; others are left."""

from dataclasses import fields
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_text import OrdinaryHeader, parse_ordinary

ORDINARY = """s1 2 500 5000 09:54:32 23/07/2180
s1.dat 16 200.0(0)/mV 16 0 31 1017 0 I
s1.dat 16 200.0(0)/mV 16 0 18 1336 0 II
# Age: 61
"""

integers = st.integers(-(10**6), 10**6).map(str)
naturals = st.integers(0, 10**6).map(str)
decimals = st.one_of(
    naturals, st.decimals(0, 10**5, places=2).map(str), st.sampled_from(["0", "0.00", "1e3"])
)
blanks = st.sampled_from([" ", "  ", "\t"])
starts = st.one_of(
    st.just([]),
    st.datetimes(min_value=datetime(1900, 1, 1)).map(
        lambda when: [f"{when:%H:%M:%S}", f"{when:%d/%m/%Y}"]
    ),
    st.just(["12-May-2020", "12:33:59"]),
)


@st.composite
def signal_lines(draw):
    file = draw(st.sampled_from(["s1.dat", "s1.mat", "40829956.dat", "a-b_c.d"]))
    fmt = draw(st.sampled_from(["16", "212", "16x1", "16+24", "16x2+24"]))
    gain = draw(st.sampled_from(["", "-"])) + draw(decimals)
    baseline = draw(st.one_of(st.just(""), integers.map("({})".format)))
    unit = draw(st.sampled_from(["", "/mV", "/uV", "/mmHg", "/%"]))
    rest = [draw(one) for one in (naturals, integers, integers, integers, naturals)]
    name = draw(st.sampled_from(["I", "ii", "aVR", "V1", "2", "chan 1", "(II)", "MLII#"]))
    return draw(blanks).join([file, fmt, f"{gain}{baseline}{unit}", *rest, name])


@st.composite
def ordinary_headers(draw):
    signals = draw(st.lists(signal_lines(), min_size=1, max_size=4))
    rate = draw(st.one_of(naturals, st.decimals(0, 10**4, places=3).map(str)))
    record = ["s1", str(len(signals)), rate, draw(naturals), *draw(starts)]
    text = st.text(st.characters(min_codepoint=32, max_codepoint=126))
    comments = [f"#{line}" for line in draw(st.lists(text, max_size=3))]
    lines = [draw(blanks).join(record), *signals, *comments]
    return draw(st.sampled_from(["\n", "\r\n"])).join([*lines, ""])


def assert_as_wfdb(header, path):
    expected = load_wfdb().rdheader(str(path))
    for field in fields(OrdinaryHeader):
        ours, theirs = getattr(header, field.name), getattr(expected, field.name)
        assert ours == theirs, field.name
        assert type(ours) is type(theirs), field.name


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return tmp_path_factory.mktemp("headers") / "s1"


@given(text=ordinary_headers())
def test_ordinary_headers_are_read_as_wfdb_reads_them(record, text):
    header = parse_ordinary(text.encode())
    assert header is not None
    record.with_suffix(".hea").write_bytes(text.encode())
    assert_as_wfdb(header, record)


@given(
    text=st.one_of(st.just(ORDINARY), ordinary_headers()),
    place=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 3),
    instead=st.text("0123456789/:+x()-. #\t\nemVI\x0b\x1c", max_size=3),
)
def test_altered_headers_are_read_as_by_wfdb_or_left_to_it(record, text, place, length, instead):
    start = int(place * len(text))
    damaged = text[:start] + instead + text[start + length :]
    header = parse_ordinary(damaged.encode())
    if header is not None:
        record.with_suffix(".hea").write_bytes(damaged.encode())
        assert_as_wfdb(header, record)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("s1 2", "s1/2 2"),
        (" 500 ", " 500/100 "),
        (" 5000 ", " "),
        ("23/07", "31/02"),
        ("23/07/2180", ""),
        ("09:54:32", "24:00:00"),
        (" 16 200", " 16:3 200"),
        ("200.0(0)/mV 16 0", "200.0(0)/mV"),
        ("/mV", "/µV"),
        (" II\n", "\n"),
        ("s1 2 ", "s1 3 "),
        ("s1.dat 16", "~ 16"),
        (ORDINARY, ""),
    ],
)
def test_other_headers_are_left_to_wfdb(old, new):
    assert parse_ordinary(ORDINARY.encode()) is not None
    assert parse_ordinary(ORDINARY.replace(old, new, 1).encode()) is None


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["brugada_huca", "ludb", "cinc2021", "mimic_iv_demo/ecg"])
def test_real_headers_are_ordinary(real_data, folder):
    for path in sorted((real_data / folder).rglob("*.hea")):
        header = parse_ordinary(path.read_bytes())
        assert header is not None, path
        assert_as_wfdb(header, path.with_suffix(""))
