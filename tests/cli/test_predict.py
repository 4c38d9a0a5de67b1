"""``ecgsk predict``: printed or written, with an exit code for records left out."""

import json

import numpy as np
import pandas as pd
import pytest

import ecgsk
from ecgsk.datasets import write_cohort


@pytest.fixture
def folder(write_patient, tmp_path):
    """Two good records and a broken one."""
    for name in ("a", "b", "cut"):
        write_patient(f"in/{name}")
    (tmp_path / "in" / "cut.dat").write_bytes(b"cut")
    return tmp_path / "in"


def test_records_are_printed_a_line_each(invoke, model, write_patient):
    text = invoke("predict", model, write_patient("p7"), write_patient("p8", 250))
    first, second = text.strip().splitlines()
    assert first.startswith("p7: ")
    assert second.startswith("p8: ")
    assert first[4:] == second[4:]  # the same patient, at another rate


def test_json_holds_every_probability_and_decision(run_main, model, explaining, write_patient):
    code, out, _ = run_main("predict", model, write_patient("p7"), "--json")
    assert code == 0
    (record,) = json.loads(out)["records"]
    assert record["record"] == "p7"
    assert (record["usable"], record["reason"], record["quality"]) == (True, "", "")
    encoder = explaining[-1].encoder_
    assert [d["name"] for d in record["diagnoses"]] == encoder.label_names_
    assert [f["name"] for f in record["laboratories"]] == explaining[-1].label_names_
    for fact in record["diagnoses"] + record["laboratories"]:
        assert fact["predicted"] == (fact["probability"] > 0.5)


def test_predictions_agree_with_the_explanation(run_main, model, write_patient):
    record = write_patient("p7")
    _, predicted, _ = run_main("predict", model, record, "--json")
    _, explained, _ = run_main("explain", record, "--model", model, "--json")
    (predicted,), explained = json.loads(predicted)["records"], json.loads(explained)
    for kind in ("diagnoses", "laboratories"):
        np.testing.assert_allclose(
            [fact["probability"] for fact in predicted[kind]],
            [fact["probability"] for fact in explained[kind]],
            atol=1e-12,
        )


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_cohort_is_written_to_a_file(invoke, model, cohort, tmp_path, suffix):
    folder, out = write_cohort(cohort, tmp_path / "cohort"), tmp_path / f"p.{suffix}"
    text = invoke("predict", model, folder, "--out", out, "--chunk-size", 16)
    assert text.strip().endswith(f"Written to {out}")
    assert f"{len(cohort.X)} records, " in text
    frame = pd.read_parquet(out) if suffix == "parquet" else pd.read_csv(out)
    assert len(frame) == len(cohort.X)


def test_records_left_out_end_in_exit_code_3(run_main, model, folder, tmp_path):
    code, out, err = run_main("predict", model, folder, "--out", tmp_path / "p.csv", "--json")
    assert code == 3
    facts = json.loads(out)
    assert (facts["n_records"], facts["n_left_out"]) == (3, 1)
    assert "1 of 3 records are not predicted, such as cut: record" in err
    frame = pd.read_csv(tmp_path / "p.csv")
    assert "is truncated" in frame["reason"][2]
    code, out, _ = run_main("predict", model, folder)
    assert code == 3
    assert "cut: not predicted: record " in out


def test_quiet_prints_nothing_where_a_file_is_written(run_main, model, write_patient, tmp_path):
    arguments = ("predict", model, write_patient("p7"), "--out", tmp_path / "p.csv", "--quiet")
    assert run_main(*arguments) == (0, "", "")


def test_a_diagnosis_model_predicts_without_laboratories(run_main, classifier, X, tmp_path, cohort):
    folder = write_cohort(cohort, tmp_path / "cohort")
    _, out, _ = run_main("predict", ecgsk.save(classifier, tmp_path / "m"), folder, "--json")
    assert "laboratories" not in json.loads(out)["records"][0]


def test_mistakes_end_in_a_message(fail, model, pretrainer, write_patient, tmp_path):
    record = write_patient("p7")
    assert "there is no header" in fail("predict", model, tmp_path / "nobody")
    assert "expected a file with the suffix" in fail(
        "predict", model, record, "--out", tmp_path / "p.txt"
    )
    (tmp_path / "p.csv").write_text("mine")
    message = fail("predict", model, record, "--out", tmp_path / "p.csv")
    assert "exists. Choose another, or pass --overwrite" in message
    assert "or -1 for every core" in fail("predict", model, record, "--jobs", 0)
    other = ecgsk.save(pretrainer, tmp_path / "pretrainer")
    assert "got a JointEmbeddingPretrainer" in fail("predict", other, record)
    assert "expected manifest.json" in fail("predict", tmp_path, record)


def test_help_has_an_example(invoke):
    text = invoke("predict", "--help")
    assert "ecgsk predict ecgsk-demo/model store --out predictions.parquet --jobs 4" in text
    for name in ("--out", "--jobs", "--chunk-size", "--overwrite", "--json", "exit code is then 3"):
        assert name in text
