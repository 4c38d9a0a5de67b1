"""Loader of LUDB on made and real records."""

import csv

import numpy as np
import pytest

from ecgsk.datasets import load_ludb
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


@pytest.fixture
def ludb(tmp_path, write_record):
    (tmp_path / "ludb.csv").write_text(LUDB)
    for number in (1, 2, 3):
        write_record(f"data/{number}", leads=["i", "ii"])
    return tmp_path


def test_table_and_statements(ludb):
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
    assert X.attrs["population"] == "patients of LUDB"
    assert Y.columns.tolist() == ["Left atrial hypertrophy", "Sinus rhythm"]
    assert X["ecg"].ecg.leads == ("II",)


def test_broken_record_is_left_out(ludb):
    (ludb / "data" / "2.dat").unlink()
    with pytest.warns(UserWarning, match="load_ludb: left out 1 of 3 records"):
        cohort = load_ludb(ludb, leads=["I"])
    assert cohort.X.index.tolist() == [1, 3]
    assert cohort.broken[0]["record"] == "2"


def test_invalid_input_is_rejected(ludb):
    with pytest.raises(RecordReadError, match=r"load_ludb: there is no .*Give the folder of LUDB"):
        load_ludb(ludb / "data")
    with pytest.raises(ECGError, match="load_ludb: no label has min_count=9 ECGs"):
        load_ludb(ludb, leads=["I"], min_count=9)
    (ludb / "ludb.csv").write_text("ID,Sex\n1,F\n")
    with pytest.raises(RecordReadError, match=r"lacks the column Age, Rhythms.*it has ID, Sex"):
        load_ludb(ludb)


@pytest.mark.real_data
def test_real_records(real_data):
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
