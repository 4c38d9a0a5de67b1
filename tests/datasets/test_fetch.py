"""Download of databases by name."""

import hashlib
import os

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import (
    MimicFolds,
    MimicTargets,
    fetch_mimic_iv_demo,
    fetch_ptbxl,
    fetch_vitaldb,
    get_data_home,
    load_mimic_iv,
)
from ecgsk.exceptions import DownloadError, ECGError, SamplingRateError

DATABASE = "mimic-iv-demo/2.2"


@pytest.fixture
def demo(server):
    """A module of three files."""
    files = {
        "LICENSE.txt": b"ODbL",
        "hosp/patients.csv.gz": b"subject_id\n1\n",
        "hosp/labevents.csv.gz": b"subject_id,itemid\n",
        "icu/chartevents.csv.gz": b"stay_id\n",
    }
    server.publish(DATABASE, files)
    return files


def fetch(server, home, **changes):
    return fetch_mimic_iv_demo(home, modules=["hosp"], base_url=server.url, **changes).hosp


def test_wanted_files_are_downloaded_once(server, demo, tmp_path):
    hosp = fetch(server, tmp_path)
    assert hosp == tmp_path / DATABASE / "hosp"
    for path, data in demo.items():
        file = tmp_path / DATABASE / path
        assert (file.read_bytes() == data) if not path.startswith("icu") else not file.exists()
    assert not list(tmp_path.rglob("*.part"))
    n_asked = len(server.asked)
    assert n_asked == 4  # the sums and three files
    assert fetch(server, tmp_path) == hosp
    assert len(server.asked) == n_asked


def test_download_if_missing_false_raises(server, demo, tmp_path):
    with pytest.raises(DownloadError, match=r"expected 1 files .* Pass download_if_missing=True"):
        fetch(server, tmp_path, download_if_missing=False)
    assert server.asked == []
    fetch(server, tmp_path)
    fetch(server, tmp_path, download_if_missing=False)


def test_registry_replaces_the_servers_sums(server, demo, tmp_path):
    sums = {
        f"{DATABASE}/{path}": hashlib.sha256(data).hexdigest().upper()
        for path, data in demo.items()
        if path.startswith("hosp")
    }
    del server.files[f"{DATABASE}/SHA256SUMS.txt"]
    fetch(server, tmp_path / "a", registry=sums)
    file = tmp_path / "sums.txt"
    file.write_text("".join(f"{stated}  {path}\n" for path, stated in sums.items()))
    fetch(server, tmp_path / "b", registry=file)
    for home in ("a", "b"):
        found = {path.name for path in (tmp_path / home).rglob("*.*") if path.is_file()}
        assert found == {"patients.csv.gz", "labevents.csv.gz"}
    with pytest.raises(
        DownloadError, match="registry lists 0 files, but none of the expected ones"
    ):
        fetch(server, tmp_path / "c", registry={"elsewhere/1.0/hosp/a": "0" * 64})


def test_data_home_is_argument_environment_or_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGSK_DATA", str(tmp_path / "environment"))
    assert get_data_home() == tmp_path / "environment"
    assert get_data_home(str(tmp_path / "stated")) == tmp_path / "stated"
    assert (tmp_path / "stated").is_dir()
    monkeypatch.delenv("ECGSK_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert get_data_home() == tmp_path / "ecgsk_data"


def test_invalid_input_is_rejected(tmp_path):
    with pytest.raises(ECGError, match="expected modules of ecg, hosp, ed, icu, got note"):
        fetch_mimic_iv_demo(tmp_path, modules=["hosp", "note"])
    with pytest.raises(SamplingRateError, match="at 100 and 500 Hz, got sampling_rate=250"):
        fetch_ptbxl(tmp_path, sampling_rate=250)


def test_ptbxl_downloads_one_sampling_rate(server, tmp_path, write_record):
    write_record("records100/00000/00001_lr", rate=100, seconds=10)
    pd.DataFrame(
        {
            "ecg_id": [1], "patient_id": [15709.0], "age": [56.0], "sex": [1], "height": [np.nan],
            "weight": [63.0], "recording_date": ["1984-11-09 09:17:34"],
            "scp_codes": ["{'NORM': 100.0}"], "strat_fold": [3],
            "filename_lr": ["records100/00000/00001_lr"],
            "filename_hr": ["records500/00000/00001_hr"],
        }
    ).to_csv(tmp_path / "ptbxl_database.csv", index=False)  # fmt: skip
    (tmp_path / "scp_statements.csv").write_text(
        ",diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass\nNORM,1.0,,,NORM,NORM\n"
    )
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    server.publish("ptb-xl/1.0.3", files | {"records500/00000/00001_hr.dat": b"not wanted"})
    cohort = fetch_ptbxl(tmp_path / "home", base_url=server.url, task="diagnostic")
    assert cohort.Y["NORM"].tolist() == [1]
    assert cohort.X["ecg"].dtype.sampling_rate == 100
    assert server.asked_for("ptb-xl/1.0.3/records500/00000/00001_hr.dat") == []
    X, _ = fetch_ptbxl(tmp_path / "home", base_url=server.url, return_X_y=True)
    assert len(X) == 1


@pytest.mark.real_data
def test_downloaded_demo_loads(server, real_data, tmp_path):
    source = real_data / "mimic_iv_demo"
    for database, part in [
        ("mimic-iv-demo/2.2", "hosp"),
        ("mimic-iv-ed-demo/2.2", "ed"),
        ("mimic-iv-ecg-demo/0.1", "ecg"),
    ]:
        folder = source / part
        start = folder if part == "ecg" else source
        server.publish(
            database,
            {
                path.relative_to(start).as_posix(): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file()
            },
        )
    demo = fetch_mimic_iv_demo(tmp_path, base_url=server.url)
    ecg = demo.ecg
    assert not (ecg / "records_w_diag_icd10.csv").exists()  # no part of the demo
    targets = MimicTargets(diagnoses="diagnoses_icd", min_count=5)
    folds = MimicFolds(first_per_stay=False)
    same = load_mimic_iv(source / "ecg", demo.hosp, demo.ed, targets=targets, folds=folds)
    targets = MimicTargets(min_count=5)
    cohort = load_mimic_iv(ecg, demo.hosp, demo.ed, targets=targets, folds=folds)
    assert len(cohort.X) == len(same.X) == 113
    pd.testing.assert_frame_equal(cohort.Y, same.Y)
    assert os.path.commonpath([tmp_path, *cohort.X["ecg"].array.storage.paths]) == str(tmp_path)


@pytest.fixture
def vitaldb(server, tmp_path, write_vital):
    """Three cases of VitalDB in PhysioNet's layout; the third has no draw in its recording."""
    times = np.arange(30 * 500) / 500
    wave = np.sin(2 * np.pi * times).astype(np.float32)
    for case in (1, 2):
        write_vital(tmp_path / f"{case}.vital", {"SNUADC/ECG_II": wave, "SNUADC/ECG_V5": wave})
    columns = "caseid,subjectid,caseend,age,sex,height,weight,bmi,asa,emop,preop_htn,preop_dm,"
    rows = [f"{case},{case},30,60,F,160,60,23.4,2,0,0,0,0,0\n" for case in (1, 2, 3)]
    results = "".join(f"{case},5,k,4.5\n{case},-9000,k,4.0\n" for case in (1, 2))
    results += "3,31,k,4.4\n"
    files = {
        "clinical_data.csv": f"{columns}icu_days,death_inhosp\n{''.join(rows)}".encode(),
        "clinical_parameters.csv": b"not wanted",
        "lab_data.csv": f"caseid,dt,name,result\n{results}".encode(),
        "lab_parameters.csv": b"Parameter,Unit,Reference value\nk,mmol/L,3.5~5.5\n",
    }
    files |= {
        f"vital_files/{case:04}.vital": (tmp_path / f"{case}.vital").read_bytes() for case in (1, 2)
    }
    files["vital_files/0003.vital"] = b"not wanted"
    server.publish("vitaldb/1.0.0", files)
    return tmp_path / "home"


def test_vitaldb_cases_are_downloaded_and_loaded(server, vitaldb):
    path = "vitaldb/1.0.0/vital_files/0002.vital"
    server.drop_after[path] = [100]  # the connection drops once, and the download goes on
    cohort = fetch_vitaldb(vitaldb, cases=[2], base_url=server.url)
    assert cohort.case_id.tolist() == [2]
    assert server.asked_for(path) == [None, "bytes=100-"]
    assert not server.asked_for("vitaldb/1.0.0/vital_files/0001.vital")
    assert not server.asked_for("vitaldb/1.0.0/clinical_parameters.csv")
    fetched = len(server.asked)
    assert fetch_vitaldb(vitaldb, base_url=server.url, leads=["II"]).case_id.nunique() == 2
    assert len(server.asked) == fetched + 1
    # What is there already is not loaded unless it is asked for.
    again = fetch_vitaldb(vitaldb, cases=[2], base_url=server.url, download_if_missing=False)
    assert again.case_id.tolist() == [2]


def test_vitaldb_file_that_differs_from_its_sum_is_refused(server, vitaldb):
    server.files["vitaldb/1.0.0/vital_files/0001.vital"] = b"another"
    with pytest.raises(DownloadError, match="fetch_vitaldb"):
        fetch_vitaldb(vitaldb, cases=[1], base_url=server.url)


def test_vitaldb_without_such_a_case(server, vitaldb):
    with pytest.raises(ECGError, match=r"expected cases of clinical_data\.csv, such as 1; got 9"):
        fetch_vitaldb(vitaldb, cases=[1, 9], base_url=server.url)
