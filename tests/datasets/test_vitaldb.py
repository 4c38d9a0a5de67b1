"""Loader of VitalDB on made cases, and on real rows and strips."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.datasets import load_vitaldb
from ecgsk.datasets._vitaldb._tables import LABORATORIES, nearest_results
from ecgsk.exceptions import ECGError, LeadMismatchError, RecordReadError

RANGES = """Parameter,Category,Description,Unit,Reference value
k,Chemistry,Potassium,mmol/L,3.5~5.5
be,ABGA,Base excess,mmol/L,-2.0~3.0
hb,CBC,Hemoglobin,g/dL,13~17
"""
CASES = """caseid,subjectid,casestart,caseend,age,sex,height,weight,bmi,asa,emop,preop_htn,\
preop_dm,icu_days,death_inhosp
1,70,0,120,>89,F,150,50,22.2,3,0,1,0,2,0
2,71,0,120,0.3,M,60,6,,1,1,0,0,0,1
3,70,0,120,90,F,150,50,22.2,3,0,1,0,0,0
"""
# Case, seconds, test, result.
LABS = [
    (1, -5000, "k", 3.9),
    (1, -5000, "hb", 12.0),
    (1, 20, "k", 5.9),
    (1, 20, "be", -3.0),
    (1, 90, "hb", 9.0),
    (2, 30, "k", 4.5),
    (2, 35, "k", 4.6),
    (3, 5000, "k", 4.0),
    (4, 20, "k", 4.0),
]


def beats(seconds=120, rate=500, phase=0.0):
    """Return a wave with one narrow peak a second, and a slower wave."""
    times = np.arange(seconds * rate) / rate
    peaks = np.exp(-(((times - phase) % 1 - 0.5) ** 2) / 0.0004)
    return (peaks + 0.1 * np.sin(2 * np.pi * 0.9 * times)).astype(np.float32)


@pytest.fixture(scope="module")
def leads():
    return {"SNUADC/ECG_II": beats(), "SNUADC/ECG_V5": beats(phase=0.1)}


@pytest.fixture
def write_case(tmp_path, write_vital, leads):
    """Write a case, by default without a fault."""

    def write(case, numbers=None, **changed):
        waves = {name: changed.pop(name[-2:].strip("_"), wave) for name, wave in leads.items()}
        waves = {name: wave for name, wave in waves.items() if wave is not None}
        write_vital(tmp_path / "vital_files" / f"{case:04}.vital", waves, numbers, **changed)

    return write


@pytest.fixture
def vitaldb(tmp_path, write_case):
    (tmp_path / "clinical_data.csv").write_text("\ufeff" + CASES, encoding="utf-8")
    (tmp_path / "lab_parameters.csv").write_text(RANGES)
    write_labs(tmp_path, LABS)
    numbers = {
        "Solar8000/HR": [(2.0, 60.0), (19.0, 61.0), (21.0, 99.0), (88.0, 0.0)],
        "Solar8000/NIBP_SBP": [(10.0, 120.0)],
        "Solar8000/ART_SBP": [(15.0, 118.0)],
    }
    write_case(1, numbers)
    write_case(2)
    return tmp_path


def write_labs(folder, rows):
    table = pd.DataFrame(rows, columns=["caseid", "dt", "name", "result"])
    table.to_csv(folder / "lab_data.csv", index=False)


def test_one_window_after_each_draw(vitaldb, leads):
    cohort = load_vitaldb(vitaldb)
    assert cohort.case_id.tolist() == [1, 1, 2]
    assert cohort.draw_time.tolist() == cohort.window_time.tolist() == [20, 90, 30]
    assert cohort.groups.tolist() == [70, 70, 71]
    assert str(cohort.X["ecg"].dtype) == "ecg[2x5000, 500 Hz: II V5]"
    expected = np.stack([wave[10_000:15_000] for wave in leads.values()])
    np.testing.assert_array_equal(cohort.X["ecg"].ecg.to_numpy()[0], expected)


def test_inputs_are_before_the_draw_and_targets_from_it_on(vitaldb):
    cohort = load_vitaldb(vitaldb)
    assert cohort.X["potassium"].tolist() == pytest.approx([3.9, 5.9, np.nan], nan_ok=True)
    assert cohort.labs["potassium"].tolist() == pytest.approx([5.9, np.nan, 4.5], nan_ok=True)
    assert cohort.X["haemoglobin"].tolist() == pytest.approx([12, 12, np.nan], nan_ok=True)
    assert cohort.labs["haemoglobin"].tolist() == pytest.approx([9, 9, np.nan], nan_ok=True)
    soon = load_vitaldb(vitaldb, target_window="30s", lab_window="1h")
    assert "haemoglobin" not in soon.X
    assert soon.labs["haemoglobin"].tolist() == pytest.approx([np.nan, 9, np.nan], nan_ok=True)


def test_no_input_was_measured_after_the_start_of_its_window(vitaldb, write_case):
    # A value is its own time: whatever reaches X must be before the window, and the draw.
    times = [-900, 3, 20, 21, 45, 46, 90, 119]
    write_labs(vitaldb, [(1, time, test, time) for time in times for test in ("k", "hb")])
    numbers = {"Solar8000/HR": [(time, time) for time in range(10, 120)]}
    write_case(1, numbers)
    cohort = load_vitaldb(vitaldb)
    assert len(cohort.X) > 3
    for name in ("potassium", "haemoglobin"):
        known = cohort.X[name].dropna()
        assert (known < cohort.draw_time[known.index]).all()
        assert (cohort.labs[name] >= cohort.draw_time).all()
    assert (cohort.draw_time <= cohort.window_time).all()
    pulse = cohort.X["heart_rate"].dropna()
    assert len(pulse)
    assert (pulse <= cohort.window_time[pulse.index]).all()


@given(
    draws=st.lists(st.integers(-3_000_000, 110), min_size=1, max_size=8, unique=True),
    starts_after=st.integers(0, 600),
    lab_days=st.integers(0, 40),
)
def test_results_are_inputs_or_targets_by_the_draw(draws, starts_after, lab_days):
    labs = pd.DataFrame({"caseid": 1, "dt": draws, "name": "k", "value": draws})
    windows = pd.DataFrame({"caseid": 1, "draw": draws}).astype({"draw": float})
    windows["start"] = windows["draw"].clip(lower=0) + starts_after
    before = np.nextafter(windows["draw"], -np.inf)
    first = windows["start"] - 86_400 * lab_days
    inputs = nearest_results(windows, labs, first, before).reindex(columns=["k"])["k"]
    targets = nearest_results(windows, labs, windows["draw"], windows["start"] + 3610)["k"]
    earlier = [[t for t in draws if f <= t < d] for d, f in zip(draws, first, strict=True)]
    expected = [max(times) if times else np.nan for times in earlier]
    np.testing.assert_array_equal(inputs, expected)
    assert (targets >= windows["draw"]).all()


def test_vital_signs_are_the_latest_plausible_ones_before_the_window(vitaldb):
    X = load_vitaldb(vitaldb).X
    assert X["heart_rate"].tolist() == pytest.approx([61, 99, np.nan], nan_ok=True)
    assert X["systolic_bp"].tolist() == pytest.approx([118, 118, np.nan], nan_ok=True)
    short = load_vitaldb(vitaldb, vitals_window="8s").X
    assert short["systolic_bp"].tolist() == pytest.approx([118, np.nan, np.nan], nan_ok=True)


def test_clinical_columns_and_outcomes(vitaldb):
    cohort = load_vitaldb(vitaldb)
    assert cohort.X["age"].tolist() == [90, 90, 0.3]
    assert cohort.X["sex"].tolist() == ["F", "F", "M"]
    assert cohort.X["emergency"].tolist() == [0, 0, 1]
    assert cohort.Y["death in hospital"].tolist() == [0, 0, 1]
    assert cohort.Y["intensive care"].tolist() == [1, 1, 0]


def test_reference_ranges_of_the_dictionary(vitaldb):
    ranges = load_vitaldb(vitaldb).reference_ranges
    assert ranges.loc["base_excess"].tolist() == [-2.0, 3.0, "mmol/L"]
    assert ranges.loc["potassium"].tolist() == [3.5, 5.5, "mmol/L"]


def test_flow_counts_what_was_left_out_by_rule(vitaldb):
    cohort = load_vitaldb(vitaldb)
    flow = cohort.flow
    # The draw at 35 s overlaps the window of that at 30 s; case 4 is not in the table of cases.
    assert flow["records"].tolist() == [6, 4, 4, 4, 4, 3]
    assert flow["subjects"].tolist() == [2, 2, 2, 2, 2, 2]
    assert flow["left_out"].tolist() == [0, 2, 0, 0, 0, 1]
    assert "1 draws, overlaps" in cohort.DESCR
    assert "CC BY 4.0" in cohort.DESCR


def test_window_is_the_first_clean_one_within_the_tolerance(vitaldb, write_case, leads):
    wave = leads["SNUADC/ECG_II"].copy()
    wave[10_000:13_000] = np.nan  # 20 to 26 s
    wave[15_100] = 7.0  # electrocautery at 30.2 s, until which no window is clean
    write_case(1, II=wave)
    cohort = load_vitaldb(vitaldb)
    assert cohort.window_time.tolist() == [31, 90, 30]
    assert load_vitaldb(vitaldb, max_amplitude=8).window_time.tolist() == [26, 90, 30]
    close = load_vitaldb(vitaldb, tolerance="5s")
    assert close.window_time.tolist() == [90, 30]
    assert close.flow.loc["with a clean window", "left_out"] == 1


def test_draw_shortly_before_the_recording(vitaldb):
    write_labs(vitaldb, [(1, -100, "k", 3.0), (1, -100, "hb", 11), (2, -700, "k", 3.0)])
    cohort = load_vitaldb(vitaldb)
    assert cohort.draw_time.tolist() == [-100]
    assert cohort.window_time.tolist() == [0]
    assert cohort.labs["potassium"].tolist() == [3.0]
    assert "potassium" not in cohort.X


def test_a_file_that_is_cut_is_listed(vitaldb):
    path = vitaldb / "vital_files" / "0002.vital"
    path.write_bytes(path.read_bytes()[:-3000])
    cohort = load_vitaldb(vitaldb)
    assert cohort.case_id.tolist() == [1, 1]
    assert [entry["record"] for entry in cohort.broken] == ["0002.vital"]
    with pytest.raises(RecordReadError, match=r"load_vitaldb: .*0002.vital cannot be read"):
        load_vitaldb(vitaldb, errors="raise")


def test_a_lead_that_is_absent_is_listed_unless_not_asked_for(vitaldb, write_case):
    write_case(2, V5=None)
    cohort = load_vitaldb(vitaldb)
    assert "no track SNUADC/ECG_V5" in cohort.broken[0]["reason"]
    assert load_vitaldb(vitaldb, leads=["II"]).case_id.tolist() == [1, 1, 2]


def test_another_sampling_rate_is_not_resampled(vitaldb, write_case):
    write_case(2, rate=250)
    assert "got 250 Hz" in load_vitaldb(vitaldb).broken[0]["reason"]


def test_results_in_parallel_are_the_same(vitaldb):
    one, two = load_vitaldb(vitaldb), load_vitaldb(vitaldb, n_jobs=2)
    pd.testing.assert_frame_equal(one.X.drop(columns="ecg"), two.X.drop(columns="ecg"))
    np.testing.assert_array_equal(one.X["ecg"].ecg.to_numpy(), two.X["ecg"].ecg.to_numpy())


def test_wrong_options_are_refused(vitaldb):
    with pytest.raises(LeadMismatchError, match="VitalDB has the leads II, V5; got V1"):
        load_vitaldb(vitaldb, leads=["V1"])
    with pytest.raises(ECGError, match="lab_window ends 60 s after the start"):
        load_vitaldb(vitaldb, lab_window=("-1h", "60s"))
    with pytest.raises(ECGError, match="expected max_amplitude above 0"):
        load_vitaldb(vitaldb, max_amplitude=-1)
    with pytest.raises(ECGError, match="tolerance='soon' is not a time"):
        load_vitaldb(vitaldb, tolerance="soon")


def test_only_some_cases(vitaldb):
    assert load_vitaldb(vitaldb, cases=[2]).case_id.tolist() == [2]
    with pytest.raises(ECGError, match=r"expected cases of clinical_data.csv, such as 1; got 9"):
        load_vitaldb(vitaldb, cases=[1, 9])


def test_no_file_says_what_is_missing(vitaldb):
    for path in vitaldb.rglob("*.vital"):
        path.unlink()
    with pytest.raises(RecordReadError, match=r"expected \.vital files of cases .* got 0 files"):
        load_vitaldb(vitaldb)


@pytest.mark.real_data
def test_real_cases_with_real_strips(real_data, tmp_path, write_vital):
    source = real_data / "vitaldb"
    for name in ("clinical_data.csv", "lab_parameters.csv"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    results = []
    for case in (337, 2040, 3098, 5377):
        strip = np.load(source / f"strips/case_{case}_ECG_II_500hz.npy")
        write_vital(tmp_path / f"{case}.vital", {"SNUADC/ECG_II": strip}, packed=True)
        results += [(case, -86_400, "k", 4.0), (case, 5, "k", 5.0)]
    write_labs(tmp_path, results)
    cohort = load_vitaldb(tmp_path, leads=["II"])
    assert len(cohort.reference_ranges) == 1
    assert cohort.labs["potassium"].tolist() == [5.0] * len(cohort.X)
    assert cohort.X["potassium"].tolist() == [4.0] * len(cohort.X)
    patients = pd.read_csv(source / "clinical_data.csv").set_index("caseid")["subjectid"]
    assert cohort.groups.tolist() == patients[cohort.case_id].tolist()
    for row, (case, time) in enumerate(zip(cohort.case_id, cohort.window_time, strict=True)):
        strip = np.load(source / f"strips/case_{case}_ECG_II_500hz.npy")
        first = int(time * 500)
        window = cohort.X["ecg"].ecg.to_numpy()[row, 0]
        np.testing.assert_array_equal(window, strip[first : first + 5000])


@pytest.mark.real_data
def test_every_test_of_the_dictionary_has_a_name(real_data):
    table = pd.read_csv(real_data / "vitaldb" / "lab_parameters.csv")
    assert set(table["Parameter"]) == set(LABORATORIES)
    assert len(set(LABORATORIES.values())) == 33
