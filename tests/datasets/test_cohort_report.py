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


def test_titles_are_beside_the_codes(small_cohort, tmp_path):
    small_cohort["label_titles"] = pd.Series({"I48": "Atrial <fibrillation>", "<b>": ""})
    report = write_cohort_report(small_cohort, tmp_path)
    table = read(report, "prevalences.csv").set_index("label")
    assert table.columns[0] == "title"
    assert table.loc["I48", "title"] == "Atrial <fibrillation>"
    assert "Atrial &lt;fibrillation&gt;" in report.read_text("utf-8")
    assert "title" not in read(report, "lab_prevalences.csv").columns


def test_clock_drift_is_shown_with_its_changes(small_cohort, tmp_path):
    counts = {"records with laboratory inputs": [90, 100, 105], "none": [0, 0, 3]}
    small_cohort["clock_drift"] = pd.DataFrame(counts, index=pd.Index([-1, 0, 4], name="hours"))
    report = write_cohort_report(small_cohort, tmp_path)
    assert read(report, "clock_drift.csv")["hours"].tolist() == [-1, 0, 4]
    page = report.read_text("utf-8")
    assert "90 (-10.0 %)" in page
    assert "105 (+5.0 %)" in page
    assert '<td class="number">3</td>' in page  # no share of 0


def test_flow_of_a_loader_without_steps_has_what_it_left_out(small_cohort, tmp_path):
    del small_cohort["flow"]
    small_cohort["broken"] = [{"record": "a", "reason": "cut"}]
    small_cohort["records_left_out"] = ["b", "c"]
    report = write_cohort_report(small_cohort, tmp_path)
    flow = read(report, "flow.csv").set_index("step").iloc[:4]
    assert flow["records"].to_dict() == {
        "listed": 7,
        "with a row in the table": 5,
        "readable": 4,
        "in the cohort": 4,
    }
    assert flow["left_out"].tolist() == [0, 2, 1, 0]
    assert flow["subjects"].isna().tolist() == [True, True, True, False]
    words = [text.text for text in ET.parse(tmp_path / "flow.svg").iter() if text.text]
    assert "no row in the table" in words
    assert "nan patients" not in words


def test_unit_of_the_flow_is_the_cohorts(small_cohort, tmp_path):
    small_cohort["flow_unit"] = "draw"
    write_cohort_report(small_cohort, tmp_path)
    words = [text.text for text in ET.parse(tmp_path / "flow.svg").iter() if text.text]
    assert "6 draws" in words
    assert "6 ECGs" not in words


def test_abnormalities_of_any_cohort_are_by_its_reference_ranges(small_cohort, tmp_path):
    del small_cohort["lab_abnormalities"]
    small_cohort["labs"] = pd.DataFrame({"potassium": [3.4, 3.5, 5.2, float("nan")]})
    ranges = pd.DataFrame({"low": 3.5, "high": 5.1, "unit": ""}, index=["potassium"])
    small_cohort["reference_ranges"] = ranges
    report = write_cohort_report(small_cohort, tmp_path)
    table = read(report, "lab_prevalences.csv").set_index("label")
    assert table["positive"].to_dict() == {"potassium low": 1, "potassium high": 1}
    assert table["known"].tolist() == [3, 3]
