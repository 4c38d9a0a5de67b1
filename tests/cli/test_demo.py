"""``ecgsk demo``: a complete run, its files, and errors."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import webbrowser
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import ecgsk
from ecgsk.cli import _demo
from ecgsk.evaluation import JOINT_EMBEDDING, compare_arms
from ecgsk.evaluation.arms import resolve_arms
from tests.loopback import server

__all__ = ["server"]

# So few patients calibrate next to nothing, and the demo says so.
pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")

DEFAULT_ARMS = resolve_arms(None)
_FILES = {
    "report.html",
    "arms.csv",
    "arms.png",
    "explanation.html",
    "differences.csv",
    "gap_closed.csv",
    "laboratories.csv",
    "explanation.json",
    "explanation.png",
    "model",
}


@pytest.fixture(scope="module", params=["tiny", pytest.param("default", marks=pytest.mark.slow)])
def demo(request, invoke, make_pretrainer, make_classifier, tmp_path_factory):
    """Text and folder of one run of the fewest patients, with tiny models or its own."""
    out = tmp_path_factory.mktemp("demo") / "new" / "out"
    models = {"pretrainer": make_pretrainer(), "classifier": make_classifier()}
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tiny":
            patch.setattr("ecgsk.cli._demo.compare_arms", partial(compare_arms, **models))
        text = invoke("demo", "--subjects", 100, "--label-fraction", 0.3, "--jobs", 1, "--out", out)
    return text, out


def test_arms_with_intervals(demo):
    text, out = demo
    assert {path.name for path in out.iterdir()} == _FILES
    arms = pd.read_csv(out / "arms.csv")
    assert arms["arm"].tolist() == DEFAULT_ARMS
    assert (arms["label_fraction"] == 0.3).all()
    for score in ("auroc", "auprc"):
        assert (arms[f"{score}_low"] <= arms[f"macro_{score}"]).all()
        assert (arms[f"macro_{score}"] <= arms[f"{score}_high"]).all()
    # Stage (iii) needs an embedding of the ECG alone.
    without = arms["laboratory_auroc"].isna()
    assert set(arms["arm"][without]) == {"table only", "multimodal (ECG + table at inference)"}
    for arm in DEFAULT_ARMS:
        assert arm in text


def test_further_tables(demo):
    _, out = demo
    differences = pd.read_csv(out / "differences.csv")
    assert differences["arm"].tolist() == [arm for arm in DEFAULT_ARMS if arm != JOINT_EMBEDDING]
    arms = pd.read_csv(out / "arms.csv").set_index("arm")["macro_auroc"]
    np.testing.assert_allclose(
        differences["auroc_difference"], arms[JOINT_EMBEDDING] - arms[differences["arm"]].to_numpy()
    )
    gap = pd.read_csv(out / "gap_closed.csv").set_index("baseline")["gap_closed"]
    assert {"signal only", "signal only, compute-matched, early stopping"} <= set(gap.index)
    laboratories = pd.read_csv(out / "laboratories.csv").set_index("target")
    assert "potassium high" in laboratories.index
    assert laboratories[JOINT_EMBEDDING].dropna().between(0, 1).all()


def test_report_opens_with_the_explained_ecg_and_the_conclusion(demo):
    text, out = demo
    page = (out / "report.html").read_text("utf-8")
    headings = re.findall("<h2>(.*?)</h2>", page)
    assert headings[:2] == [
        "One ECG of a test patient, explained",
        "Does the joint embedding help?",
    ]
    first = page[page.index(headings[0]) : page.index(headings[1])]
    assert "<svg" in first
    assert re.search("<td>(present|absent)</td>", first)
    differences = pd.read_csv(out / "differences.csv").set_index("arm")
    signal = differences.loc["signal only"]
    said = f"joint embedding minus signal only: {signal.auroc_difference:+.3f} "
    assert said in text
    assert said in page


class _Page(HTMLParser):
    """Tags of a page, and what they point to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.targets, self.handlers = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "srcset", "action"):
                self.targets.append(value)
            if name.startswith("on"):
                self.handlers.append(name)


def test_report_is_self_contained(demo):
    _, out = demo
    text = (out / "report.html").read_text("utf-8")
    page = _Page(text)
    assert {"h1", "table", "svg", "pre"} <= page.tags
    assert not page.tags & {"script", "iframe", "link", "object", "embed", "form"}
    assert not page.handlers
    assert not [target for target in page.targets if not target.startswith(("#", "data:"))]
    assert not re.search(r"@import|url\(\s*['\"]?(?!#|data:)[\w/]", text)


def test_report_holds_the_results(demo):
    _, out = demo
    text = (out / "report.html").read_text("utf-8")
    assert "simulated" in text
    assert "not a medical device" in text
    arms = pd.read_csv(out / "arms.csv")
    for row in arms.itertuples():
        interval = f"{row.macro_auroc:.3f} [{row.auroc_low:.3f}, {row.auroc_high:.3f}]"
        assert f"<td>{row.arm}</td><td>{interval}</td>" in text
    assert re.search(r"\[[+-]0\.\d{3}, [+-]0\.\d{3}\]", text), "differences without interval"


def test_one_patient_is_explained(demo):
    text, out = demo
    explanation = json.loads((out / "explanation.json").read_text("utf-8"))
    age = explanation["patient"]["age"]
    assert f"ECG {explanation['record']}: {age}, " in text
    assert "Training population: simulated patients" in text
    assert "Nothing here says anything about a real patient" in (
        out / "explanation.html"
    ).read_text("utf-8")
    assert text.index("Training population") < text.index("table only: AUROC")  # at once
    known = {d["recorded"] for d in explanation["diagnoses"]}
    assert known <= {True, False, None}
    assert known != {None}
    assert {"laboratory", "direction", "probability", "base_rate", "low", "high", "unit"} <= set(
        explanation["laboratories"][0]
    )
    for name in ("arms.png", "explanation.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("rate", [100, 500])
def test_the_model_explains_other_records(demo, invoke, write_patient, tmp_path, rate):
    _, out = demo
    path = write_patient("p7", rate)
    text = invoke("explain", path, "--model", out / "model", "--out", tmp_path / "out")
    assert re.match(r"ECG p7: heart rate \d+/min\nTraining population: .+\nDiagnoses", text)
    assert ", reference " in text
    assert (tmp_path / "out" / "report.html").exists()
    labels = ecgsk.load(out / "model")[-1].encoder_.label_names_
    explanation = json.loads((tmp_path / "out" / "explanation.json").read_text("utf-8"))
    assert [d["name"] for d in explanation["diagnoses"]] == labels


@pytest.mark.slow
@pytest.mark.real_data
def test_demo_on_mimic_iv_s_layout(invoke, real_data, tmp_path):
    tree = real_data / "mimic_iv_demo"
    text = invoke(
        "demo",
        "--mimic-ecg",
        tree / "ecg",
        "--hosp",
        tree / "hosp",
        "--ed",
        tree / "ed",
        "--jobs",
        1,
        "--out",
        tmp_path / "out",
    )
    assert "113 ECGs" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == _FILES
    assert pd.read_csv(tmp_path / "out" / "arms.csv")["arm"].tolist() == DEFAULT_ARMS
    # A handful of patients shows nothing, and the report may not say otherwise.
    verdicts = pd.read_csv(tmp_path / "out" / "differences.csv")["verdict"]
    assert set(verdicts) == {"too few patients"}
    record = pd.read_csv(tree / "ecg" / "record_list.csv").iloc[0]
    text = invoke("explain", tree / "ecg" / record["path"], "--model", tmp_path / "out" / "model")
    assert text.startswith(f"ECG {record['study_id']}")
    assert "\nTraining population: patients of MIMIC-IV\nDiagnoses" in text
    assert ", reference " in text


@pytest.mark.slow
@pytest.mark.real_data
def test_demo_on_open_data_downloads_joins_trains_and_states_its_limits(
    invoke, real_data, server, make_pretrainer, make_classifier, tmp_path, monkeypatch
):
    tree = real_data / "mimic_iv_demo"
    ecg = {
        path.relative_to(tree / "ecg").as_posix(): path.read_bytes()
        for path in [tree / "ecg" / "record_list.csv", *tree.glob("ecg/files/**/*.*")]
    }
    server.publish("mimic-iv-ecg-demo/0.1", ecg)
    for database, module in (("mimic-iv-demo/2.2", "hosp"), ("mimic-iv-ed-demo/2.2", "ed")):
        files = {f"{module}/{path.name}": path.read_bytes() for path in (tree / module).iterdir()}
        server.publish(database, files)
    models = {"pretrainer": make_pretrainer(), "classifier": make_classifier()}
    monkeypatch.setattr("ecgsk.cli._demo.compare_arms", partial(compare_arms, **models))
    out, home = tmp_path / "out", tmp_path / "home"
    command = ("demo", "--open-data", "mimic-iv-demo", "--data-home", home, "--mirror", server.url)
    text = invoke(*command, "--jobs", 1, "--out", out)
    assert "113 ECGs of 17 patients" in text
    assert "They cannot show: which arm is better" in text
    page = (out / "report.html").read_text("utf-8")
    assert "What so few patients can and cannot show" in page
    assert {path.name for path in out.iterdir()} == _FILES | {"cohort"}
    assert (out / "cohort" / "clock_drift.csv").exists()
    n_asked = len(server.asked)
    assert len(ecg) == 227
    assert n_asked > 227
    # All is there: the second run asks for nothing.
    again = _demo.open_study(_demo.QUICK, home, server.url, None)
    assert len(again.cohort.X) == 113
    assert len(server.asked) == n_asked


def test_open_data_excludes_own_folders(fail, tmp_path):
    command = ("demo", "--out", tmp_path / "out")
    open_data = ("--open-data", "mimic-iv-demo")
    own = ("--mimic-ecg", tmp_path, "--hosp", tmp_path)
    assert "exclude each other" in fail(*command, *open_data, *own)
    assert "need --open-data" in fail(*command, "--mirror", "http://127.0.0.1:1")
    assert "mimic-iv-demo" in fail(*command, "--open-data", "none")


@pytest.mark.parametrize("option", ["--mimic-ecg", "--hosp"])
def test_mimic_ecg_and_hosp_need_each_other(fail, tmp_path, option):
    message = fail("demo", option, tmp_path, "--out", tmp_path / "out")
    assert "--mimic-ecg and --hosp need each other" in message
    assert not (tmp_path / "out").exists()


def test_emergency_folder_alone(fail, tmp_path):
    assert "--ed needs --mimic-ecg and --hosp" in fail("demo", "--ed", tmp_path)


def test_incomplete_mimic_folders_raise(fail, tmp_path):
    folders = ("--mimic-ecg", tmp_path, "--hosp", tmp_path)
    message = fail("demo", *folders, "--jobs", 1, "--out", tmp_path / "out")
    assert message.startswith("error: ")
    assert str(tmp_path) in message
    assert "does not exist" in fail("demo", "--mimic-ecg", tmp_path / "absent", "--hosp", tmp_path)


@pytest.mark.parametrize("fraction", ["0", "-0.1", "1.5", "10", "nan"])
def test_label_fraction_is_a_share(fail, tmp_path, fraction):
    message = fail("demo", "--label-fraction", fraction, "--out", tmp_path / "out")
    assert f"--label-fraction must be in (0, 1], got {fraction}" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--subjects", "99"), ("--seed", "-1"), ("--subjects", "many"), ("--speed", "9")],
)
def test_other_options_out_of_range(fail, tmp_path, option, value):
    assert option in fail("demo", option, value, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_demo_out_is_a_file(fail, tmp_path):
    (tmp_path / "out").write_text("mine", "utf-8")
    assert "is a file" in fail("demo", "--out", tmp_path / "out")
    assert (tmp_path / "out").read_text("utf-8") == "mine"


@pytest.mark.slow
def test_json_has_the_scores(invoke, make_pretrainer, make_classifier, tmp_path):
    models = {"pretrainer": make_pretrainer(), "classifier": make_classifier()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecgsk.cli._demo.compare_arms", partial(compare_arms, **models))
        patch.setattr("ecgsk.cli._demo.webbrowser.open", lambda page: False)
        options = ("--subjects", 100, "--jobs", 1, "--out", tmp_path / "out", "--open", "--json")
        text = invoke("demo", *options)
    document = json.loads(text[text.index("{\n") :])
    assert document["report"] == str(tmp_path / "out" / "report.html")
    assert {row["arm"] for row in document["arms"]} == set(DEFAULT_ARMS)
    assert len(document["differences"]) == len(DEFAULT_ARMS) - 1
    assert set(document["files"]) == _FILES


def test_full_study_prints_its_expected_time(capsys, make_pretrainer, monkeypatch):
    monkeypatch.setattr(_demo, "_N_TIMED", 32)
    study = _demo.synthetic_study(
        replace(_demo.FULL, encoder=make_pretrainer().encoder), 40, 0.5, 0
    )
    _demo._say_expected_time(study, study.cohort.X, n_jobs=2)
    line = capsys.readouterr().out
    assert re.match(r"Expected time: about \d+ min in 2 processes .* on this machine", line)


@pytest.mark.parametrize(
    ("error", "words"), [(False, "No browser"), (webbrowser.Error, "No browser"), (True, "")]
)
def test_report_opens_where_there_is_a_browser(monkeypatch, capsys, tmp_path, error, words):
    def fake(page):
        assert page == (tmp_path / "report.html").as_uri()
        if error is webbrowser.Error:
            raise webbrowser.Error
        return error

    monkeypatch.setattr("ecgsk.cli._demo.webbrowser.open", fake)
    _demo._open(tmp_path / "report.html")
    assert capsys.readouterr().out.startswith(words)


@pytest.mark.slow
def test_ctrl_c_in_processes_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", "ecgsk", "demo", "--subjects", "100", "--jobs", "2"]
    command += ["--out", str(tmp_path / "out")]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    checkpoints = tmp_path / "out" / "checkpoints"
    while run.poll() is None and not list(checkpoints.glob("[!.]*.pt")):  # not one half written
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal sends it: to the workers too
    _, message = run.communicate(timeout=60)
    assert run.returncode == 130, message
    assert "Traceback" not in message
    assert "interrupted: " in message
    kept = len(list(checkpoints.glob("[!.]*.pt")))
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert kept >= 1
    assert not checkpoints.exists()
