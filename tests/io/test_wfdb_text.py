"""Headers are read field for field as wfdb reads those that it can; others with their reason."""

from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_text import parse_header

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


SIGNAL_FIELDS = {
    "file": "file_name",
    "fmt": "fmt",
    "per_frame": "samps_per_frame",
    "gain": "adc_gain",
    "baseline": "baseline",
    "unit": "units",
    "initial": "init_value",
    "checksum": "checksum",
    "name": "sig_name",
}


def assert_as_wfdb(header, path):
    expected = load_wfdb().rdheader(str(path))
    assert (header.frame_rate, header.n_frames) == (expected.fs, expected.sig_len)
    assert header.recorded == expected.base_datetime
    assert list(header.comments) == expected.comments
    assert len(header.signals) == expected.n_sig
    for ours, theirs in SIGNAL_FIELDS.items():
        assert [getattr(one, ours) for one in header.signals] == getattr(expected, theirs), ours
    assert [one.offset for one in header.signals] == [n or 0 for n in expected.byte_offset]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return tmp_path_factory.mktemp("headers") / "s1"


@given(text=ordinary_headers())
def test_ordinary_headers_are_read_as_wfdb_reads_them(record, text):
    record.with_suffix(".hea").write_bytes(text.encode())
    assert_as_wfdb(parse_header(text.encode()), record)


@given(
    text=st.one_of(st.just(ORDINARY), ordinary_headers()),
    place=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 300),
    instead=st.binary(max_size=6),
)
def test_damaged_headers_are_read_or_refused_in_words(text, place, length, instead):
    raw, start = text.encode(), int(place * len(text))
    with suppress(ValueError):  # and no other error
        header = parse_header(raw[:start] + instead + raw[start + length :])
        assert header.signals or header.segments


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("s1 2", "s1/2 2", "the segment line 's1.dat 16 200"),
        ("s1 2", "s1/3 2", "it states 3 segments and describes 2"),
        ("s1 2 ", "s1 3 ", "states 3 signals and describes 2"),
        ("s1 2 ", "s1 1 ", "states 1 signals and describes 2"),
        ("s1 2 ", "s1 2000 ", "states 2000 signals; expected at most 1024"),
        ("s1 2 ", "#1 2 ", "states 16 signals and describes 1"),
        (ORDINARY, "# only a comment", "only comments"),
        (" 16 200", " 16x0 200", "0 samples per frame"),
        (ORDINARY[34:], "s1.dat", "states 2 signals and describes 1"),
        (ORDINARY[34:], "s1.dat\ns1.dat", "signal line 's1.dat' cannot be read"),
        (" 500 ", " fast ", "first line is 's1 2 fast"),
        ("mV", "m\0V", "zero byte"),
        ("mV", "m" * 5000, "characters"),
    ],
)
def test_headers_that_cannot_be_understood_are_refused(old, new, reason):
    with pytest.raises(ValueError, match=reason):
        parse_header(ORDINARY.replace(old, new, 1).encode())


@pytest.mark.parametrize("name", ["患者1", "Ä1", "A\u03081", "my record", "50%", "a#b", "a b 1.2"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_are_read_as_they_are_written(name, encoding):
    text = ORDINARY.replace("s1", name).replace("/mV", "/µV").replace("# Age", " # Größe")
    if encoding == "utf-16":
        with pytest.raises(ValueError, match="zero byte"):
            parse_header(text.encode(encoding))
        return
    header = parse_header(text.encode(encoding))
    assert [signal.file for signal in header.signals] == [f"{name}.dat"] * 2
    assert [signal.unit for signal in header.signals] == ["µV", "µV"]
    assert header.comments == ("Größe: 61",)


def test_text_that_is_no_utf_8_is_read_as_latin_1():
    header = parse_header(ORDINARY.replace("s1", "Ä1").replace("/mV", "/µV").encode("latin-1"))
    assert (header.signals[0].file, header.signals[0].unit) == ("Ä1.dat", "µV")


@pytest.mark.parametrize("time", ["9:54:32", "54:32", "09:54:32.250"])
def test_times_are_read_with_and_without_hours_and_fractions(record, time):
    raw = ORDINARY.replace("09:54:32", time).encode()
    record.with_suffix(".hea").write_bytes(raw)
    assert parse_header(raw).recorded == load_wfdb().rdheader(str(record)).base_datetime


def test_a_date_that_does_not_exist_is_kept_as_text():
    header = parse_header(ORDINARY.replace("23/07", "31/02").encode())
    assert header.recorded is None
    assert header.recorded_text == "09:54:32 31/02/2180"


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["brugada_huca", "ludb", "cinc2021", "mimic_iv_demo/ecg"])
def test_real_headers_are_read_as_wfdb_reads_them(real_data, folder):
    for path in sorted((real_data / folder).rglob("*.hea")):
        assert_as_wfdb(parse_header(path.read_bytes()), path.with_suffix(""))
