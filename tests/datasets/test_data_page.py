"""Code of docs/guide/reading_data.md on a loader of your own."""

import re
from pathlib import Path

import numpy as np
import pytest

from ecgsk.datasets import read_cohort, write_cohort

ROOT = Path(__file__).parents[2]
VISITS = """record,patient,age,sex,heart_rate,potassium,atrial_fibrillation,heart_failure
a/1,7,61,F,80,4.4,0,1
a/2,7,62,F,,5.9,1,1
b/1,8,55,M,66,,0,
b/2,9,70,M,71,3.2,1,0
c/1,10,44,F,90,4.0,0,0
c/2,11,81,M,58,,1,1
"""


def load_documented(visits, tmp_path, write_record, monkeypatch):
    (tmp_path / "st-elsewhere").mkdir()
    (tmp_path / "st-elsewhere" / "visits.csv").write_text(visits)
    times = np.arange(5000) / 500 + np.arange(12)[:, None]
    for number, line in enumerate(visits.splitlines()[1:]):
        signal = np.round(np.sin(2 * np.pi * (3 + number / 7) * times), 3)
        write_record(f"st-elsewhere/ecg/{line.split(',')[0]}", signal=signal)
    write_record("st-elsewhere/ecg/d/1", seconds=12)  # of no visit
    text = (ROOT / "docs" / "guide" / "reading_data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "def load_st_elsewhere" in block)
    body = code.split("def load_st_elsewhere")[1].split("\n\n\n")[0]
    assert len(body.splitlines()) <= 20
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "docs/guide/reading_data.md", "exec"), names)
    return names["cohort"]


@pytest.fixture
def cohort(tmp_path, write_record, monkeypatch):
    with pytest.warns(UserWarning, match=r"1 of 7 records have no row, such as 'd/1'"):
        return load_documented(VISITS, tmp_path, write_record, monkeypatch)


def test_documented_loader_reads_records_named_by_numbers(tmp_path, write_record, monkeypatch):
    visits = VISITS.replace("/", "").replace("a", "1").replace("b", "2").replace("c", "3")
    visits = VISITS.splitlines()[0] + "\n" + visits.split("\n", 1)[1]
    with pytest.warns(UserWarning, match="1 of 7 records have no row"):
        cohort = load_documented(visits, tmp_path, write_record, monkeypatch)
    assert cohort.X.index.tolist() == ["11", "12", "21", "22", "31", "32"]
    assert cohort.X["age"].tolist() == [61, 62, 55, 70, 44, 81]


def test_documented_loader_makes_a_cohort(cohort):
    assert str(cohort.X["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    assert cohort.X.index.tolist() == ["a/1", "a/2", "b/1", "b/2", "c/1", "c/2"]
    assert cohort.groups.tolist() == [7, 7, 8, 9, 10, 11]
    assert np.isnan(cohort.Y.loc["b/1", "heart_failure"])
    assert cohort.labs.loc["a/2", "potassium"] == 5.9
    assert cohort.folds["a/1"] == cohort.folds["a/2"]


def test_documented_cohort_trains_and_is_written(cohort, tiny, quick, tmp_path):
    from ecgsk import ECGDiagnosisClassifier

    model = ECGDiagnosisClassifier(tiny, **quick).fit(cohort.X, cohort.Y)
    probability = model.predict_proba(cohort.X[["ecg"]])
    assert probability.shape == (6, 2)
    assert ((probability > 0) & (probability < 1)).all()
    write_cohort(cohort, tmp_path / "written")
    assert read_cohort(tmp_path / "written").X["age"].equals(cohort.X["age"])
