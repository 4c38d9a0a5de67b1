"""A cohort's report: what it counts, and that it needs nothing but itself."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort, make_clinical_ecg, write_cohort_report
from ecgsk.datasets._cohort_report_flow import flow_diagram

PARTS = pd.CategoricalDtype(["train", "validation", "test"])


@pytest.fixture
def cohort():
    X = pd.DataFrame(
        {
            "age": [60.0, 61.0, 44.0, np.nan],
            "sex": pd.Categorical(["F", "F", "M", None], ["F", "M"]),
            "smoker": pd.array([True, False, None, None], "boolean"),
            "subject_id": [7, 7, 9, 8],
        }
    )
    Y = pd.DataFrame({"I48": [0.0, 1.0, 0.0, np.nan], "<b>": [1.0, 1.0, 1.0, np.nan]})
    flow = pd.DataFrame(
        {"records": [6, 4], "subjects": [3, 3], "left_out": [0, 2], "reason": ["", "a < b & c"]},
        index=["listed", "readable"],
    )
    return Cohort(
        X,
        Y,
        labs=pd.DataFrame({"potassium": [4.0, np.nan, np.nan, np.nan]}),
        folds=pd.Series([1, 1, 2, 3]),
        split=pd.Series(["train", "train", "validation", "test"], dtype=PARTS),
        flow=flow,
        lab_abnormalities=pd.DataFrame({"potassium low": [1.0, np.nan, np.nan, np.nan]}),
    )


@pytest.fixture
def report(cohort, tmp_path):
    return write_cohort_report(cohort, tmp_path / "new" / "report", title="Ours & <theirs>")


def read(report, name, **options):
    return pd.read_csv(report.parent / name, **options)


def test_tables(report):
    flow = read(report, "flow.csv").set_index("step")
    assert flow.index.tolist() == ["listed", "readable", "train", "validation", "test"]
    assert flow["records"].tolist() == [6, 4, 2, 1, 1]
    assert flow["left_out"].tolist() == [0, 2, 0, 0, 0]
    missing = read(report, "missingness.csv").set_index(["kind", "name"])
    assert missing.loc[("input", "age"), "missing"] == 0.25
    assert missing.loc[("input", "age"), "missing in test"] == 1
    assert missing.loc[("laboratory target", "potassium"), "known"] == 1
    assert missing.loc[("diagnoses", "any diagnosis known"), "known"] == 3
    labs = read(report, "lab_prevalences.csv").set_index("label")
    assert labs.loc["potassium low", ["positive", "known", "prevalence"]].tolist() == [1, 1, 1]
    labels = read(report, "prevalences.csv").set_index("label")
    assert labels.index.tolist() == ["<b>", "I48"]  # the most frequent first
    assert labels.loc["I48", ["positive", "known"]].tolist() == [1, 3]
    np.testing.assert_allclose(labels.loc["I48", "prevalence"], 1 / 3)
    np.testing.assert_allclose(
        labels.loc["I48", ["train", "validation", "test", "fold 1", "fold 2", "fold 3"]].astype(
            float
        ),
        [0.5, 0, np.nan, 0.5, 0, np.nan],
    )


def test_characteristics(report):
    table = read(report, "characteristics.csv", dtype=str).set_index("characteristic")
    assert table.loc["records"].tolist() == ["4", "2", "1", "1"]
    assert table.loc["age, median [quartiles]", "all"] == "60 [52, 60.5]"
    assert table.loc["sex: F, n (%)", "all"] == "2 (66.7%)"
    assert table.loc["smoker: True, n (%)", "train"] == "1 (50.0%)"
    assert pd.isna(table.loc["smoker: True, n (%)", "test"])  # nobody known


def test_page_is_whole_and_escaped(report):
    page = report.read_text(encoding="utf-8")
    assert "<h1>Ours &amp; &lt;theirs&gt;</h1>" in page
    assert "a &lt; b &amp; c" in page
    assert "<td>&lt;b&gt;</td>" in page
    assert "<b>" not in page
    assert not re.search(r"<script|<link|<img|\bsrc=|@import", page)
    assert set(re.findall(r"https?://[^\"]+", page)) == {"http://www.w3.org/2000/svg"}
    assert page.count("<svg") == 2


def test_pictures_are_well_formed(report):
    for name in ("flow.svg", "missingness.svg"):
        ET.parse(report.parent / name)
    words = [text.text for text in ET.parse(report.parent / "flow.svg").iter() if text.text]
    for expected in ("6 ECGs", "left out", "a < b & c", "4 ECGs", "2 ECGs", "1 patient"):
        assert expected in words


def test_boxes_do_not_overlap(cohort):
    parts = pd.DataFrame({"records": [2, 1, 1], "subjects": [1, 1, 1]}, index=list("abc"))
    long = cohort.flow.assign(reason="of a reason that takes many words to tell " * 5)
    boxes = flow_diagram(pd.concat([long, long.iloc[1:]]), parts).boxes
    assert len(boxes) == 8
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            beside = a.x + a.width <= b.x or b.x + b.width <= a.x
            assert beside or a.bottom < b.y or b.bottom < a.y
    assert all(box.x >= 0 and box.y >= 0 for box in boxes)


def test_cohort_without_flow_split_or_labels(tmp_path):
    cohort = make_clinical_ecg(10, random_state=0)
    cohort = Cohort(cohort.X, cohort.Y.iloc[:, :0], folds=cohort.folds)
    report = write_cohort_report(cohort, tmp_path)
    assert read(report, "flow.csv")["records"].tolist() == [len(cohort.X)]
    assert read(report, "prevalences.csv").empty
    report = write_cohort_report(cohort, tmp_path, title="again")  # replaced
    assert "<h1>again</h1>" in report.read_text(encoding="utf-8")
