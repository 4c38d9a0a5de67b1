"""Loader of MUSIC on records and a table in its layout."""

import numpy as np
import pytest

from ecgsk.datasets import load_music
from ecgsk.exceptions import DurationError, ECGError, RecordReadError, SignalQualityWarning
from ecgsk.preprocessing import cut_windows

# Names, blanks and quotes as in the database.
COLUMNS = """Patient ID;Follow-up period from enrollment (days);days_4years;Exit of the study;\
Cause of death;Age;Gender (male=1);Weight (kg);Height (cm);NYHA class;\
Diastolic blood  pressure (mmHg);Diabetes (yes=1);Anticoagulants/antitrombotics  (yes=1);\
Creatinine (?mol/L);Potassium (mEq/L);Pro-BNP (ng/L);Hig-resolution ECG available;ECG rhythm ;\
Holter available;Holter onset (hh:mm:ss);Number of ventricular premature contractions per hour"""
ROWS = """P0001;1900;1460;;0;72;1;80,5;170;2;80;1;0;112,5;4,3;850,25;1;0;1;'11:38:43';4,970,833,333
P0002;100;100;3;3;>89;0;61;NA;3;70;0;1;90;5.1;NA;1;0;1;NA;0
P0003;400;400;3;6;55;1;70;180;2;;0;0;80;4;100;1;0;1;NA;0
P0004;300;300;1;0;60;0;70;165;2;75;0;0;85;4,1;120;1;0;1;NA;0
P0005;200;200;3;1;61;1;70;166;2;75;0;0;86;4,2;130;1;0;0;NA;0
P0007;500;500;3;7;62;0;71;167;3;76;1;0;87;4,4;140;0;0;0;NA;0"""
CAUSES = ["death", "sudden cardiac death", "pump failure death", "non-cardiac death"]


@pytest.fixture
def music(tmp_path, write_record):
    write_table(tmp_path, ROWS)
    for patient in (1, 2, 3, 4, 5):
        write_record(f"High-resolution_ECG/P000{patient}_H", leads="XYZ", rate=1000, seconds=12)
    return tmp_path


def write_table(folder, rows):
    (folder / "subject-info.csv").write_text(f"{COLUMNS}\n{rows}\n", encoding="utf-8-sig")


def load(folder, **options):
    return load_music(folder, **{"start": 1, "duration": 10} | options)


def test_one_window_of_each_patient_with_a_recording(music, write_record):
    samples = write_record("High-resolution_ECG/P0002_H", leads="XYZ", rate=1000, seconds=12)
    cohort = load(music)
    assert cohort.X.index.tolist() == cohort.groups.tolist()
    assert cohort.X.index.tolist() == ["P0001", "P0002", "P0003", "P0004", "P0005"]
    assert str(cohort.X["ecg"].dtype) == "ecg[3x10000, 1000 Hz: VX VY VZ]"
    window = cohort.X["ecg"].ecg.to_numpy()[1]
    np.testing.assert_allclose(window, samples[:, 1000:11_000], atol=0.001)
    assert cohort.flow["records"].tolist() == [6, 5, 5]
    assert cohort.flow["left_out"].tolist() == [0, 1, 0]


def test_decimal_commas_ages_and_blanks_in_names(music):
    X = load(music).X
    assert X["weight"].tolist() == [80.5, 61, 70, 70, 70]
    assert X["age"].tolist() == [72, 90, 55, 60, 61]
    assert X["sex"].tolist() == ["M", "F", "M", "F", "M"]
    assert np.isnan(X.loc["P0002", "height"])
    assert X["diastolic_bp"].tolist() == pytest.approx([80, 70, np.nan, 75, 75], nan_ok=True)
    assert X["anticoagulants"].tolist() == [0, 1, 0, 0, 0]


def test_laboratory_values_are_targets_in_their_units(music):
    cohort = load(music)
    assert cohort.labs["creatinine"].tolist() == [112.5, 90, 80, 85, 86]
    assert cohort.labs["potassium"].tolist() == [4.3, 5.1, 4, 4.1, 4.2]
    assert cohort.labs["pro_bnp"].isna().sum() == 1
    assert cohort.reference_ranges["unit"].to_dict() == {
        "creatinine": "umol/L",
        "potassium": "mEq/L",
        "pro_bnp": "ng/L",
    }
    assert not set(cohort.labs) & set(cohort.X)


def test_deaths_by_cause(music):
    Y = load(music).Y
    assert Y.columns.tolist() == CAUSES
    assert Y.loc["P0001"].tolist() == [0, 0, 0, 0]
    assert Y.loc["P0002"].tolist() == [1, 1, 0, 0]
    assert Y.loc["P0003"].tolist() == [1, 0, 1, 0]
    assert Y.loc["P0004"].isna().all()  # lost to follow-up
    assert Y.loc["P0005"].tolist() == [1, 0, 0, 1]


def test_deaths_within_a_time(music):
    Y = load(music, horizon="250D").Y
    assert Y.loc["P0002"].tolist() == [1, 1, 0, 0]
    assert Y.loc["P0003"].tolist() == [0, 0, 0, 0]  # died later
    assert Y.loc["P0004"].tolist() == [0, 0, 0, 0]  # lost later
    assert load(music, horizon="350D").Y.loc["P0004"].isna().all()
    # The study did not follow the survivor for so long.
    assert load(music, horizon="3000D").Y.loc["P0001"].isna().all()


def test_both_codes_of_pump_failure(music, write_record):
    write_record("High-resolution_ECG/P0007_H", leads="XYZ", rate=1000, seconds=12)
    assert load(music).Y.loc["P0007"].tolist() == [1, 0, 1, 0]


def test_holter_recordings_of_two_leads(music, write_record):
    write_record("Holter_ECG/P0001", leads="XYZ", rate=200, seconds=30)
    write_record("Holter_ECG/P0002", leads="XY", rate=200, seconds=30)
    with pytest.warns(SignalQualityWarning, match="left out 1 of 2 records"):
        cohort = load(music, recording="holter")
    assert cohort.X.index.tolist() == ["P0001"]
    assert "VZ" in cohort.broken[0]["reason"]
    both = load(music, recording="holter", leads=["X", "Y"])
    assert both.X.index.tolist() == ["P0001", "P0002"]


def test_header_that_states_fewer_samples_than_its_file_holds(music, write_record):
    name = "High-resolution_ECG/P0003_H"
    samples = write_record(name, leads="XYZ", rate=1000, seconds=18)
    header = music / f"{name}.hea"
    lines = header.read_text().splitlines()
    lines = [lines[0].replace("18000", "12000")]
    # Without checksums, which are of all samples.
    lines += [f"P0003_H.dat 16 1000(0)/mV 16 0 0 0 0 {lead}" for lead in "XYZ"]
    header.write_text("\n".join(lines) + "\n")
    window = load(music).X["ecg"].ecg.to_numpy()[2]
    gain = np.ptp(window[0]) / np.ptp(samples[0, 1000:11_000])  # write_record's own gain
    np.testing.assert_allclose(window, samples[:, 1000:11_000] * gain, atol=0.01)


def test_whole_recordings_are_for_windows(music, write_record):
    write_record("Holter_ECG/P0001", leads="XYZ", rate=200, seconds=30)
    cohort = load(music, recording="holter", duration=None)
    assert cohort.X["ecg"].dtype.n_samples == 86_400 * 200
    windows = cut_windows(cohort.X, 10, stride=10_000, min_quality=None)
    assert windows["subject_id"].unique().tolist() == ["P0001"]
    assert np.isfinite(windows["ecg"].iloc[:1].ecg.to_numpy()).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (";3;3;", ";3;9;", r"column Cause of death: expected one of 0, 3, 6, 7, 1, got '9'"),
        (";3;3;", ";x;3;", r"column Exit of the study: expected one of 0, 1, 2, 3, got 'x'"),
        (";1;0;60", ";1;3;60", "P0004 has a cause of death and is not stated to be dead"),
        ("P0002", "P0001", "several rows of the patient P0001"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(music, old, new, message):
    write_table(music, ROWS.replace(old, new))
    with pytest.raises(RecordReadError, match=message):
        load(music)


def test_another_table_is_refused(music):
    (music / "subject-info.csv").write_text("Patient ID,Age\nP0001,60\n")
    with pytest.raises(RecordReadError, match=r"lacks the column Patient ID.* with semicolons"):
        load(music)
    (music / "subject-info.csv").unlink()
    with pytest.raises(RecordReadError, match=r"there is no .*subject-info\.csv"):
        load(music)


def test_numbers_that_lost_their_decimal_point_are_missing(music):
    write_table(music, ROWS.replace("112,5;", "1,458,333;"))
    with pytest.warns(UserWarning, match=r"load_music: 1 of 5 values of Creatinine"):
        cohort = load(music)
    assert np.isnan(cohort.labs.loc["P0001", "creatinine"])


def test_wrong_options_are_refused(music):
    with pytest.raises(ECGError, match="recording must be one of holter, high_resolution"):
        load(music, recording="rest")
    with pytest.raises(DurationError, match="expected start and duration within 1,200 s"):
        load(music, start=1195, duration=10)
    with pytest.raises(ECGError, match="horizon='soon' is not a time"):
        load(music, horizon="soon")
    with pytest.raises(RecordReadError, match=r"expected recordings such as .*P0001\.hea, got"):
        load(music, recording="holter")
