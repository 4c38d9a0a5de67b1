"""What windows, ranges, labels and splits of MIMIC-IV mean, on a tree of three ECGs."""

import gzip

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import build_mimic_iv_cohort, load_mimic_iv, read_cohort, write_cohort
from ecgsk.datasets._mimic_iv import _labs
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError, RecordReadError

# ECG 1: 2150-01-10 12:00, in a stay. ECG 2: same subject, years later, in no stay.
# ECG 3: another subject, in a stay coded in ICD-9.
RECORD_LIST = """subject_id,study_id,file_name,ecg_time,path
10,1,1,2150-01-10 12:00:00,files/p10/s1/1
10,2,2,2153-06-01 12:00:00,files/p10/s2/2
20,3,3,2150-03-05 08:00:00,files/p20/s3/3
"""
LABEVENTS = """\
labevent_id,subject_id,itemid,charttime,valuenum,valueuom,ref_range_lower,ref_range_upper
1,10,50971,2150-01-10 11:30:00,5.6,mEq/L,3.3,5.1
2,10,50971,2150-01-10 12:10:00,3.0,mEq/L,3.3,5.1
3,10,50971,2150-01-09 12:00:00,4.0,mEq/L,3.3,5.1
4,10,50822,2150-01-10 11:30:00,5.0,mEq/L,3.3,5.1
5,10,50983,2150-01-09 11:59:59,140,mEq/L,133,145
6,10,50813,2150-01-10 12:00:00,2.5,mmol/L,,2.0
7,10,50912,2150-01-10 11:00:00,80,umol/L,50,120
8,10,50931,2150-01-10 11:00:00,999999,mg/dL,70,105
9,10,51006,2150-01-10 11:30:00,,mg/dL,6,20
10,20,50971,2150-03-05 08:20:00,5.3,mmol/L,3.5,5.5
11,20,50882,2150-03-05 07:40:00,20,,22,32
"""
TABLES = {
    "ecg/record_list": RECORD_LIST,
    "hosp/labevents": LABEVENTS,
    "hosp/d_labitems": """itemid,label,fluid,category
50971,Potassium,Blood,Chemistry
50822,"Potassium, Whole Blood",Blood,Blood Gas
50983,Sodium,Blood,Chemistry
50813,Lactate,Blood,Blood Gas
50912,Creatinine,Blood,Chemistry
50931,Glucose,Blood,Chemistry
51006,Urea Nitrogen,Blood,Chemistry
50882,Bicarbonate,Urine,Chemistry
""",
    "hosp/patients": """subject_id,gender,anchor_age,anchor_year
10,F,60,2150
20,M,91,2149
""",
    "hosp/omr": """subject_id,chartdate,seq_num,result_name,result_value
10,2150-01-10,1,Weight (Lbs),150
10,2150-01-08,1,Weight (Lbs),160
10,2150-01-08,1,Height (Inches),65
10,2150-02-20,1,BMI (kg/m2),20
20,2150-03-01,1,Weight (Lbs),0
20,2150-03-01,1,BMI (kg/m2),31.5
20,2150-03-01,1,Blood Pressure,120/80
""",
    "hosp/admissions": """subject_id,hadm_id,admittime,dischtime
10,100,2150-01-10 10:00:00,2150-01-15 10:00:00
20,200,2150-03-05 07:00:00,2150-03-09 10:00:00
""",
    "hosp/diagnoses_icd": """subject_id,hadm_id,seq_num,icd_code,icd_version
10,100,1,I4801,10
10,100,2,X58XXXA,10
20,200,1,42731,9
""",
    "ed/edstays": """subject_id,hadm_id,stay_id,intime,outtime
10,100,1000,2150-01-10 08:00:00,2150-01-10 10:00:00
""",
    "ed/triage": """subject_id,stay_id,temperature,heartrate,resprate,o2sat,sbp,dbp,acuity
10,1000,98.6,110,18,97,150,90,2
""",
    "ed/vitalsign": """subject_id,stay_id,charttime,temperature,heartrate,resprate,o2sat,sbp,dbp
10,1000,2150-01-10 09:00:00,,100,0,96,,
10,1000,2150-01-10 12:30:00,104,150,30,80,80,40
""",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in TABLES.items():
        path = tmp_path / f"{name}.csv.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    (tmp_path / "ecg" / "record_list.csv.gz").rename(tmp_path / "ecg" / "moved")
    (tmp_path / "ecg" / "record_list.csv").write_text(RECORD_LIST)
    for path in ("p10/s1/1", "p10/s2/2", "p20/s3/3"):
        write_record(tmp_path / "ecg" / "files" / path)
    return tmp_path


def write_record(path):
    """Write MIMIC's format by hand: 12 leads at gain 200, aVF before aVL."""
    leads = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]
    path.parent.mkdir(parents=True)
    signals = [f"{path.name}.dat 16 200.0(0)/mV 16 0 0 0 0 {lead}" for lead in leads]
    header = "\n".join([f"{path.name} 12 500 100", *signals, ""])
    path.with_suffix(".hea").write_text(header)
    np.tile(np.arange(12, dtype="<i2") * 200, 100).tofile(path.with_suffix(".dat"))


def load(tree, **parameters):
    defaults = {"ecg": tree / "ecg", "hosp": tree / "hosp", "ed": tree / "ed", "min_count": 1}
    return load_mimic_iv(**(defaults | parameters))


def rewrite(tree, name, old, new):
    text = TABLES[name].replace(old, new)
    assert text != TABLES[name]
    (tree / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


def values(series):
    return [None if pd.isna(value) else value for value in series]


def test_signals_by_lead_name(tree):
    ecg = load(tree).X["ecg"]
    assert ecg.ecg.to_numpy()[:, 4:6, 0].tolist() == [[5, 4]] * 3  # aVL, aVF


def test_inputs_are_the_latest_value_before_the_ecg(tree):
    X = load(tree).X
    # 11:30 beats the day before; of two at 11:30 the list's first item; 12:10 is the future.
    assert values(X["potassium"]) == [5.6, None, None]
    assert values(X["lactate"]) == [2.5, None, None]  # at the very time of the ECG
    assert "sodium" not in X  # one second too old
    assert load(tree, lab_window="48h").X["sodium"][0] == 140
    assert load(tree, lab_window=("-48h", "-1h")).X["potassium"][0] == 4.0


def test_inputs_later_than_the_ecg_are_refused_unless_asked_for(tree):
    with pytest.raises(ECGError, match=r"lab_window ends 3600 s after the ECG.*time_leak='allow'"):
        load(tree, lab_window=("-1h", "1h"))
    with pytest.raises(ECGError, match="vitals_window ends 60 s after the ECG"):
        load(tree, vitals_window=("-1h", "1min"))
    X = load(tree, lab_window=("-1h", "1h"), time_leak="allow").X
    assert values(X["potassium"]) == [3.0, None, 5.3]
    with pytest.raises(ECGError, match="'error' or 'allow', got 'no'"):
        load(tree, time_leak="no")


def test_targets_are_the_nearest_value_on_either_side(tree):
    cohort = load(tree)
    assert values(cohort.labs["potassium"]) == [3.0, None, 5.3]
    # Each against its own row's range: 5.3 is high by 3.3-5.1 but not by 3.5-5.5.
    assert values(cohort.lab_abnormalities["potassium low"]) == [1, None, 0]
    assert values(cohort.lab_abnormalities["potassium high"]) == [0, None, 0]
    assert values(cohort.lab_abnormalities["lactate high"]) == [1, None, None]
    assert "lactate low" not in cohort.lab_abnormalities
    ranges = cohort.reference_ranges
    assert ranges.loc["potassium"].tolist() == [3.3, 5.1, "mEq/L"]
    assert np.isnan(ranges.loc["lactate", "low"])


def test_values_of_other_units_or_beyond_limits_are_left_out_and_counted(tree):
    cohort = load(tree)
    assert not {"creatinine", "glucose", "urea_nitrogen", "bicarbonate"} & set(cohort.X.columns)
    assert cohort.lab_counts.loc["creatinine"].tolist() == [1, 1, 0]
    assert cohort.lab_counts.loc["glucose"].tolist() == [1, 0, 1]
    assert cohort.lab_counts.loc["bicarbonate"].tolist() == [0, 0, 0]  # urine here
    assert "1 laboratory values in another unit, 1 implausible" in cohort.DESCR


def test_laboratories_of_one_s_own(tree):
    assert "lactate" not in load(tree, labs=["potassium"]).X
    own = pd.DataFrame(
        {"itemid": [50912], "name": "creatinine_si", "fluid": "Blood", "unit": "umol/L"}
    ).assign(other_units="", low=np.nan, high=np.nan)
    assert values(load(tree, labs=own).X["creatinine_si"]) == [80, None, None]
    with pytest.raises(ECGError, match="unknown laboratory kryptonite in labs="):
        load(tree, labs=["kryptonite"])
    with pytest.raises(ECGError, match="lacks the column high"):
        load(tree, labs=own.drop(columns="high"))
    with pytest.raises(ECGError, match="laboratory name 'age' is taken"):
        load(tree, labs=own.assign(name="age"))


def test_vital_signs(tree):
    X = load(tree).X
    assert values(X["heart_rate"]) == [100, None, None]  # triage is older, 12:30 the future
    assert values(X["respiratory_rate"]) == [18, None, None]  # 0 is implausible: triage's
    np.testing.assert_allclose(X["temperature"][0], 37.0)
    assert values(X["acuity"]) == [2, None, None]
    assert "heart_rate" not in load(tree, ed=None).X


def test_age_and_body(tree):
    X = load(tree).X
    assert X["age"].tolist() == [60, 63, 92]
    assert X["sex"].tolist() == ["F", "F", "M"]
    np.testing.assert_allclose(X["weight"], [150 * 0.45359237, np.nan, np.nan])
    np.testing.assert_allclose(X["height"], [165.1, np.nan, np.nan])
    np.testing.assert_allclose(X["bmi"], [150 * 0.45359237 / 1.651**2, np.nan, 31.5])
    # Dates have no times: a window that ends at the ECG leaves out the ECG's own day.
    earlier = load(tree, biometrics_window=("-30D", "0D")).X
    assert earlier["weight"][0] == pytest.approx(160 * 0.45359237)


def test_labels_and_those_who_have_none(tree):
    cohort = load(tree, icd_digits=5)
    assert cohort.Y.columns.tolist() == ["I48", "I480", "I4801", "X58"]
    assert cohort.Y.loc[0].tolist() == [1, 1, 1, 1]
    assert cohort.Y.loc[1:].isna().all(axis=None)
    assert "2 records have no known diagnosis and are NaN, 1 of them coded in ICD-9" in cohort.DESCR
    assert load(tree, icd_digits=3).Y.columns.tolist() == ["I48", "X58"]
    with pytest.raises(ECGError, match="icd_digits must be 3 to 7, got 2"):
        load(tree, icd_digits=2)
    with pytest.raises(ECGError, match="has min_count=2 ECGs; the most frequent has 1"):
        load(tree, min_count=2)
    with pytest.raises(ECGError, match=r"diagnoses='all_diag_all' is neither .*file is absent"):
        load(tree, diagnoses="all_diag_all")


def test_labels_and_folds_of_the_extension(tree):
    (tree / "ecg" / "records_w_diag_icd10.csv").write_text(
        "study_id,all_diag_all,strat_fold\n1,\"['I48.01', 'E119']\",7\n2,[],7\n3,\"['I10']\",3\n"
    )
    cohort = load(tree, icd_digits=4)
    assert cohort.Y.columns.tolist() == ["E11", "E119", "I10", "I48", "I480"]
    assert values(cohort.Y["I480"]) == [1, None, 0]
    assert cohort.folds.tolist() == [7, 7, 3]
    assert load(tree, diagnoses="diagnoses_icd").Y.shape == (3, 4)
    with pytest.raises(ECGError, match="diagnoses='ed_diag_ed' is neither"):
        build(tree, setting="ed")  # the column of that setting


def test_folds_are_drawn_by_subject(tree):
    cohort = load(tree)
    assert cohort.folds[0] == cohort.folds[1] != cohort.folds[2]
    assert cohort.groups.tolist() == [10, 10, 20]


def test_broken_record_loses_no_other(tree):
    (tree / "ecg" / "files" / "p10" / "s2" / "2.dat").unlink()
    with pytest.warns(UserWarning, match="build_mimic_iv_cohort: left out 1 of 3 records"):
        cohort = load(tree)
    assert cohort.study_id.tolist() == [1, 3]
    assert values(cohort.labs["potassium"]) == [3.0, 5.3]
    assert cohort.broken[0]["record"] == "files/p10/s2/2"
    with pytest.raises(RecordReadError, match="is absent"):
        load(tree, errors="raise")


def test_it_survives_a_folder(tree, tmp_path):
    cohort = load(tree)
    again = read_cohort(write_cohort(cohort, tmp_path / "cohort"))
    pd.testing.assert_frame_equal(again.X.drop(columns="ecg"), cohort.X.drop(columns="ecg"))
    for name in ("Y", "labs", "lab_abnormalities", "reference_ranges"):
        pd.testing.assert_frame_equal(again[name], cohort[name])
    for name in ("ecg_time", "study_id", "folds"):
        pd.testing.assert_series_equal(again[name], cohort[name])
    X, Y = load(tree, return_X_y=True)
    assert X.shape == cohort.X.shape
    pd.testing.assert_frame_equal(Y, cohort.Y)


def test_bad_tables(tree):
    with pytest.raises(RecordReadError, match=r"hosp='.*nowhere' is no folder"):
        load(tree, hosp=tree / "nowhere")
    with pytest.raises(ECGError, match=r"lab_window='soon' is no time: .*such as '24h'"):
        load(tree, lab_window="soon")
    with pytest.raises(ECGError, match="ends before it starts"):
        load(tree, target_window=("1h", "-1h"))
    rewrite(tree, "hosp/patients", "10,F,60,2150", "10,F,60,2150\nten,F,60,2150")
    with pytest.raises(RecordReadError, match=r"has not the type .*ten"):
        load(tree)
    rewrite(tree, "hosp/patients", "anchor_age", "age")
    with pytest.raises(RecordReadError, match=r"patients\.csv\.gz lacks the column anchor_age"):
        load(tree)
    (tree / "hosp" / "patients.csv.gz").unlink()
    with pytest.raises(RecordReadError, match=r"expected patients\.csv\.gz or patients\.csv in"):
        load(tree)


def build(tree, **parameters):
    defaults = {"ecg": tree / "ecg", "hosp": tree / "hosp", "ed": tree / "ed", "min_count": 1}
    return build_mimic_iv_cohort(**(defaults | parameters))


def test_aggregates_of_the_inputs(tree):
    names = ["nearest", "first", "last", "min", "max", "mean", "slope"]
    X = build(tree, lab_window="24h", lab_aggregates=names).X
    # 4.0 a day before; at 11:30 two values, of which the list's first counts as the last.
    expected = {"": 5.6, " first": 4.0, " last": 5.6, " min": 4.0, " max": 5.6}
    expected |= {" mean": (4.0 + 5.6 + 5.0) / 3}
    expected |= {" slope": np.polyfit([-24, -0.5, -0.5], [4.0, 5.6, 5.0], 1)[0]}
    for name, value in expected.items():
        np.testing.assert_allclose(X["potassium" + name], [value, np.nan, np.nan])
    assert "lactate mean" in X
    assert "lactate slope" not in X  # one value has none
    assert "potassium" not in build(tree, lab_aggregates="mean").X
    with pytest.raises(ECGError, match=r"lab_aggregates must be of nearest, first.* got 'median'"):
        build(tree, lab_aggregates="median")


def test_blocks_of_ecgs_make_no_difference(tree, monkeypatch):
    names = ["nearest", "slope"]
    whole = build(tree, lab_aggregates=names)
    monkeypatch.setattr(_labs, "_BLOCK", 1)
    blocks = build(tree, lab_aggregates=names)
    pd.testing.assert_frame_equal(blocks.X.drop(columns="ecg"), whole.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(blocks.lab_abnormalities, whole.lab_abnormalities)


def test_machine_measurements(tree):
    (tree / "ecg" / "machine_measurements.csv").write_text(
        "study_id,rr_interval,p_onset,p_end,qrs_onset,qrs_end,t_end,p_axis,qrs_axis,t_axis\n"
        "1,800,40,150,200,292,600,45,-30,32767\n"
        "3,65535,29999,29999,200,,29999,29999,29999,29999\n"
    )
    X = build(tree, machine_measurements=True).X
    expected = {"rr_interval": 800, "p_duration": 110, "pr_interval": 160, "qrs_duration": 92}
    expected |= {"qt_interval": 400, "p_axis": 45, "qrs_axis": -30}
    for name, value in expected.items():
        assert values(X[name]) == [value, None, None]
    assert "t_axis" not in X
    assert "rr_interval" not in build(tree).X


def test_icd_9_is_mapped_or_left(tree):
    cohort = build(tree)
    assert cohort.Y.columns.tolist() == ["I48", "I480", "I4801", "I489", "I4891", "X58"]
    assert values(cohort.Y["I4891"]) == [0, None, 1]
    assert "1 of 1 ICD-9 codes were mapped to ICD-10." in cohort.DESCR
    assert values(build(tree, icd9="leave").Y["I48"]) == [1, None, None]
    rewrite(tree, "hosp/diagnoses_icd", "42731", "V9999")
    cohort = build(tree)
    assert cohort.Y.loc[2].isna().all()
    assert "1 of them coded in ICD-9 alone. 0 of 1 ICD-9 codes were mapped" in cohort.DESCR


def test_whose_codes(tree):
    (tree / "ed" / "diagnosis.csv.gz").write_bytes(
        gzip.compress(b"stay_id,icd_code,icd_version\n1000,I10,10\n2000,R079,10\n")
    )
    rewrite(
        tree,
        "ed/edstays",
        "10:00:00\n",
        "10:00:00\n10,100,1000,2150-01-10 10:00:00,2150-01-10 13:00:00\n"
        "10,,2000,2153-06-01 11:00:00,2153-06-01 13:00:00\n",
    )
    assert build(tree, setting="ed").Y.columns.tolist() == ["I10", "R07", "R079"]
    assert values(build(tree, setting="hospital").Y["I48"]) == [1, None, 1]
    both = build(tree).Y  # the hospital's where there are any
    assert "I10" not in both
    assert values(both["R079"]) == [0, 1, 0]
    assert values(both["I48"]) == [1, 0, 1]
    with pytest.raises(
        ECGError, match="setting must be one of 'ed', 'hospital', 'both'; got 'icu'"
    ):
        build(tree, setting="icu")
    with pytest.raises(ECGError, match="icd9 must be one of"):
        build(tree, icd9="no")


def test_first_ecg_of_a_stay_outside_training(tree):
    later = "10,4,4,2150-01-11 12:00:00,files/p10/s4/4\n"
    (tree / "ecg" / "record_list.csv").write_text(RECORD_LIST + later)
    write_record(tree / "ecg" / "files" / "p10/s4/4")
    parts = {"split": (1, 1, 0), "stratify": False}
    sides = {tuple(build(tree, **parts, random_state=seed).study_id) for seed in range(5)}
    assert sides == {(1, 2, 3), (1, 2, 3, 4)}  # without the later one where 10 is validation
    cohort = build(tree, split=(1, 1, 0), first_per_stay=False)
    assert values(cohort.ecg_no_within_stay) == [0, None, 0, 1]
    assert set(cohort.split[cohort.groups == 10]) != set(cohort.split[cohort.groups == 20])
    left = build(tree, split=(1, 1, 0), random_state=0).flow
    assert left["left_out"].sum() == 4 - left.loc["in the cohort", "records"]
    with pytest.raises(ECGError, match=r"split must be three numbers of folds.* got \(18, 2\)"):
        build(tree, split=(18, 2))


def test_parquet_is_read_as_csv_is(tree):
    expected = build(tree)
    for number, name in enumerate(TABLES):
        path = tree / f"{name}.csv.gz"
        if path.exists():
            text = pd.read_csv(path, dtype=str if number % 2 else None)
            text.to_parquet(tree / f"{name}.parquet")
            path.unlink()
    found = build(tree)
    pd.testing.assert_frame_equal(found.X.drop(columns="ecg"), expected.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(found.labs, expected.labs)
    pd.testing.assert_frame_equal(found.Y, expected.Y)


def test_labevents_are_read_once(tree, monkeypatch):
    statements = []
    execute = MimicTables.execute

    def counting(tables, statement):
        statements.append(statement)
        execute(tables, statement)

    monkeypatch.setattr(MimicTables, "execute", counting)
    build(tree, lab_aggregates=["nearest", "mean", "slope"])
    assert sum("FROM labevents" in statement for statement in statements) == 1


def test_limits_of_the_database(tree, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert len(build(tree, memory_limit="500MB", threads=1, temp_directory=scratch).X) == 3
    assert not list(scratch.iterdir())
    with pytest.raises(ECGError, match=r"Raise memory_limit, or lower threads"):
        build(tree, memory_limit="20MB", temp_directory=scratch)
    with pytest.raises(ECGError, match="memory_limit='much' and threads=None do not suit DuckDB"):
        build(tree, memory_limit="much", temp_directory=scratch)
    assert not list(scratch.iterdir())
