"""``ecgsk evaluate``: tables, figures, model card and model of a cohort folder."""

import re

import numpy as np
import pandas as pd
import pytest

import ecgsk
from ecgsk.cli import _evaluate
from ecgsk.datasets import Cohort, read_cohort, write_cohort
from ecgsk.evaluation import JOINT_EMBEDDING
from ecgsk.exceptions import TableWarning

SIGNAL = "signal only"
MULTIMODAL = "multimodal (ECG + table at inference)"
ARMS = [SIGNAL, JOINT_EMBEDDING, MULTIMODAL]
TABLES = ["arms", "differences", "gap_closed", "label_differences", "per_label", "subgroups"]
PICTURES = ["arms", "calibration", "calibration_labels", "labels", "net_benefit", "subgroups"]
QUICK = ["--encoder", "resnet10", "--max-epochs", 1, "--resamples", 40]


@pytest.fixture(scope="module")
def folder(cohort, X, Y, tmp_path_factory):
    """A cohort of few labels, one of which tries to be more than a name."""
    Y = Y.rename(columns={Y.columns[0]: "<b>a_b & 50%</b>"})
    split = pd.Series("train", index=X.index).mask(X["subject_id"] % 3 == 0, "test")
    labs = cohort.labs[["potassium"]]
    small = Cohort(
        X, Y, labs=labs, reference_ranges=cohort.reference_ranges.loc[["potassium"]], split=split
    )
    return write_cohort(small, tmp_path_factory.mktemp("cohort"), progress=False)


@pytest.fixture(scope="module")
def evaluated(folder, invoke, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluated") / "new" / "out"
    arms = [word for arm in ARMS for word in ("--arm", arm)]
    return invoke("evaluate", folder, "--out", out, *arms, *QUICK), out


def test_all_files_are_written(evaluated):
    _, out = evaluated
    tables = [f"{name}.{form}" for name in [*TABLES, "laboratories"] for form in ("csv", "tex")]
    pictures = [f"{name}.png" for name in PICTURES]
    others = ["report.html", "model_card.md", "model"]
    assert {path.name for path in out.iterdir()} == {*tables, *pictures, *others}
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_uses_the_split_of_the_cohort(evaluated, folder):
    text, out = evaluated
    assert "Using the cohort's own training and test split" in text
    X = read_cohort(folder).X
    n_test = X.loc[X["subject_id"] % 3 == 0, "subject_id"].nunique()
    assert f"| test: patients | {n_test} |" in (out / "model_card.md").read_text("utf-8")
    arms = pd.read_csv(out / "arms.csv")
    assert arms["arm"].tolist() == ARMS
    assert (arms["label_fraction"] == 1).all()


def test_labels_are_text_everywhere(evaluated):
    _, out = evaluated
    page = (out / "report.html").read_text("utf-8")
    assert "&lt;b&gt;a_b &amp; 50%" in page
    assert "<b>a_b" not in page
    assert r"\textless{}b\textgreater{}a\_b \& 50\%" in (out / "per_label.tex").read_text("utf-8")
    assert r"\<b>a\_b & 50%\</b>" in (out / "model_card.md").read_text("utf-8")


def test_page_holds_tables_and_figures(evaluated):
    text, out = evaluated
    page = (out / "report.html").read_text("utf-8")
    assert len(re.findall("<svg", page)) == len(PICTURES)
    headings = re.findall("<h2>(.+?)</h2>", page)
    assert headings[0] == "Summary"
    assert {"Share of the gap closed", "Net benefit of the most frequent labels"} <= set(headings)
    assert headings[-1] == "TRIPOD+AI items"
    printed = [line for line in text.splitlines() if " gone, " not in line]  # no progress
    line = next(line for line in printed if "- signal only: " in line)
    assert line in page


def test_model_needs_only_the_ecg(evaluated, folder):
    _, out = evaluated
    model, X = ecgsk.load(out / "model"), read_cohort(folder).X
    P = model.predict_proba(X[["ecg"]].iloc[:3])
    assert P.shape == (3, 4)
    assert ((P > 0) & (P < 1)).all()
    assert [type(step).__name__ for _, step in model.steps][:2] == ["Resample", "BandpassFilter"]


def test_too_few_patients_in_the_test_part_and_a_share_of_the_labels(
    folder, invoke, tmp_path, monkeypatch
):
    monkeypatch.setattr(_evaluate, "_draw", lambda *_: {})  # seen above, and slow
    cohort = read_cohort(folder)
    one = cohort.X["subject_id"] == cohort.X["subject_id"].iloc[0]
    cohort["split"] = pd.Series(np.where(one, "test", "train"), index=cohort.X.index)
    write_cohort(cohort, tmp_path / "cohort", progress=False)
    asked = ["--arm", "table only", "--label-fraction", 0.5, "--out", tmp_path / "out"]
    text = invoke("evaluate", tmp_path / "cohort", *asked, *QUICK)
    assert "test split: 1, too few to test on. Using a random" in text
    assert pd.read_csv(tmp_path / "out" / "arms.csv")["label_fraction"].tolist() == [0.5]
    card = (tmp_path / "out" / "model_card.md").read_text("utf-8")
    assert card.startswith("# Model card: table only\n")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--label-fraction", "1.5", "--label-fraction must be in (0, 1], got 1.5"),
        ("--test-size", "1", "--test-size must be in (0, 1), got 1"),
        ("--arm", "wizard", "--arm must be one of random encoder + linear"),
        ("--arms", "wizard", "--arms"),
        ("--encoder", "wizard", "--encoder must be one of net1d"),
        ("--max-epochs", "0", "--max-epochs"),
        ("--resamples", "0", "--resamples"),
    ],
)
def test_options_out_of_range(fail, folder, tmp_path, option, value, message):
    assert message in fail("evaluate", folder, option, value, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_set_of_arms_is_passed_on(invoke, fail, folder, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(_evaluate, "run", lambda cohort, out, settings: seen.append(settings.arms))
    invoke("evaluate", folder, "--arms", "ablation", "--out", tmp_path / "out")
    invoke("evaluate", folder, "--out", tmp_path / "out")
    assert seen == ["ablation", None]
    asked = ["--arms", "ablation", "--arm", "table only", "--out", tmp_path / "out"]
    assert "exclude each other" in fail("evaluate", folder, *asked)


def test_folders_that_hold_no_cohort(fail, folder, tmp_path):
    message = fail("evaluate", tmp_path, "--out", tmp_path / "out")
    assert message.startswith("error: ")
    cohort = read_cohort(folder)
    cohort["Y"] = cohort.Y * np.nan
    write_cohort(cohort, tmp_path / "cohort", progress=False)
    message = fail("evaluate", tmp_path / "cohort", "--out", tmp_path / "out")
    assert "expected records with diagnoses" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.real_data
def test_mimic_iv_demo_has_too_few_patients(invoke, real_data, tmp_path):
    tree = real_data / "mimic_iv_demo"
    folders = [word for name in ("ecg", "hosp", "ed") for word in (f"--{name}", tree / name)]
    invoke("cohort", "mimic-iv", tmp_path / "cohort", *folders)
    out = tmp_path / "out"
    arms = ["--arm", SIGNAL, "--arm", JOINT_EMBEDDING]
    text = invoke("evaluate", tmp_path / "cohort", "--out", out, *arms, *QUICK)
    assert "test patients have labels: the intervals are not reliable." in text
    assert set(pd.read_csv(out / "differences.csv")["verdict"]) == {"too few patients"}
    card = (out / "model_card.md").read_text("utf-8")
    assert "test patients have labels: the intervals are not reliable." in card


def test_table_of_the_cohort_is_checked(folder, invoke, run_main, cohort, X, Y, tmp_path):
    assert "nothing found" in invoke("check", folder)
    with pytest.warns(TableWarning):
        wrong = Cohort(X.assign(hadm_id=np.arange(len(X))), Y)
    write_cohort(wrong, tmp_path / "wrong", progress=False)
    text = "The clinical column 'hadm_id' is an identifier by its name."
    code, out, _ = run_main("check", tmp_path / "wrong")
    assert (code, f"error: {text}" in out) == (1, True)
    code, _, err = run_main("evaluate", tmp_path / "wrong", "--out", tmp_path / "out", *QUICK)
    assert code == 1
    assert f"error: compare_arms: {text}" in err
