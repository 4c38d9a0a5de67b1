"""``ecgsk cohort``: options reach the loaders, and cohorts are those of the loaders."""

import json

import numpy as np
import pandas as pd
import pytest

import ecgsk.datasets
from ecgsk.cli import _build_cohort
from ecgsk.cli._cohort import _specs
from ecgsk.cli._cohort_options import _leads, column_names, missing_values
from ecgsk.datasets import (
    MimicFolds,
    MimicInputs,
    MimicTargets,
    load_brugada_huca,
    load_challenge,
    load_ludb,
    make_clinical_ecg,
    read_cohort,
)
from ecgsk.exceptions import ECGError
from ecgsk.io import write_ecg_folder
from ecgsk.signals import STANDARD_12_LEADS, ECGArray


def test_help_names_every_option(invoke):
    text = invoke("cohort", "mimic-iv", "--help")
    for name in ("--ecg", "--hosp", "--ed", "--store", "--set", "--memory-limit", "--overwrite"):
        assert name in text


def test_settings_become_specs():
    texts = ["lab_window=-48h,-1h", "machine_measurements=true", "split=14,3,3", "min_count=5"]
    assert _specs(texts) == {
        "inputs": MimicInputs(lab_window=("-48h", "-1h"), machine_measurements=True),
        "targets": MimicTargets(min_count=5),
        "folds": MimicFolds(split=(14, 3, 3)),
    }


@pytest.mark.parametrize("text", ["window=24h", "min_count", "min_count="])
def test_unknown_setting_lists_names_and_defaults(text):
    with pytest.raises(ECGError, match=r"expected --set NAME=VALUE.*lab_window=24h, .*split=\(18"):
        _specs([text])


def test_names_of_columns_are_separated_by_commas_and_quoted_where_they_have_one():
    assert column_names(["a,b", 'c, "d, e"', " "]) == ["a", "b", "c", "d, e"]
    assert column_names(None) == []


def test_values_that_mean_missing_are_by_column():
    assert missing_values(["age=>89", "age=", "x=a=b"]) == {"age": [">89", ""], "x": ["a=b"]}


def test_leads_are_names_or_names_in_the_files():
    assert _leads("II, V1") == ["II", "V1"]
    assert _leads("MLII=II,V1") == {"MLII": "II", "V1": "V1"}


@pytest.fixture
def called(monkeypatch):
    """Replace a loader; give the arguments of its calls, without paths."""
    calls = []

    def replace(name):
        def load(*paths, **options):
            calls.append(options)
            return make_clinical_ecg(2, random_state=0)

        monkeypatch.setattr(ecgsk.datasets, name, load)
        return calls

    return replace


@pytest.mark.parametrize(
    ("command", "loader", "options"),
    [
        (
            "ptb-xl --sampling-rate 500 --task all --min-count 3 --leads I,II --errors raise",
            "load_ptbxl",
            {
                "sampling_rate": 500,
                "task": "all",
                "min_count": 3,
                "leads": ["I", "II"],
                "errors": "raise",
            },
        ),
        (
            "challenge --labels all --unstated negative --sampling-rate 250 --duration 5",
            "load_challenge",
            {
                "labels": "all",
                "unstated": "negative",
                "min_count": 1,
                "sampling_rate": 250,
                "duration": 5,
                "errors": "list",
            },
        ),
        ("code15 --gain 2", "load_code15", {"gain": 2}),
        ("ludb --min-count 4", "load_ludb", {"min_count": 4, "errors": "list"}),
        ("brugada --leads V1", "load_brugada_huca", {"leads": ["V1"], "errors": "list"}),
        (
            "music --recording holter --start 5 --leads X,Y",
            "load_music",
            {
                "recording": "holter",
                "start": 5,
                "duration": 10,
                "horizon": None,
                "leads": ["X", "Y"],
                "errors": "list",
            },
        ),
        (
            "vitaldb --tolerance 5min --leads II --jobs 2",
            "load_vitaldb",
            {
                "tolerance": "5min",
                "max_amplitude": 5.0,
                "lab_window": "30D",
                "target_window": "1h",
                "vitals_window": "5min",
                "leads": ["II"],
                "n_jobs": 2,
                "errors": "list",
            },
        ),
    ],
)
def test_options_reach_the_loader(invoke, called, tmp_path, command, loader, options):
    calls = called(loader)
    name, *words = command.split()
    invoke("cohort", name, tmp_path, tmp_path / "out", *words)
    assert calls == [options]


@pytest.fixture
def visits(write_record, tmp_path):
    """A folder of two records, and a table with a row for one and for another."""
    for name in ("in/1", "in/2"):
        write_record(name)
    (tmp_path / "visits.csv").write_text(
        "record,mrn,age,AF,seen\n1,7,60,1,2020-01-01\n3,8,50,0,x\n"
    )
    words = ["cohort", "csv", tmp_path / "in", tmp_path / "visits.csv", tmp_path / "out"]
    return [*words, "--key", "record", "--patient", "mrn", "--labels", "AF"]


@pytest.mark.filterwarnings("ignore:join_table. 1 of 2 records")
def test_roles_and_findings_are_printed_before_anything_is_written(
    run_main, visits, monkeypatch, tmp_path
):
    def full(*args, **kwargs):
        raise ECGError("disk full")

    monkeypatch.setattr(_build_cohort, "write_cohort", full)
    code, out, _ = run_main(*visits)
    assert code == 1
    assert "  key       record\n  patient   mrn\n  clinical  age, seen\n  label     AF" in out
    assert "check_table: 1 records, 2 clinical columns" in out
    assert "error: " in out  # of the dates
    assert not (tmp_path / "out").exists()


def test_arrays_are_joined_as_declared(invoke, visits, tmp_path):
    (tmp_path / "arrays").mkdir()
    for name in ("1", "3"):
        np.save(tmp_path / "arrays" / f"{name}.npy", np.full((2, 500), 700))
    visits[2] = tmp_path / "arrays"
    words = ["--drop", "seen", "--leads", "I,II", "--sampling-rate", "250", "--file-unit", "uV"]
    invoke(*visits, *words)
    cohort = read_cohort(tmp_path / "out")
    assert cohort.X["ecg"].ecg.to_numpy()[:, 1, 5].tolist() == pytest.approx([0.7, 0.7])


@pytest.mark.filterwarnings("ignore:join_table. 1 of 2 records")
def test_what_is_left_out_is_listed_on_both_sides(invoke, visits, tmp_path):
    out = invoke(*visits, "--drop", "seen", "--population", "adults")
    assert "1 records without a row, 1 rows without a record" in out
    listed = pd.read_csv(tmp_path / "out" / "report" / "left_out.csv", dtype=str)
    assert listed.to_dict("records") == [
        {"record": "2", "reason": "no row in the table"},
        {"record": "3", "reason": "row without a recording"},
    ]
    cohort = read_cohort(tmp_path / "out", verify=True)
    assert cohort.population == "adults"
    assert list(cohort.X) == ["ecg", "age", "subject_id"]


@pytest.mark.filterwarnings("ignore:join_table. 1 of 2 records")
def test_a_table_that_a_model_refuses_is_written_and_ends_with_an_error(run_main, visits, tmp_path):
    code, out, _ = run_main(*visits)
    assert code == 1
    assert "a model refuses it as it is: the exit code is 1. To leave a column out" in out
    assert (tmp_path / "out" / "report" / "report.html").exists()
    assert run_main(*visits, "--drop", "seen", "--overwrite")[0] == 0


def test_nothing_is_loaded_where_nothing_can_be_written(fail, called, tmp_path):
    calls = called("load_ludb")
    (tmp_path / "file").write_text("")
    assert "Cannot write" in fail("cohort", "ludb", tmp_path, tmp_path / "file" / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ecg.json").write_text("{}")
    assert "--overwrite" in fail("cohort", "ludb", tmp_path, tmp_path / "out")
    assert calls == []


def _same(cohort, own):
    assert cohort.Y.equals(own.Y)
    assert cohort.folds.equals(own.folds)
    assert cohort.population == own.population
    table = cohort.X.drop(columns="ecg")
    pd.testing.assert_frame_equal(table, own.X.drop(columns="ecg"))
    written, read = (X["ecg"].iloc[:2].ecg.to_numpy() for X in (cohort.X, own.X))
    np.testing.assert_allclose(written, read, atol=0.0006)  # stored in units of 1 uV


@pytest.mark.real_data
def test_cohorts_of_open_databases_are_those_of_their_loaders(invoke, real_data, tmp_path):
    for command, load, folder, words, options in (
        ("ludb", load_ludb, "ludb", ["--min-count", 5], {"min_count": 5}),
        ("brugada", load_brugada_huca, "brugada_huca", [], {}),
        (
            "challenge",
            load_challenge,
            "cinc2021",
            ["--sampling-rate", 500, "--duration", 10],
            {"sampling_rate": 500, "duration": 10},
        ),
    ):
        out = tmp_path / command
        document = json.loads(invoke("cohort", command, real_data / folder, out, *words, "--json"))
        own = load(real_data / folder, **options, progress=False)
        _same(read_cohort(out, verify=True), own)
        assert document["n_records"] == len(own.X)
        assert document["labels"] == own.Y.columns.tolist()
        assert (out / "report" / "report.html").exists()


@pytest.mark.real_data
def test_a_store_and_its_table_keep_official_folds(invoke, real_data, tmp_path):
    folder = real_data / "ptbxl_subset"
    table = pd.read_csv(folder / "labels.csv").iloc[:100]
    samples = np.load(folder / "signals_100hz_zscored_float16.npy", mmap_mode="r")[:100]
    ecg = ECGArray.from_numpy(
        samples.astype("float32"), sampling_rate=100, leads=STANDARD_12_LEADS, unit="mV"
    )
    frame = pd.DataFrame({"ecg": ecg}, index=pd.Index(table["ecg_id"]))
    write_ecg_folder(frame, tmp_path / "store", progress=False)
    words = ["--key", "ecg_id", "--patient", "patient_id", "--fold", "strat_fold"]
    labels = ["NORM", "MI", "STTC", "CD", "HYP"]
    words += ["--labels", ",".join(labels)]
    with pytest.warns(UserWarning, match="1525 of 1625 rows have no record"):
        invoke("cohort", "csv", tmp_path / "store", folder / "labels.csv", tmp_path / "out", *words)
    cohort = read_cohort(tmp_path / "out")
    assert cohort.Y.to_numpy().tolist() == table[labels].to_numpy().tolist()
    assert cohort.folds.tolist() == table["strat_fold"].tolist()
    assert cohort.X["subject_id"].tolist() == table["patient_id"].astype(str).tolist()


@pytest.mark.real_data
def test_command_writes_cohort_and_report(invoke, fail, real_data, tmp_path):
    tree, out = real_data / "mimic_iv_demo", tmp_path / "out"
    invoke("ingest", tree / "ecg" / "files", tmp_path / "store")
    command = ["cohort", "mimic-iv", out, "--store", tmp_path / "store"]
    command += [word for name in ("ecg", "hosp", "ed") for word in (f"--{name}", tree / name)]
    settings = ["min_count=5", "diagnoses=diagnoses_icd", "lab_aggregates=last,slope"]
    command += [word for setting in settings for word in ("--set", setting)]
    assert "Cohort of 113 records from 17 subjects" in invoke(*command)
    cohort = read_cohort(out, verify=True)
    assert {"potassium last", "potassium slope"} <= set(cohort.X.columns)
    assert cohort.split.value_counts().to_dict() == {"train": 106, "test": 5, "validation": 2}
    assert (out / "report" / "report.html").exists()
    assert "already holds a cohort" in fail(*command)
    invoke(*command, "--set", "split=14,3,3", "--set", "icd9=leave", "--overwrite")
    cohort = read_cohort(out)
    assert len(cohort.X) == 91  # without later ECGs of a stay
    assert cohort.Y.notna().all(axis=1).sum() < 30
