"""``ecgsk cohort mimic-iv``."""

import pytest

from ecgsk.cli._cohort import _specs
from ecgsk.datasets import MimicFolds, MimicInputs, MimicTargets, read_cohort
from ecgsk.exceptions import ECGError


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
