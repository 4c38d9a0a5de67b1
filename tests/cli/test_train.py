"""``ecgsk train``: model, card, report and settings of a cohort folder."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

import ecgsk
from ecgsk.cli import _train
from ecgsk.datasets import Cohort, load_brugada_huca, load_ludb, read_cohort, write_cohort
from ecgsk.evaluation import model_card
from ecgsk.preprocessing import LabAbnormality

# Few patients: most labels are not calibrated.
pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")
QUICK = ["--encoder", "resnet10", "--max-epochs", 1, "--resamples", 20]
TABLES = ["diagnoses.csv", "history.csv", "laboratories.csv", "split.csv"]
PICTURES = ["diagnoses", "diagnoses_calibration", "laboratories", "laboratories_calibration"]


@pytest.fixture(scope="module")
def small(cohort, X, Y):
    """Every third patient has no known diagnosis; one label tries to be more than a name."""
    labs = cohort.labs[["potassium", "sodium"]]
    ranges = cohort.reference_ranges.loc[["potassium", "sodium"]]
    Y = Y.rename(columns={Y.columns[0]: "<b>a_b</b>"}).mask(X["subject_id"] % 3 == 0)
    return Cohort(X, Y, labs=labs, reference_ranges=ranges)


@pytest.fixture(scope="module")
def write(small, tmp_path_factory):
    """Write the small cohort with some entries changed; give its folder."""

    def call(**changes):
        entries = {name: small[name] for name in ("X", "Y", "labs", "reference_ranges")}
        changed = Cohort(**(entries | changes))
        return write_cohort(changed, tmp_path_factory.mktemp("cohort"), progress=False)

    return call


@pytest.fixture(scope="module")
def folder(write):
    return write()


@pytest.fixture(scope="module")
def trained(folder, invoke, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "new" / "out"
    return invoke("train", folder, "--out", out, *QUICK, "--val-size", 0.6), out


def read_report(out):
    return json.loads((out / "training_report.json").read_text("utf-8"))


def test_all_files_are_written(trained):
    _, out = trained
    pictures = [f"{name}.png" for name in [*PICTURES, "training"]]
    others = ["report.html", "training_report.json", "model_card.md", "model", "study.toml"]
    assert {path.name for path in out.iterdir()} == {*TABLES, *pictures, *others}


def test_patients_are_on_one_side_each(trained, small):
    _, out = trained
    split = pd.read_csv(out / "split.csv")
    assert split["subject_id"].tolist() == small.groups.tolist()
    assert (split.groupby("subject_id")["side"].nunique() == 1).all()
    n_patients = split.groupby("side")["subject_id"].nunique()
    stated = {row["side"]: row["patients"] for row in read_report(out)["sides"]}
    assert stated == n_patients.to_dict()
    assert set(stated) == {"training", "calibration", "test"}


def test_model_has_seen_training_patients_alone(trained):
    _, out = trained
    model, split = ecgsk.load(out / "model"), pd.read_csv(out / "split.csv")
    n_training = split.loc[split["side"] == "training", "subject_id"].nunique()
    assert model[-1].patients_seen_.n_patients == n_training
    assert model[-1].encoder_.patients_seen_.n_patients == n_training


def test_scores_are_of_the_test_patients_with_the_saved_model(trained, small):
    _, out = trained
    split, model = pd.read_csv(out / "split.csv"), ecgsk.load(out / "model")
    test = split["side"] == "test"
    X = small.X.reset_index(drop=True)[["ecg"]][test]
    P = pd.DataFrame(model.predict_proba(X), columns=model[-1].label_names_)
    table = pd.read_csv(out / "laboratories.csv").set_index("label")
    targets = LabAbnormality(small.reference_ranges).fit_transform(small.labs)[test.to_numpy()]
    assert table.index.tolist() == list(P)
    for name in P:
        y = targets[name].to_numpy()
        known = ~np.isnan(y)
        assert table.loc[name, "known"] == known.sum()
        brier = np.mean((P.loc[known, name] - y[known]) ** 2)
        assert table.loc[name, "Brier score"] == pytest.approx(brier, abs=1e-6)


def test_text_says_who_is_on_which_side(trained):
    text, _ = trained
    assert "60% of the patients at random, halved into calibration and test" in text
    assert re.search(r"calibration +\d+ +\d+", text)
    assert re.search(r"Stage iii, laboratories: [1-4] targets", text)
    assert "ecgsk info" in text


def test_page_has_losses_scores_and_thresholds(trained):
    _, out = trained
    page = (out / "report.html").read_text("utf-8")
    headings = re.findall("<h2>(.+?)</h2>", page)
    assert headings[:3] == ["Patients", "Inputs", "Training"]
    for kind in ("Diagnoses", "Laboratory abnormalities"):
        assert f"{kind}: scores of the test patients" in headings
        assert f"{kind}: thresholds" in headings
    assert len(re.findall("<svg", page)) == len(PICTURES) + 1
    assert "age, sex, potassium, heart_rate, troponin" in page
    assert "&lt;b&gt;a_b&lt;/b&gt;" in page
    assert "<b>a_b" not in page


def test_card_has_three_sides_and_the_thresholds_of_the_calibration(trained):
    _, out = trained
    card = (out / "model_card.md").read_text("utf-8")
    for side in ("training", "calibration", "test"):
        assert f"| {side}: patients |" in card
    assert "set on held-out patients" in card
    assert "pre-training, table | age, sex, potassium, heart\\_rate, troponin" in card
    assert "chosen on held-out" not in card
    assert "set on held-out patients" in model_card(ecgsk.load(out / "model"))


def test_saved_model_explains_and_informs(trained, invoke, small):
    _, out = trained
    assert "training patients" in invoke("info", out / "model")
    explainer = ecgsk.load(out / "model")
    X = explainer[:-1].transform(small.X[["ecg"]].iloc[:1])
    (explanation,) = explainer[-1].explain(X)
    assert len(explanation.diagnoses) == small.Y.shape[1]


def test_study_file_repeats_the_run(trained, folder, invoke, tmp_path):
    _, out = trained
    study = tomllib.loads((out / "study.toml").read_text("utf-8"))
    assert (study["val_size"], study["classifier"]["max_epochs"]) == (0.6, 1)
    printed = invoke(
        "train", folder, "--out", tmp_path / "b", "--config", out / "study.toml", "--json"
    )
    document = json.loads(printed[printed.index("{\n") :])
    assert document["scores"] == read_report(out)["scores"]


def test_report_in_json_is_strict_json(trained):
    _, out = trained
    text = (out / "training_report.json").read_text("utf-8")
    json.loads(text, parse_constant=pytest.fail)


def test_model_is_not_replaced_without_overwrite(trained, folder, fail):
    _, out = trained
    message = fail("train", folder, "--out", out)
    assert "holds a model. Give another --out, or --overwrite" in message


def test_without_labs_the_classifier_is_calibrated(write, invoke, small, tmp_path):
    text = invoke("train", write(labs=None, reference_ranges=None), "--out", tmp_path, *QUICK)
    assert "Stage iii, laboratories: left out: no laboratory value" in text
    model = ecgsk.load(tmp_path / "model")
    assert type(model[-1]).__name__ == "MultilabelCalibrator"
    assert model.predict_proba(small.X[["ecg"]].iloc[:2]).shape == (2, small.Y.shape[1])
    assert "laboratories.csv" not in {path.name for path in tmp_path.iterdir()}


def test_without_labels_the_laboratories_are_learned(write, invoke, small, tmp_path):
    Y = pd.DataFrame(index=small.X.index)
    text = invoke("train", write(Y=Y), "--out", tmp_path, *QUICK)
    assert "Stage ii, diagnoses: left out: no diagnosis" in text
    assert not (tmp_path / "model_card.md").exists()
    assert set(read_report(tmp_path)["scores"]) == {"laboratories"}
    assert ecgsk.load(tmp_path / "model")[-1].encoder_.clinical_columns_


def test_without_table_and_pretraining_signals_are_enough(write, invoke, small, tmp_path):
    X = small.X[["ecg", "subject_id"]]
    folder = write(X=X, labs=None, reference_ranges=None)
    text = invoke("train", folder, "--out", tmp_path, "--no-pretrain", *QUICK)
    assert "Stage i, pre-training: left out" in text
    stage = read_report(tmp_path)["stages"][0]
    assert stage["learned"] == "left out"
    assert read_report(tmp_path)["clinical_columns"] == []


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"Y": None, "labs": None, "reference_ranges": None}, [], "nothing to learn"),
        ({"Y": None}, ["--no-pretrain"], "nothing trains the encoder"),
        ({}, ["--val-fold", 99], "folds of the cohort as val_fold"),
        ({}, ["--encoder", "resnet99"], "encoder must be one of"),
        ({}, ["--band", 0.5, 70], "below half the sampling rate"),
        ({}, ["--test-fold", 1], "given with val_fold"),
    ],
)
def test_mistake_is_an_error_before_any_cost(
    write, small, fail, tmp_path, changes, arguments, message, monkeypatch
):
    monkeypatch.setattr(_train, "preprocessing_steps", lambda *_: pytest.fail("signals are read"))
    if "Y" in changes:
        changes = changes | {"Y": pd.DataFrame(index=small.X.index)}
    out = tmp_path / "out"
    assert message in fail("train", write(**changes), "--out", out, *arguments)
    assert not out.exists()


def test_coverage_that_cannot_be_calibrated_is_refused_before_training(folder, fail, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text("[explainer]\ncoverage = 2.0", "utf-8")
    out = tmp_path / "out"
    assert "coverage" in fail("train", folder, "--out", out, "--config", study, *QUICK)
    assert not out.exists()


def test_unscored_targets_are_said(write, invoke, small, tmp_path):
    one = small.groups == small.groups.iloc[0]  # the only positive patient, in training
    Y = pd.DataFrame({"rare": one.astype(float)})
    folds = pd.Series(np.where(one, 1, small.groups % 5 + 2), small.X.index)
    folder = write(Y=Y, labs=None, reference_ranges=None, folds=folds)
    text = invoke("train", folder, "--out", tmp_path, "--val-fold", 2, *QUICK)
    assert "Diagnoses: not scored" in text
    assert "Not scored" in (tmp_path / "model_card.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_killed_training_goes_on_to_the_same_model(folder, tmp_path, end):
    def command(out):
        quick = ["--encoder", "resnet10", "--max-epochs", "3", "--resamples", "20"]
        return [sys.executable, "-m", "ecgsk", "train", str(folder), "--out", str(out), *quick]

    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    once, twice = tmp_path / "once", tmp_path / "twice"
    subprocess.run(command(once), check=True, capture_output=True, env=env)
    with subprocess.Popen(command(twice), stderr=subprocess.PIPE, text=True, env=env) as process:
        for line in process.stderr:
            if "epoch 2" in line:
                process.send_signal(end)
                break
        process.stderr.read()
    assert process.returncode == (130 if end == signal.SIGINT else -signal.SIGKILL)
    assert list((twice / "checkpoints").iterdir())
    again = subprocess.run(command(twice), check=True, capture_output=True, text=True, env=env)
    assert "are not repeated" in again.stdout
    assert "epoch 1 of 3, train loss" not in again.stderr.split("Fine-tuning")[0]
    first, second = (load_file(out / "model" / "weights.safetensors") for out in (once, twice))
    for name in first:
        if not name.endswith("seconds"):
            assert np.array_equal(first[name], second[name], equal_nan=True), name
    assert not (twice / "checkpoints").exists()


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["brugada", "ludb"])
def test_real_cohort_is_trained(real_data, invoke, tmp_path, name):
    if name == "brugada":
        cohort = load_brugada_huca(real_data / "brugada_huca", progress=False)
    else:
        (table,) = (real_data / "ludb").rglob("ludb.csv")
        cohort = load_ludb(table.parent, min_count=20, progress=False)
    folder = write_cohort(cohort, tmp_path / "cohort", progress=False)
    invoke("train", folder, "--out", tmp_path / "out", *QUICK)
    macro = read_report(tmp_path / "out")["scores"]["diagnoses"]["macro"]
    assert macro["labels_scored"] == cohort.Y.shape[1]
    assert read_cohort(folder).shape == cohort.shape
