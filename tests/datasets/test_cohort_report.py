"""Cohort report: files, escaping and self-containedness."""

import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from ecgsk.datasets import Cohort, make_clinical_ecg, write_cohort_report


@pytest.fixture
def report(small_cohort, tmp_path):
    return write_cohort_report(small_cohort, tmp_path / "new" / "report", title="Ours & <theirs>")


def read(report, name, **options):
    return pd.read_csv(report.parent / name, **options)


def test_flow_has_steps_and_parts(report):
    flow = read(report, "flow.csv").set_index("step")
    assert flow.index.tolist() == ["listed", "readable", "train", "validation", "test"]
    assert flow["records"].tolist() == [6, 4, 2, 1, 1]
    assert flow["left_out"].tolist() == [0, 2, 0, 0, 0]
    assert read(report, "characteristics.csv").shape[0] == 7
    assert read(report, "lab_prevalences.csv")["label"].tolist() == ["potassium low"]


def test_page_is_self_contained_and_escaped(report):
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


def test_cohort_may_lack_flow_split_and_labels(tmp_path):
    cohort = make_clinical_ecg(10, random_state=0)
    cohort = Cohort(cohort.X, cohort.Y.iloc[:, :0], folds=cohort.folds)
    report = write_cohort_report(cohort, tmp_path)
    assert read(report, "flow.csv")["records"].tolist() == [len(cohort.X)]
    assert read(report, "prevalences.csv").empty
    report = write_cohort_report(cohort, tmp_path, title="again")  # replaced
    assert "<h1>again</h1>" in report.read_text(encoding="utf-8")


def test_report_of_columns_of_any_kind(tmp_path):
    cohort = make_clinical_ecg(4, random_state=0)
    n = len(cohort.X)
    odd = {
        "formula": "=1+1",
        "reversed": "a\u202eb",
        "bands": pd.cut(cohort.X["age"], [0, 40, 200]),
    }
    X = cohort.X.assign(lists=[[1]] * n, **odd)
    with pytest.warns(UserWarning, match="no numbers"):  # of columns that are no inputs
        cohort = Cohort(X, cohort.Y, split=pd.Series(["train"] * n, index=X.index))
    page = write_cohort_report(cohort, tmp_path)
    assert "\u202e" not in page.read_text("utf-8")
    table = pd.read_csv(tmp_path / "characteristics.csv")
    assert table["train"].notna().any()
    assert not table["characteristic"].str.startswith("=").any()
