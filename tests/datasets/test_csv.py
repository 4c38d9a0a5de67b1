"""A folder of recordings joined to one table by a declared key."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets import load_brugada_huca, load_csv, load_ludb
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io import ingest, read_ecg, write_ecg_folder
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from tests.io.formats.writers import (
    EIGHT,
    dicom_channel,
    dicom_group,
    make_digital,
    muse_waveform,
    write_dicom,
    write_muse,
    write_scp,
)

ROWS = """ecg_id,mrn,age,AF,class,potassium,discharged
1,0007,60,1,a,4.1,1
2,0007,61,0,"a
b",,0
10,0009,44,,,5.6,0
"""
ROLES = {
    "key": "ecg_id",
    "patient": "mrn",
    "labels": ["AF"],
    "statements": ["class"],
    "labs": ["potassium"],
    "drop": ["discharged"],
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, write_record_into):
    """Records 1, 2 and 10, in folders of their own."""
    root = tmp_path_factory.mktemp("recordings")
    for number in (1, 2, 10):
        write_record_into(root, f"p{number}/{number}", rate=100, comments=["Age: 50", "Sex: F"])
    return root


@pytest.fixture
def load(recordings, tmp_path):
    """Write a table and join it to the recordings, with other roles or options where given."""

    def call(text=ROWS, *, source=recordings, **options):
        path = tmp_path / "visits.csv"
        path.write_text(text, encoding="utf-8")
        return load_csv(source, path, **ROLES | options, progress=False)

    return call


def test_each_column_has_its_role(load):
    cohort = load(population="adults")
    assert list(cohort.X) == ["ecg", "age", "subject_id"]
    assert cohort.X.index.tolist() == ["p1/1", "p10/10", "p2/2"]
    assert cohort.X["age"].tolist() == [60, 44, 61]
    assert cohort.X["subject_id"].tolist() == ["0007", "0009", "0007"]
    assert cohort.Y["AF"].tolist() == pytest.approx([1, np.nan, 0], nan_ok=True)
    assert cohort.labs["potassium"].tolist() == pytest.approx([4.1, 5.6, np.nan], nan_ok=True)
    assert cohort.population == "adults"
    assert cohort.roles["role"].to_dict() == {
        "ecg_id": "key",
        "mrn": "patient",
        "age": "clinical",
        "AF": "label",
        "class": "statements",
        "potassium": "laboratory",
        "discharged": "dropped",
    }
    assert (cohort.records_left_out, cohort.rows_left_out, cohort.broken) == ([], [], [])


def test_values_of_statements_are_labels_and_a_record_without_any_is_not_labelled(load):
    Y = load().Y[["a", "b"]]
    assert Y.loc["p1/1"].tolist() == [1, 0]
    assert Y.loc["p2/2"].tolist() == [1, 1]
    assert Y.loc["p10/10"].isna().all()
    assert list(load(min_count=2).Y) == ["AF", "a"]


@pytest.mark.filterwarnings("ignore:join_table. 1 of 3 r")
def test_values_are_counted_in_the_records_that_were_found(load):
    rows = ROWS.replace("\n1,", "\n11,")
    assert list(load(rows, min_count=1).Y) == ["AF", "a", "b"]
    with pytest.raises(ECGError, match="no value of statements has min_count=2 records"):
        load(rows, min_count=2)


def test_one_column_may_be_given_as_text(load):
    again = load(labels="AF", statements="class", labs="potassium", drop="discharged")
    assert again.Y.equals(load().Y)


def test_x_alone_has_its_population(load):
    X, _ = load(population="adults", return_X_y=True)
    assert X.attrs["population"] == "adults"


def test_ranges_are_in_the_order_of_the_laboratories(load, tmp_path):
    (tmp_path / "ranges.csv").write_text(
        "laboratory,low,high,unit\nurea,1,2,x\npotassium,,5.1,mM\n"
    )
    ranges = load(ranges=tmp_path / "ranges.csv").reference_ranges
    assert ranges.index.tolist() == ["potassium"]
    assert ranges.iloc[0].tolist() == pytest.approx([np.nan, 5.1, "mM"], nan_ok=True)


def test_a_key_with_slashes_is_a_path_with_or_without_suffix(load):
    rows = (
        ROWS.replace("\n1,", "\np1/1.hea,").replace("\n2,", "\np2/2,").replace("\n10,", "\np10/10,")
    )
    assert load(rows).X.drop(columns="ecg").equals(load().X.drop(columns="ecg"))


def test_a_key_written_on_windows_is_a_path(load):
    rows = ROWS.replace("\n1,", "\np1\\1.hea,").replace("\n2,", "\np2\\2,")
    rows = rows.replace("\n10,", "\np10\\10,")
    assert load(rows).X.drop(columns="ecg").equals(load().X.drop(columns="ecg"))


def test_a_store_of_hospital_files_is_found_by_keys_without_suffix(load, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in (1, 2, 10):
        digital = make_digital(EIGHT, 1000, seed=number)
        write_muse(folder / f"{number}.XML", [muse_waveform("Rhythm", digital, "1")])
    store = ingest(folder, tmp_path / "store", progress=False)
    cohort = load(source=store)
    assert cohort.X.index.tolist() == ["1.XML", "10.XML", "2.XML"]
    assert cohort.X["age"].tolist() == [60, 44, 61]
    assert load(ROWS.replace("\n2,", "\n2.XML,"), source=store).X["age"].tolist() == [60, 44, 61]


@pytest.fixture
def hospital(tmp_path, write_record_into):
    """Recordings in four formats: a MUSE file, SCP-ECG, DICOM and WFDB, all of 2 s at 500 Hz."""
    folder = tmp_path / "in"
    (folder / "a").mkdir(parents=True)
    digital = {number: make_digital(EIGHT, 1000, seed=number) for number in (1, 2, 10)}
    write_muse(folder / "1.XML", [muse_waveform("Rhythm", digital[1], "1")])
    write_scp(folder / "a" / "2.scp", digital[2])
    channels = [dicom_channel(meaning=f"Lead {lead}") for lead in EIGHT]
    write_dicom(folder / "10.dcm", [dicom_group(np.array([*digital[10].values()]), channels)])
    write_record_into(folder, "0", seconds=2)
    return folder


def test_a_folder_of_any_formats_is_joined_without_an_ingest(load, hospital):
    cohort = load(ROWS + "0,0011,30,1,a,,\n", source=hospital, header_columns=["sex"])
    assert cohort.X.index.tolist() == ["0", "1.XML", "10.dcm", "a/2.scp"]
    assert cohort.X["age"].tolist() == [30, 60, 44, 61]
    for row, name in enumerate(cohort.X.index):
        expected = read_ecg(hospital / name, leads=STANDARD_12_LEADS).signal
        np.testing.assert_array_equal(cohort.X["ecg"].iloc[row].signal, expected)
    assert cohort.broken == []


@pytest.mark.filterwarnings("ignore:join_table. 1 of 4 records")
def test_rate_leads_and_length_hold_for_all_formats(load, hospital):
    cohort = load(source=hospital, leads=["II", "III"], sampling_rate=250, duration=1)
    assert str(cohort.X["ecg"].dtype) == "ecg[2x250, 250 Hz: II III]"
    stored = load(source=ingest(hospital, hospital.parent / "out", progress=False))
    assert stored.X.index.tolist() == cohort.X.index.tolist()


@pytest.mark.filterwarnings("ignore:read_ecgs. left out 1 records", "ignore:join_table")
def test_a_broken_file_of_any_format_is_listed_or_raised(load, hospital):
    (hospital / "1.XML").write_text("<RestingECG>")
    cohort = load(source=hospital)
    assert [one["record"] for one in cohort.broken] == ["1.XML"]
    assert set(cohort.broken[0]) == {"record", "reason"}
    with pytest.raises(RecordReadError, match=r"1\.XML: it cannot be read as GE MUSE XML"):
        load(source=hospital, errors="raise")


def test_arrays_are_joined_as_declared(load, tmp_path):
    (tmp_path / "in").mkdir()
    for number in (1, 2, 10):
        np.save(tmp_path / "in" / f"{number}.npy", [*make_digital(EIGHT, 500, number).values()])
    declared = {"leads": EIGHT, "sampling_rate": 250, "unit": "uV"}
    cohort = load(source=tmp_path / "in", **declared)
    expected = [*make_digital(EIGHT, 500, 10).values()]
    np.testing.assert_array_equal(np.rint(1000 * cohort.X["ecg"].iloc[1].signal), expected)
    with pytest.raises(RecordReadError, match=r"does not state the unit .* unit='uV'"):
        load(source=tmp_path / "in", **declared | {"unit": None})
    store = ingest(tmp_path / "in", tmp_path / "store", progress=False, **declared)
    with pytest.raises(ECGError, match=r"Leave out leads=, .* and unit="):
        load(source=store, unit="uV")


def test_file_names_that_repeat_need_a_path(load, write_record_into, tmp_path):
    for folder in "ab":
        write_record_into(tmp_path / "twice", f"{folder}/1", rate=100)
    with pytest.raises(ECGError, match=r"a/1 and b/1.*path within the folder"):
        load(source=tmp_path / "twice")


@pytest.mark.filterwarnings("ignore:join_table. 1 of 3 records")
def test_keys_without_a_partner_are_listed(load):
    cohort = load(ROWS.replace("\n10,", "\n11,"))
    assert (cohort.records_left_out, cohort.rows_left_out) == (["10"], ["11"])
    assert len(cohort.X) == 2
    with pytest.warns(UserWarning, match=r"1 of 3 rows have no record, such as '11'"):
        load(ROWS.replace("\n10,", "\n11,"))


def test_folds_of_a_column(load):
    rows = ROWS.replace("age", "fold").replace("61", "60")
    assert load(rows, fold="fold").folds.tolist() == [60, 44, 60]
    with pytest.raises(ECGError, match=r"whole number in every row of the fold column 'fold', got"):
        load(rows.replace("44", "4.5"), fold="fold")


def test_columns_of_headers_are_clinical_when_named(load):
    X = load(ROWS.replace("age", "years"), header_columns=["age", "sex"]).X
    assert list(X) == ["ecg", "age", "sex", "years", "subject_id"]
    assert X["age"].tolist() == [50, 50, 50]
    with pytest.raises(ECGError, match="both have the column 'age'"):
        load(header_columns=["age"])
    with pytest.raises(
        ECGError, match=r"recordings have no column 'weight'.*theirs are record, age"
    ):
        load(header_columns=["weight"])


def test_text_whose_every_value_is_a_number_becomes_numbers(load):
    rows = ROWS.replace(",60,", ',"60\n",').replace(",61,", ",>89,")
    assert load(rows).X["age"].tolist() == ["60", "44", ">89"]
    for values in ([">89"], ">89"):
        ages = load(rows, missing={"age": values}).X["age"]
        assert ages.tolist() == pytest.approx([60, 44, np.nan], nan_ok=True)
    ages = load(missing={"age": 60}).X["age"]
    assert ages.isna().sum() == 1


def test_a_parquet_table_is_read_as_the_same_csv_table(load, recordings, tmp_path):
    cohort = load()
    table = pd.read_csv(tmp_path / "visits.csv", dtype={"mrn": str})
    for name, frame in (("a.parquet", table), ("b.parquet", table.set_index("ecg_id"))):
        frame.to_parquet(tmp_path / name)
        again = load_csv(recordings, tmp_path / name, **ROLES, progress=False)
        assert again.X.drop(columns="ecg").equals(cohort.X.drop(columns="ecg"))
        assert again.Y.equals(cohort.Y)


@settings(max_examples=20)
@given(keys=st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True))
def test_a_store_finds_its_rows_in_any_order(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("store")
    ecg = ECGArray.from_numpy(
        np.ones((len(keys), 1, 10)), sampling_rate=10, leads=["II"], unit="mV"
    )
    frame = pd.DataFrame({"ecg": ecg}, index=pd.Index(keys, name="id"))
    write_ecg_folder(frame, folder, progress=False)
    rows = pd.DataFrame({"id": keys[::-1], "who": keys[::-1], "label": np.array(keys[::-1]) % 2})
    rows.to_csv(folder / "table.csv", index=False)
    X, Y = load_csv(
        folder, folder / "table.csv", key="id", patient="who", labels=["label"], return_X_y=True
    )
    assert X.index.tolist() == [str(key) for key in keys]
    assert X["subject_id"].tolist() == [str(key) for key in keys]
    assert Y["label"].tolist() == [key % 2 for key in keys]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "id"}, "no column 'id', named as key; its columns are ecg_id, mrn"),
        ({"labels": ["AF", "AF"]}, "'AF' is named as label and as label. Name it once"),
        ({"labs": ["AF"]}, "'AF' is named as label and as laboratory"),
        ({"patient": "AF"}, "'AF' is named as patient and as label"),
        ({"labels": ["age"]}, r"0, 1 or missing in the label 'age', got '60' in 1 rows"),
        ({"labels": ["class"], "statements": []}, "in the label 'class', got 'a' in 1 rows"),
        ({"labels": [], "labs": ["class"], "statements": []}, "finite numbers in 'class', got 'a'"),
        ({"missing": {"ages": ["1"]}}, "no column 'ages', named in missing"),
        ({"missing": {"age": ["99"]}}, "no cell of 'age' is 99"),
        ({"min_count": 9}, "no label has min_count=9"),
        ({"leads": ["II"], "source": "store"}, "stored folder, which has its own leads"),
    ],
)
def test_a_mistake_is_an_error_before_a_recording_is_read(
    load, recordings, tmp_path, options, message
):
    source = tmp_path / "absent"
    if options.pop("source", None):
        ecg = ECGArray.from_numpy(np.ones((1, 1, 10)), sampling_rate=10, leads=["II"], unit="mV")
        source = write_ecg_folder(pd.DataFrame({"ecg": ecg}), tmp_path / "store", progress=False)
    with pytest.raises(ECGError, match=message):
        load(source=source, **options)


@pytest.mark.parametrize("name", ["ecg", "subject_id"])
def test_a_clinical_column_may_not_have_the_name_of_ours(load, name):
    with pytest.raises(ECGError, match=f"clinical column '{name}'"):
        load(ROWS.replace("age", name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("laboratory,low\npotassium,1\n", "lacks the column high; expected laboratory, low, high"),
        ("laboratory,low,high\npotassium,1,2\npotassium,1,2\n", "several rows for 'potassium'"),
        ("laboratory,low,high\npotassium,1,x\n", "finite numbers in 'high', got 'x'"),
    ],
)
def test_ranges_with_a_mistake(load, tmp_path, text, message):
    (tmp_path / "ranges.csv").write_text(text)
    with pytest.raises(ECGError, match=message):
        load(ranges=tmp_path / "ranges.csv")


def test_a_table_that_cannot_be_read(recordings, tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    for name, message in (("absent.csv", "there is no file"), ("table.parquet", "as Parquet")):
        with pytest.raises(RecordReadError, match=message):
            load_csv(recordings, tmp_path / name, **ROLES)


def test_a_label_and_a_value_of_statements_may_not_share_a_name(load):
    with pytest.raises(ECGError, match="two labels are called 'AF'"):
        load(ROWS.replace("1,a,", "1,AF,"))


@pytest.mark.real_data
def test_ludb_by_its_table_is_the_cohort_of_its_loader(real_data):
    folder = real_data / "ludb"
    statements = pd.read_csv(folder / "ludb.csv", nrows=0).columns[3:]
    own = load_ludb(folder, progress=False)
    ages = {"Age": [">89"]} if (own.X["age"] == 90).any() else {}
    cohort = load_csv(
        folder / "data",
        folder / "ludb.csv",
        key="ID",
        patient="ID",
        statements=statements,
        missing=ages,
        progress=False,
    )
    own = _assert_same(cohort, own)
    assert cohort.X["Sex"].tolist() == own["sex"].tolist()


@pytest.mark.real_data
def test_brugada_by_its_table_is_the_cohort_of_its_loader(real_data):
    folder = real_data / "brugada_huca"
    cohort = load_csv(
        folder / "files",
        folder / "metadata.csv",
        key="patient_id",
        patient="patient_id",
        labels=["brugada", "basal_pattern", "sudden_death"],
        missing={"brugada": ["2"]},
        progress=False,
    )
    _assert_same(cohort, load_brugada_huca(folder, progress=False))


def _assert_same(cohort, own):
    """Assert that both have the same records and labels; return `own` in the order of `cohort`."""
    own = own.Y.join(own.X).set_axis(own.X.index.astype(str))
    names = cohort.X.index.str.rpartition("/").get_level_values(2)
    assert set(names) == set(own.index)
    own = own.loc[names]
    pd.testing.assert_frame_equal(own[cohort.Y.columns], cohort.Y.set_axis(own.index))
    for ours, theirs in zip(cohort.X["ecg"].array[:3], own["ecg"].array[:3], strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    return own
