"""``ecgsk cohort mimic-iv``, and cohorts whose signals were ingested before."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ecgsk.cli import app
from ecgsk.datasets import build_mimic_iv_cohort, read_cohort
from ecgsk.exceptions import ECGError
from ecgsk.io import ingest_wfdb
from ecgsk.preprocessing import Resample

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def folders(real_data):
    return {name: real_data / "mimic_iv_demo" / name for name in ("ecg", "hosp", "ed")}


@pytest.fixture(scope="module")
def store(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("ingested")
    return ingest_wfdb(folders["ecg"] / "files", out, Resample(100), progress=False)


def test_command(folders, store, tmp_path):
    options = [f"--{name}={folder}" for name, folder in folders.items()]
    options += ["--store", str(store), "--min-count", "5", "--diagnoses", "diagnoses_icd"]
    options += ["--lab-aggregate", "last", "--lab-aggregate", "slope", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["cohort", "mimic-iv", *options])
    assert result.exit_code == 0, result.output
    assert "Cohort of 113 records from 17 subjects" in result.output
    cohort = read_cohort(tmp_path / "out", verify=True)
    assert str(cohort.X["ecg"].dtype) == "ecg[12x1000, 100 Hz]"
    assert {"potassium last", "potassium slope"} <= set(cohort.X.columns)
    assert cohort.split.value_counts().to_dict() == {"train": 106, "test": 5, "validation": 2}
    assert (tmp_path / "out" / "report" / "report.html").exists()
    again = CliRunner().invoke(app, ["cohort", "mimic-iv", *options])
    parts = ["--split", "14", "3", "3", "--icd9", "leave", "--overwrite"]
    assert CliRunner().invoke(app, ["cohort", "mimic-iv", *options, *parts]).exit_code == 0
    cohort = read_cohort(tmp_path / "out")
    assert len(cohort.X) == 91  # without later ECGs of a stay
    assert cohort.Y.notna().all(axis=1).sum() < 30
    assert isinstance(again.exception, ECGError)
    assert "holds a cohort already" in str(again.exception)


def test_help_teaches():
    text = CliRunner().invoke(app, ["cohort", "mimic-iv", "--help"], terminal_width=120).output
    for name in ("--ecg", "--hosp", "--store", "--lab-window", "--setting", "--memory-limit"):
        assert name in text


def test_signals_of_a_store(folders, store, tmp_path):
    stored = build_mimic_iv_cohort(**folders, store=store, min_count=5)
    read = build_mimic_iv_cohort(**folders, min_count=5)
    pd.testing.assert_frame_equal(stored.X.drop(columns="ecg"), read.X.drop(columns="ecg"))
    paths = pd.read_csv(folders["ecg"] / "record_list.csv")["path"].tolist()
    table = pd.read_parquet(store / "records.parquet")["record"].tolist()
    rows = [table.index(path.removeprefix("files/")) for path in paths]
    assert len(set(rows)) == 113
    samples = np.load(store / "ecg.npy")[rows]
    np.testing.assert_allclose(1000 * stored.X["ecg"].ecg.to_numpy(), samples, atol=0.01)
    with pytest.raises(ECGError, match=r"holds leads .* at 100 Hz; got .*sampling_rate=500"):
        build_mimic_iv_cohort(**folders, store=store, sampling_rate=500)


def test_records_that_a_store_lacks(folders, tmp_path):
    part = folders["ecg"] / "files" / "p1000" / "p10000032"
    store = ingest_wfdb(part, tmp_path / "part", n_jobs=1, progress=False)
    with pytest.warns(UserWarning, match="left out 110 of 113 records that are not in"):
        cohort = build_mimic_iv_cohort(
            **folders, store=store, min_count=1, diagnoses="diagnoses_icd"
        )
    assert set(cohort.groups) == {10000032}
    assert cohort.flow["left_out"].tolist() == [0, 110, 0]
    assert len(cohort.broken) == 110
    with pytest.raises(ECGError, match="110 of 113 listed records are not in"):
        build_mimic_iv_cohort(**folders, store=store, errors="raise")
