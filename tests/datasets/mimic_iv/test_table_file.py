"""Tables in other spellings of CSV and in Parquet: read alike, or refused with their place."""

import gzip
import io
import os
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets._mimic_iv._table_file import MISSING, TableFile
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import RecordReadError
from tests.datasets.mimic_iv.conftest import TABLES

LABS = TABLES["hosp/labevents"]
HEADER, FIRST_ROW = LABS.splitlines()[:2]


def read(folder, data, kinds, name="t.csv"):
    """Read a table of the module ``m`` as `load_mimic_iv` does."""
    (folder / name).write_bytes(data)
    with MimicTables({"m": folder}, "1GB", threads=1) as tables:
        tables.view("m", "t", kinds)
        return tables.query(f"SELECT {', '.join(kinds)} FROM t ORDER BY ALL")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: text + b"\n\n",
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"number,", b'"Number ",', 1),
        lambda text: text.replace(b"1,", b'"1",'),
        lambda text: text.replace(b"number,text", b"x,Number,TEXT").replace(b"\n", b"\n0,")[:-2],
    ],
    ids=["crlf", "no line end", "blank lines", "byte order mark", "quotes", "quoted", "names"],
)
def test_spellings_of_csv_are_read_alike(tmp_path, change):
    text = b'number,text\n1,a b\n2,"c, ""d"""\n3,#e\n'
    kinds = {"number": "BIGINT", "text": "VARCHAR"}
    read_back = read(tmp_path, change(text), kinds)
    assert read_back["number"].tolist() == [1, 2, 3]
    assert read_back["text"].tolist() == ["a b", 'c, "d"', "#e"]


def test_first_quoted_comma_late_in_a_table_is_read(tmp_path):
    rows = [f"{number},plain" for number in range(25_000)] + ['25000,"fasting, 70-100"']
    data = gzip.compress("\n".join(["number,text", *rows, ""]).encode())
    back = read(tmp_path, data, {"number": "BIGINT", "text": "VARCHAR"}, "t.csv.gz")
    assert len(back) == 25_001
    assert back["text"].iloc[-1] == "fasting, 70-100"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"t\.csv is empty"),
        (b"number;text\n1;a\n", r"t\.csv, line 1: expected commas .* semicolons"),
        (b"number\ttext\n1\ta\n", r"t\.csv, line 1: expected commas .* tabs"),
        (b"n\xe4me,number,text\n1,1,a\n", r"t\.csv, line 1, is not UTF-8.*iconv"),
        (b"number,text\n1,a\n2,\xe4\n", r"t\.csv, line 3, is not UTF-8.*iconv"),
        (b"number,text\n1,a\n2\n", r"t\.csv, line 3: expected 2 columns .* got 1"),
        (b"number,text\n1,a\n2,b,c\n", r"t\.csv, line 3: expected 2 columns .* got 3"),
        (b'number,text\n1,"a\n2,b\n', r"t\.csv, line 2: a quoted field does not end"),
        (b"number,text\n1,a\r\n2,b\n", r"t\.csv: line ends or quotes"),
        (b"number,text\n1,a\nP2,b\n", r"t\.csv, line 3, column number: 'P2' does not"),
        (b"number,text\n1,a\n100.6,b\n", r"t\.csv, line 3, column number: '100\.6' does not"),
        (b'number,text\n1,"a\nb"\n2.5,b\n', r"t\.csv, line 4, column number: '2\.5' does not"),
        (b"number,NUMBER,text\n1,1,a\n", r"t\.csv has 2 columns called number: 'number', 'NUMBER'"),
    ],
)
def test_damaged_csv_is_an_error_with_its_place(tmp_path, data, message):
    with pytest.raises(RecordReadError, match=message) as caught:
        read(tmp_path, data, {"number": "BIGINT", "text": "VARCHAR"})
    assert "Original Line" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
@pytest.mark.parametrize("kept", [0.0, 0.4, 0.99])
def test_cut_file_is_an_error_with_its_name(tmp_path, suffix, kept):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"number": rng.integers(10**9, size=2_000), "text": "a"})
    buffer = io.BytesIO()
    if suffix == ".parquet":
        frame.to_parquet(buffer)
    else:
        buffer.write(gzip.compress(frame.to_csv(index=False).encode()))
    data = buffer.getvalue()
    with pytest.raises(RecordReadError, match=r"t\.(csv\.gz|parquet)"):
        read(
            tmp_path,
            data[: int(kept * len(data))],
            {"number": "BIGINT", "text": "VARCHAR"},
            f"t{suffix}",
        )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_text_for_missing_is_missing_in_every_kind_of_column(tmp_path, suffix):
    kinds = {"i": "BIGINT", "d": "DOUBLE", "t": "TIMESTAMP", "v": "VARCHAR"}
    frame = pd.DataFrame({name: [*MISSING[1:], "1" * (name != "t")] for name in kinds})
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    back = read(tmp_path, path.read_bytes(), kinds, path.name)
    assert back.notna().sum().tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2150-01-10 12:00:00", "2150-01-10 12:00"),
        ("2150-01-10T12:00:00Z", "2150-01-10 12:00"),
        ("2150-01-10 12:00:00+00:00", "2150-01-10 12:00"),
        ("2150-01-10 12:00", "2150-01-10 12:00"),
        ("2150-01-10", "2150-01-10"),
        ("2150-01-10 12:00:00-05:00", None),
        ("2150-01-10 12:00-05", None),
        ("2150-01-10 12:00:00 EST", None),
        ("2150-01-10 01:00 PM", None),
        ("10.01.2150 12:00", None),
    ],
)
def test_time_is_read_without_zone_or_refused(tmp_path, text, expected):
    data = f"t,n\n{text},1\n".encode()
    if expected is None:
        with pytest.raises(RecordReadError, match=r"t\.csv, line 2, column t: .* zone or in UTC"):
            read(tmp_path, data, {"t": "TIMESTAMP"})
    else:
        assert read(tmp_path, data, {"t": "TIMESTAMP"})["t"].tolist() == [pd.Timestamp(expected)]


@pytest.mark.parametrize("text", ["5,6", "1.234,5", "1,234", " 5,6 ", "-5,6"])
def test_decimal_comma_is_refused_with_its_place(tmp_path, text):
    data = f'x\n1.5\n"{text}"\n'.encode()
    with pytest.raises(RecordReadError, match=r"t\.csv, line 3, column x: .*decimal point"):
        read(tmp_path, data, {"x": "DOUBLE"})


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=8)


@settings(max_examples=8, deadline=None)
@given(cells=st.lists(CELLS, min_size=1, max_size=60), zipped=st.booleans())
def test_any_text_is_read_as_pandas_wrote_it(tmp_path_factory, cells, zipped):
    folder = tmp_path_factory.mktemp("table")
    name = "t.csv.gz" if zipped else "t.csv"
    frame = pd.DataFrame({"row": range(len(cells)), "text": cells})
    frame.to_csv(folder / name, index=False)
    back = read(folder, (folder / name).read_bytes(), {"row": "BIGINT", "text": "VARCHAR"}, name)
    assert back["text"].fillna("").tolist() == ["" if cell in MISSING else cell for cell in cells]


def to_parquet(hospital, name, zone=None, utc=True):
    """Write a table as Parquet with typed times, in a zone if one is given."""
    frame = pd.read_csv(io.StringIO(TABLES[name]))
    for column in frame.columns[frame.columns.str.contains("time")]:
        times = pd.to_datetime(frame[column])
        if zone is not None:
            times = times.dt.tz_localize("UTC").dt.tz_convert(zone)
        frame[column] = times
    hospital.path(name).unlink()
    frame.to_parquet(hospital.folder / f"{name}.parquet")


@pytest.fixture
def zone_of_machine(monkeypatch):
    def change(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


TIMED = [name for name, text in TABLES.items() if "time" in text.split("\n", 1)[0]]


@pytest.mark.parametrize(
    ("machine", "tables", "zone"),
    [
        ("America/New_York", ["hosp/labevents"], "UTC"),
        ("Asia/Tokyo", ["hosp/labevents"], "UTC"),
        ("Asia/Tokyo", TIMED, "Europe/Berlin"),
    ],
)
def test_cohort_does_not_depend_on_the_zone_of_the_machine(
    hospital, zone_of_machine, machine, tables, zone
):
    expected = hospital.load()
    for name in tables:
        to_parquet(hospital, name, zone)
    zone_of_machine(machine)
    assert os.environ["TZ"] == machine
    cohort = hospital.load()
    pd.testing.assert_frame_equal(cohort.X.drop(columns="ecg"), expected.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(cohort.labs, expected.labs)
    pd.testing.assert_series_equal(cohort.ecg_time, expected.ecg_time)


def test_times_in_another_zone_among_times_without_one_are_refused(hospital):
    to_parquet(hospital, "hosp/labevents", "America/New_York")
    with pytest.raises(RecordReadError, match=r"labevents\.parquet.*zone America/New_York"):
        hospital.load()


def test_decimal_commas_of_laboratory_values_are_refused(hospital):
    hospital.write("hosp/labevents", LABS.replace("30:00,5.6,", '30:00,"5,6",', 1))
    message = r"labevents\.csv\.gz, line 2, column valuenum: '5,6'.*decimal point"
    with pytest.raises(RecordReadError, match=message):
        hospital.load()


def test_texts_that_are_no_numbers_are_counted(hospital):
    hospital.write(
        "hosp/labevents", LABS.replace("30:00,5.6,mEq/L,3.3", "30:00,<0.3,mEq/L,ca. 3", 1)
    )
    hospital.rewrite("ed/triage", "98.6", "warm")
    hospital.rewrite("hosp/omr", "(Lbs),150", "(Lbs),68 kg")
    with pytest.warns(UserWarning, match=r"1 of labevents\.valuenum"):
        cohort = hospital.load()
    assert cohort.lab_counts.loc["potassium", "not_a_number"] == 1
    assert cohort.unread["n"].to_dict() == {
        ("omr", "result_value"): 1,
        ("triage", "temperature"): 1,
        ("labevents", "valuenum"): 1,
        ("labevents", "ref_range_lower"): 1,
    }
    assert "Not readable: 1 cells of labevents.valuenum." in cohort.DESCR


def test_spellings_of_sex(hospital):
    hospital.rewrite("hosp/patients", "10,F", "10,female ")
    assert hospital.load().X["sex"].tolist() == ["F", "F", "M"]
    hospital.rewrite("hosp/patients", "20,M", "20,x")
    with pytest.warns(UserWarning, match=r"1 of patients\.gender"):
        cohort = hospital.load()
    assert cohort.X["sex"].isna().tolist() == [False, False, True]
    assert cohort.unread["n"].to_dict() == {("patients", "gender"): 1}


def test_patient_with_two_rows_is_refused(hospital):
    hospital.rewrite("hosp/patients", "20,M", "10,F,61,2150\n20,M")
    with pytest.raises(RecordReadError, match=r"one row for each subject_id .* 10 has 2"):
        hospital.load()


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("ecg/record_list", "10,1,1,2150-01-10 12:00:00,a\n", r"each study_id .* 1 has 2"),
        ("ecg/record_list", ",4,4,2150-01-10 12:00:00,a\n", "subject_id .* missing in 1 of 4"),
        ("ecg/record_list", "10,4,4,2150-01-10 12:00:00,\n", "path .* missing in 1 of 4"),
        ("hosp/d_labitems", "50971,Potassium,Blood,Chemistry\n", "each itemid .* 50971 has 2"),
    ],
)
def test_repeated_and_missing_keys_are_refused(hospital, table, row, message):
    hospital.write(table, TABLES[table] + row)
    with pytest.raises(RecordReadError, match=message):
        hospital.load()


def test_table_file_names_columns_and_their_zone(tmp_path):
    frame = pd.DataFrame({"T": pd.to_datetime(["2150-01-10"]).tz_localize("Etc/UTC"), "n": [1]})
    frame.to_parquet(tmp_path / "t.parquet")
    file = TableFile(tmp_path / "t.parquet")
    assert (file.find("t"), file.find("x"), file.zone("t"), file.zone("n")) == (
        '"T"',
        None,
        "UTC",
        None,
    )
