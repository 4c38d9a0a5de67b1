"""LUDB and Brugada-HUCA in their own layouts, made and real."""

import csv

import numpy as np
import pytest

from ecgsk.datasets import load_brugada_huca, load_ludb
from ecgsk.exceptions import ECGError, RecordReadError

LUDB = """ID,Sex,Age,Rhythms,Electric axis of the heart,Conduction abnormalities,\
Extrasystolies,Hypertrophies,Cardiac pacing,Ischemia,\
Non-specific repolarization abnormalities,Other states
1,"F
","51
",Sinus bradycardia,Electric axis of the heart: normal,,,"Left atrial hypertrophy
Left ventricular hypertrophy",,,,
2,"M
",">89
",Sinus rhythm,,,,Left atrial hypertrophy,,,,
3,M,40,Sinus rhythm,,,,,,,,
"""
METADATA = """patient_id,basal_pattern,sudden_death,brugada
188981,0,0,0
251972,1,0,1
265715,1,1,2
"""


@pytest.fixture
def ludb(tmp_path, write_record):
    (tmp_path / "ludb.csv").write_text(LUDB)
    for number in (1, 2, 3):
        write_record(f"data/{number}", leads=["i", "ii"])
    return tmp_path


@pytest.fixture
def brugada(tmp_path, write_record):
    (tmp_path / "metadata.csv").write_text(METADATA)
    for number in (188981, 251972, 265715):
        write_record(f"files/{number}/{number}", rate=100, leads=["I", "II"])
    return tmp_path


def test_ludb(ludb):
    cohort = load_ludb(ludb, leads=["I", "II"])
    assert cohort.X.index.tolist() == cohort.groups.tolist() == [1, 2, 3]
    assert cohort.X["age"].tolist() == [51, 90, 40]
    assert cohort.X["sex"].tolist() == ["F", "M", "M"]
    assert cohort.Y.columns.tolist() == [
        "Electric axis of the heart: normal",
        "Left atrial hypertrophy",
        "Left ventricular hypertrophy",
        "Sinus bradycardia",
        "Sinus rhythm",
    ]
    assert cohort.Y["Left atrial hypertrophy"].tolist() == [1, 1, 0]
    X, Y = load_ludb(ludb, leads=["II"], min_count=2, return_X_y=True)
    assert Y.columns.tolist() == ["Left atrial hypertrophy", "Sinus rhythm"]
    assert X["ecg"].ecg.leads == ("II",)


def test_ludb_broken_record_loses_no_other(ludb):
    (ludb / "data" / "2.dat").unlink()
    with pytest.warns(UserWarning, match="load_ludb: left out 1 of 3 records"):
        cohort = load_ludb(ludb, leads=["I"])
    assert cohort.X.index.tolist() == [1, 3]
    assert cohort.broken[0]["record"] == "2"


def test_ludb_bad_input(ludb):
    with pytest.raises(RecordReadError, match=r"load_ludb: there is no .*Give the folder of LUDB"):
        load_ludb(ludb / "data")
    with pytest.raises(ECGError, match="load_ludb: no label has min_count=9 ECGs"):
        load_ludb(ludb, leads=["I"], min_count=9)
    (ludb / "ludb.csv").write_text("ID,Sex\n1,F\n")
    with pytest.raises(RecordReadError, match=r"lacks the column Age, Rhythms.*it has ID, Sex"):
        load_ludb(ludb)


@pytest.mark.real_data
def test_ludb_real(real_data):
    folder = real_data / "ludb"
    cohort = load_ludb(folder)
    assert str(cohort.X["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    assert len(cohort.X) == 157
    assert cohort.broken == []
    assert cohort.X[["age", "sex"]].notna().all(axis=None)
    with (folder / "ludb.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        cells = "\n".join(text for name, text in row.items() if name not in ("ID", "Sex", "Age"))
        stated = sorted({line.strip() for line in cells.splitlines() if line.strip()})
        labels = cohort.Y.loc[int(row["ID"])]
        assert labels.index[labels == 1].tolist() == stated
    assert (cohort.Y == 1).sum().sum() > 157
    signals = cohort.X["ecg"].iloc[:20].ecg.to_numpy()
    peaks = np.abs(signals).max(axis=(1, 2))
    assert ((peaks > 0.3) & (peaks < 6)).all()  # millivolts


def test_brugada(brugada):
    cohort = load_brugada_huca(brugada, leads=["I", "II"])
    assert cohort.X.index.tolist() == cohort.groups.tolist() == [188981, 251972, 265715]
    assert cohort.Y.columns.tolist() == ["brugada", "basal_pattern", "sudden_death"]
    np.testing.assert_array_equal(cohort.Y, [[0, 0, 0], [1, 1, 0], [np.nan, 1, 1]])
    assert cohort.diagnosis.tolist() == [0, 1, 2]
    X, _ = load_brugada_huca(brugada, leads=["II"], return_X_y=True)
    assert X.columns.tolist() == ["ecg", "subject_id"]
    with pytest.raises(RecordReadError, match=r"there is no .*metadata\.csv.*Brugada-HUCA"):
        load_brugada_huca(brugada / "files")


@pytest.mark.real_data
def test_brugada_real(real_data):
    cohort = load_brugada_huca(real_data / "brugada_huca")
    assert str(cohort.X["ecg"].dtype) == "ecg[12x1200, 100 Hz]"
    assert len(cohort.X) == 248
    assert cohort.broken == []
    assert cohort.Y.sum().tolist() == [45, 34, 8]  # counted with awk
    assert cohort.Y["brugada"].isna().sum() == 4
    signals = cohort.X["ecg"].ecg.to_numpy()
    residual = np.abs(signals[:, 0] + signals[:, 2] - signals[:, 1])  # Einthoven, in mV
    assert np.quantile(residual, 0.99) < 0.02
