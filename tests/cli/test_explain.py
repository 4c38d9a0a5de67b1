"""``ecgsk explain``: records of any rate, length and lead order; bad input in plain words."""

import json
import re

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import LabAbnormalityExplainer
from ecgsk.datasets import write_cohort
from ecgsk.preprocessing import Resample, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS


def _probabilities(folder):
    explanation = json.loads((folder / "explanation.json").read_text("utf-8"))
    return {
        f.get("name") or f"{f['laboratory']} {f['direction']}": f["probability"]
        for f in explanation["diagnoses"] + explanation["laboratories"]
    }


@pytest.mark.parametrize("rate", [100, 500])
@pytest.mark.parametrize("suffix", ["", ".hea"])
def test_record_is_explained(invoke, model, write_patient, rate, suffix):
    path = write_patient("p7", rate)
    text = invoke("explain", f"{path}{suffix}", "--model", model)
    assert re.match(r"ECG p7: heart rate \d+/min\nTraining population: .+\nDiagnoses", text)
    assert "\nLaboratory abnormalities" in text
    assert ", reference " in text
    assert "Research use only" in text


@pytest.mark.parametrize("rate", [100, 250, 500])
def test_record_is_explained_as_in_python(
    invoke, model, explaining, write_patient, ecg_500hz, tmp_path, rate
):
    invoke("explain", write_patient("r", rate), "--model", model, "--out", tmp_path / "a" / "out")
    found = _probabilities(tmp_path / "a" / "out")
    X = ecg_500hz.to_frame()
    diagnoses = explaining[-1].encoder_
    expected = dict(
        zip(explaining[-1].label_names_, explaining.predict_proba(X)[0], strict=True)
    ) | dict(
        zip(
            diagnoses.label_names_,
            diagnoses.predict_proba(explaining[:-1].transform(X))[0],
            strict=True,
        )
    )
    assert found.keys() == expected.keys()
    # The record was rounded to a microvolt and resampled once or twice.
    np.testing.assert_allclose(
        [found[name] for name in expected], list(expected.values()), atol=0.005
    )


def test_what_is_written(invoke, model, write_patient, tmp_path):
    out = tmp_path / "out"
    text = invoke("explain", write_patient("p7"), "--model", model, "--out", out)
    assert {p.name for p in out.iterdir()} == {"report.html", "explanation.json", "explanation.png"}
    assert f"Written to {out}" in text
    assert (out / "explanation.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "report.html").read_text("utf-8")
    assert "<h1>ECG p7: heart rate" in page
    assert "<svg" in page
    explanation = json.loads((out / "explanation.json").read_text("utf-8"))
    assert explanation["record"] == "p7"
    assert {"name", "probability", "threshold", "predicted"} <= explanation["diagnoses"][0].keys()
    assert "not shown to cause" in explanation["note"]


def test_pipeline_of_few_leads_asks_for_those_alone(
    invoke, make_classifier, cohort, Y, write_patient, tmp_path
):
    limb = ["II", "I"]
    classifier = make_pipeline(SelectLeads(limb), make_classifier()).fit(cohort.X, Y)[-1]
    explainer = LabAbnormalityExplainer(FrozenEstimator(classifier))
    targets = cohort.labs[["potassium"]] > 5.1
    targets = targets.astype(float).rename(columns={"potassium": "potassium high"})
    first = make_pipeline(SelectLeads(limb), Resample(100), explainer).fit(cohort.X, targets)
    text = invoke(
        "explain",
        write_patient("limb", leads=("I", "II", "III")),
        "--model",
        ecgsk.save(first, tmp_path / "first"),
    )
    assert "potassium high" in text
    # Here the first step saw twelve leads, and will see twelve.
    second = make_pipeline(Resample(100), SelectLeads(limb), explainer).fit(cohort.X, targets)
    again = invoke(
        "explain", write_patient("limb"), "--model", ecgsk.save(second, tmp_path / "second")
    )
    assert again == text


def test_explainer_alone_and_without_diagnoses(
    invoke, pretrainer, X, cohort, write_patient, tmp_path
):
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(pretrainer), reference_ranges=cohort.reference_ranges
    )
    pipeline = make_pipeline(explainer).fit(X, cohort.labs)
    text = invoke(
        "explain", write_patient("r", 100), "--model", ecgsk.save(pipeline, tmp_path / "model")
    )
    assert re.match(r"ECG r.*\nTraining population: .+\nLaboratory abnormalities", text)


def test_a_short_record_is_explained_with_a_warning(run_main, model, write_patient):
    code, out, err = run_main("explain", write_patient("short", seconds=6), "--model", model)
    assert code == 0
    assert out.startswith("ECG short: heart rate")
    assert err.startswith("warning: ")
    assert "missing samples" in err


def test_no_such_record(fail, model, tmp_path):
    message = fail("explain", tmp_path / "nobody", "--model", model)
    assert message.startswith("error: record ")
    assert "there is no header" in message


def test_record_lacks_a_lead(fail, model, write_patient):
    leads = [lead for lead in STANDARD_12_LEADS if lead not in ("aVF", "V3")]
    message = fail("explain", write_patient("r", leads=leads), "--model", model)
    assert "it lacks aVF, V3; it stores I, II, III, aVR, aVL, V1, V2, V4" in message


def test_record_is_truncated(fail, model, write_patient):
    path = write_patient("r")
    path.with_suffix(".dat").write_bytes(b"cut")
    assert "is truncated" in fail("explain", path, "--model", model)


def test_folder_is_no_model(fail, write_patient, tmp_path):
    record = write_patient("r")
    message = fail("explain", record, "--model", tmp_path)
    assert "expected manifest.json and weights.safetensors" in message
    assert "does not exist" in fail("explain", record, "--model", tmp_path / "absent")
    assert "is a file" in fail("explain", record, "--model", record.with_suffix(".hea"))


def test_model_is_damaged(fail, explaining, write_patient, tmp_path):
    folder = ecgsk.save(explaining, tmp_path / "damaged")
    (folder / "weights.safetensors").write_bytes(b"")
    assert "it is damaged" in fail("explain", write_patient("r"), "--model", folder)


def test_model_explains_nothing(fail, classifier, pretrainer, X, write_patient, tmp_path):
    record = write_patient("r")
    for name, other in [
        ("ECGDiagnosisClassifier", classifier),
        ("JointEmbeddingPretrainer", make_pipeline(Resample(100).fit(X), pretrainer)),
    ]:
        message = fail("explain", record, "--model", ecgsk.save(other, tmp_path / name))
        assert "expected a " in message
        assert f"got a {name}" in message


def test_model_without_laboratories_explains_diagnoses(
    invoke, classifier, X, write_patient, tmp_path
):
    folder = ecgsk.save(make_pipeline(Resample(100).fit(X), classifier), tmp_path / "model")
    text = invoke("explain", write_patient("r"), "--model", folder)
    assert "Diagnoses, not calibrated" in text
    assert "Laborator" not in text


def test_model_of_plain_arrays(fail, make_pretrainer, X, write_patient, tmp_path):
    x = X["ecg"].ecg.to_numpy()
    explainer = LabAbnormalityExplainer(make_pretrainer())
    pipeline = make_pipeline(explainer).fit(x, (X["age"] > 60).astype(int))
    folder = ecgsk.save(pipeline, tmp_path / "model")
    message = fail("explain", write_patient("r"), "--model", folder)
    assert "was fitted on plain arrays, which have no lead names" in message


@pytest.mark.filterwarnings("ignore:.*the encoder uses 'potassium':UserWarning")
@pytest.mark.parametrize("inputs", ["clinical", "ecg+clinical"])
def test_model_needs_a_table(fail, make_classifier, X, Y, cohort, write_patient, tmp_path, inputs):
    classifier = make_classifier(inputs=inputs).fit(X, Y)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
    )
    pipeline = make_pipeline(Resample(100), explainer).fit(X, cohort.labs)
    folder = ecgsk.save(pipeline, tmp_path / "model")
    message = fail("explain", write_patient("r"), "--model", folder)
    assert f"has inputs='{inputs}', but a record has no clinical table" in message


def test_nothing_is_printed_before_out_is_found_not_to_be_writable(run_main, model, write_patient):
    record = write_patient("r")
    below = record.with_suffix(".hea") / "below"
    code, out, _ = run_main("explain", record, "--model", model, "--out", below)
    assert (code, out) == (1, "")


def test_out_is_a_file(fail, model, write_patient):
    record = write_patient("r")
    message = fail("explain", record, "--model", model, "--out", record.with_suffix(".hea"))
    assert "is a file" in message


def test_several_records_have_a_folder_each_and_an_index(invoke, model, write_patient, tmp_path):
    paths = [write_patient("p7"), tmp_path / "p <8>"]
    write_patient("p8", 250).with_suffix(".hea").rename(tmp_path / "p <8>.hea")
    text = invoke("explain", *paths, "--model", model, "--out", tmp_path / "out")
    assert text.index("ECG p7") < text.index("ECG p <8>")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["001-p7", "002-p_8_", "index.html"]
    assert (tmp_path / "out" / "002-p_8_" / "report.html").exists()
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert '<a href="001-p7/report.html">ECG p7' in page
    assert "ECG p &lt;8&gt;" in page
    assert "Left out" not in page


def test_records_of_a_store_are_explained_by_name(run_main, model, cohort, tmp_path):
    folder = write_cohort(cohort, tmp_path / "cohort")
    names = [str(name) for name in cohort.X.index[[4, 2]]]
    chosen = [part for name in names for part in ("--record", name)]
    code, out, _ = run_main("explain", folder, *chosen, "--model", model, "--json")
    assert code == 0
    found = json.loads(out)
    assert [str(record["record"]) for record in found["records"]] == sorted(names)
    assert found["left_out"] == []
    code, out, _ = run_main("explain", folder, *chosen[:2], "--model", model)
    assert re.match(rf"ECG {names[0]}: .*\d+ years", out)


def test_the_first_records_up_to_the_limit_are_explained(run_main, model, cohort, tmp_path):
    folder = write_cohort(cohort, tmp_path / "cohort")
    code, out, err = run_main("explain", folder, "--model", model, "--limit", 2, "--json")
    assert code == 0
    found = [str(record["record"]) for record in json.loads(out)["records"]]
    assert found == [str(name) for name in cohort.X.index[:2]]
    assert f"{len(cohort.X)} records found; the first 2 are explained" in err


def test_an_unknown_name_of_a_record_is_refused(fail, model, cohort, tmp_path):
    folder = write_cohort(cohort, tmp_path / "cohort")
    message = fail("explain", folder, "--model", model, "--record", "nobody")
    assert f"no record is called 'nobody'. Its {len(cohort.X)} records have names" in message


def test_records_left_out_are_named_and_end_in_exit_code_3(
    run_main, fail, model, write_patient, tmp_path
):
    write_patient("in/good")
    write_patient("in/cut").with_suffix(".dat").write_bytes(b"cut")
    out = tmp_path / "out"
    code, text, _ = run_main("explain", tmp_path / "in", "--model", model, "--out", out)
    assert code == 3
    assert "cut: left out: record " in text
    assert "<h2>Left out</h2>" in (out / "index.html").read_text("utf-8")
    write_patient("in/good").with_suffix(".dat").write_bytes(b"cut")
    message = fail("explain", tmp_path / "in", "--model", model)
    assert "none of 2 records can be explained; the first: record" in message


def test_help_has_an_example_of_both_uses(invoke):
    text = invoke("explain", "--help")
    assert "ecgsk explain store --record p1 --record p7 --model ecgsk-demo/model" in text
