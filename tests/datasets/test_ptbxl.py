"""Loader of PTB-XL on four made records, and the prepared subset."""

import importlib.util
import warnings
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import load_ptbxl
from ecgsk.exceptions import ECGError, RecordReadError, SamplingRateError
from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals import STANDARD_12_LEADS

DATABASE = """ecg_id,patient_id,age,sex,height,weight,recording_date,scp_codes,strat_fold
1,15709.0,56.0,1,,63.0,1984-11-09 09:17:34,"{'NORM': 100.0, 'LVOLT': 0.0, 'SR': 0.0}",3
2,13243.0,300.0,0,180.0,80.0,1984-11-14 12:55:37,"{'IMI': 35.0, 'LAFB': 0.0, 'SR': 0.0}",2
3,20372.0,37.0,1,,,1984-11-15 12:49:10,"{'AFIB': 0.0}",5
4,20372.0,38.0,1,,,1985-11-15 12:49:10,"{'ASMI': 100.0, 'AFIB': 0.0}",5
"""
STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior infarction,1.0,,,MI,IMI
ASMI,anteroseptal infarction,1.0,,,MI,AMI
LAFB,left anterior fascicular block,1.0,,,CD,LAFB/LPFB
LVOLT,low voltage,,1.0,,,
SR,sinus rhythm,,,1.0,,
AFIB,atrial fibrillation,,,1.0,,
"""


def write_database(folder, text):
    table = pd.read_csv(StringIO(text))
    table["filename_lr"] = [f"records100/{ecg_id}_lr" for ecg_id in table["ecg_id"]]
    table["filename_hr"] = [f"records500/{ecg_id}_hr" for ecg_id in table["ecg_id"]]
    table.to_csv(folder / "ptbxl_database.csv", index=False)


@pytest.fixture
def tree(tmp_path):
    write_database(tmp_path, DATABASE)
    (tmp_path / "scp_statements.csv").write_text(STATEMENTS)
    for rate, suffix in [(100, "lr"), (500, "hr")]:
        folder = tmp_path / f"records{rate}"
        folder.mkdir()
        for ecg_id in range(1, 5):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # wfdb 4.3 beside pandas 3.1
                load_wfdb().wrsamp(
                    f"{ecg_id}_{suffix}",
                    fs=rate,
                    units=["mV"] * 12,
                    sig_name=[lead.upper() for lead in STANDARD_12_LEADS],
                    p_signal=np.full((10 * rate, 12), ecg_id / 10),
                    fmt=["16"] * 12,
                    adc_gain=[1000.0] * 12,
                    baseline=[0] * 12,
                    write_dir=str(folder),
                )
    return tmp_path


def test_superclasses_and_table(tree):
    cohort = load_ptbxl(tree)
    assert cohort.Y.columns.tolist() == ["CD", "MI", "NORM"]
    nan = np.nan
    np.testing.assert_array_equal(cohort.Y, [[0, 0, 1], [1, 1, 0], [nan, nan, nan], [0, 1, 0]])
    assert cohort.X.index.tolist() == [1, 2, 3, 4]
    assert cohort.X["age"].tolist() == [56, 90, 37, 38]  # 300 stands for "above 89"
    assert cohort.X["sex"].tolist() == ["F", "M", "F", "F"]
    assert cohort.X["height"].isna().tolist() == [True, False, True, True]
    assert cohort.groups.tolist() == [15709, 13243, 20372, 20372]
    assert cohort.folds.tolist() == [3, 2, 5, 5]
    assert cohort.ecg_time[1] == pd.Timestamp("1984-11-09 09:17:34")
    assert "4 records of 3 subjects, 3 of them labelled" in cohort.DESCR


@pytest.mark.parametrize("rate", [100, 500])
def test_signals_of_either_rate(tree, rate):
    X, Y = load_ptbxl(tree, sampling_rate=rate, return_X_y=True)
    assert X.attrs["population"] == "patients of PTB-XL"
    assert X["ecg"].ecg.sampling_rate == rate
    assert X["ecg"].ecg.leads == STANDARD_12_LEADS
    signals = X["ecg"].ecg.to_numpy()
    assert signals.shape == (4, 12, 10 * rate)
    np.testing.assert_allclose(signals[:, 0, 0], [0.1, 0.2, 0.3, 0.4], atol=1e-6)
    assert Y.index.equals(X.index)


@pytest.mark.parametrize(
    ("task", "labels", "unlabelled"),
    [
        ("all", ["AFIB", "ASMI", "IMI", "LAFB", "LVOLT", "NORM", "SR"], []),
        ("diagnostic", ["ASMI", "IMI", "LAFB", "NORM"], [3]),
        ("subdiagnostic", ["AMI", "IMI", "LAFB/LPFB", "NORM"], [3]),
        ("form", ["LVOLT"], [2, 3, 4]),
        ("rhythm", ["AFIB", "SR"], []),
    ],
)
def test_task_selects_labels(tree, task, labels, unlabelled):
    Y = load_ptbxl(tree, task=task).Y
    assert Y.columns.tolist() == labels
    assert Y.index[Y.isna().all(axis=1)].tolist() == unlabelled


def test_rare_labels_are_dropped_and_their_records_kept(tree):
    cohort = load_ptbxl(tree, min_count=2)
    assert cohort.Y.columns.tolist() == ["MI"]
    np.testing.assert_array_equal(cohort.Y["MI"], [0, 1, np.nan, 1])
    with pytest.raises(ECGError, match=r"min_count=9 ECGs; the most frequent has 2. Lower"):
        load_ptbxl(tree, min_count=9)


def test_broken_record_is_left_out(tree):
    (tree / "records100" / "2_lr.dat").unlink()
    with pytest.warns(UserWarning, match=r"load_ptbxl: left out 1 of 4 records"):
        cohort = load_ptbxl(tree)
    assert cohort.X.index.tolist() == [1, 3, 4]
    assert cohort.broken[0]["record"] == "records100/2_lr"


def test_invalid_input_is_rejected(tree):
    with pytest.raises(SamplingRateError, match="at 100 and 500 Hz, got sampling_rate=250"):
        load_ptbxl(tree, sampling_rate=250)
    with pytest.raises(ECGError, match="unknown task 'super'; expected one of all, diagnostic"):
        load_ptbxl(tree, task="super")
    with pytest.raises(RecordReadError, match=r"there is no .*ptbxl_database\.csv"):
        load_ptbxl(tree / "records100")
    (tree / "scp_statements.csv").write_text("code,form\nSR,1\n")
    with pytest.raises(RecordReadError, match="lacks the column diagnostic, diagnostic_class"):
        load_ptbxl(tree)
    write_database(tree, DATABASE.replace("{'AFIB': 0.0}", "{'AFIB'"))
    with pytest.raises(RecordReadError, match=r"expected scp_codes such as .* got"):
        load_ptbxl(tree, task="form")


@pytest.mark.real_data
def test_prepared_subset(real_data):
    path = Path(__file__).parents[2] / "benchmarks" / "ptbxl_subset.py"
    spec = importlib.util.spec_from_file_location("ptbxl_subset", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    cohort = example.load_ptbxl_subset(real_data / "ptbxl_subset")
    assert str(cohort.X["ecg"].dtype) == "ecg[12x1000, 100 Hz]"
    assert len(cohort.X) == 1625
    assert cohort.Y.columns.tolist() == ["NORM", "MI", "STTC", "CD", "HYP"]
    assert sorted(cohort.folds.unique()) == list(range(1, 10))
    assert "not millivolts" in cohort.DESCR
