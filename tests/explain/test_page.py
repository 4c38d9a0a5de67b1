"""HTML page of an explanation: content and order."""

import re
from dataclasses import replace

import numpy as np
import pytest

from ecgsk.explain import Diagnosis, Explanation, Explanations, LabFinding
from ecgsk.signals import ECGRecord


def words(page):
    """Return the text of a page without markup, with single spaces."""
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def headings(page):
    return re.findall(r"<h(\d)>([^<]*)</h", page)


def rows(page):
    """Return the cells of each table row."""
    found = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    return [words(re.sub(r"</t[hd]>", "|", row)).strip(" |") for row in found]


def test_sections_are_in_order(make_full_explanation):
    page = make_full_explanation().to_html()
    assert headings(page) == [
        ("1", "ECG 7"),
        ("2", "Electrocardiogram"),
        ("2", "Diagnoses"),
        ("2", "Laboratory findings"),
        ("2", "Laboratory evidence"),
        ("3", "potassium"),
        ("2", "Saliency map: potassium"),
        ("3", "Share of each lead"),
        ("3", "Share of each beat"),
        ("2", "Similar patients"),
        ("2", "Model and limits"),
    ]
    text = words(page)
    for said in (
        "research use only",
        "not for the diagnosis or treatment of anyone",
        "Signal quality: no problem found.",
        "Above threshold: potassium (probability 0.82, threshold 0.30), rare (probability 0.60, "
        "threshold 0.50, not calibrated)",
        "in at least 90 % of the patients with a diagnosis",
        "An association does not show that one causes the other",
        "rank correlation +0.04",
        "Fitted on patients 5210",
        "It does not replace a measurement",
    ):
        assert said in text


def test_tables_hold_the_numbers(make_full_explanation):
    found = [re.sub(r"\s*\|\s*", "|", row) for row in rows(make_full_explanation().to_html())]
    for row in (
        "potassium|0.82|0.30|above threshold",
        "both|0.41|0.30|uncertain both are possible",
        "neither|0.20|0.30|uncertain neither fits",
        "absent|0.04|0.30|absent",
        "rare|0.60|0.50|above threshold not calibrated",
        "potassium high|0.70|0.10|+0.60|7.0×|yes|0.47|0.98|10 %|3.5-5.1 potassium",
        "sodium low|0.10|0.20|−0.10|0.5×|no|0.54|0.89|25 %|from 135 mmol/L",
        "potassium high|seen: supports|+1.42|14.2 [9.80, 21.5]|18.1|20.5|+0.94|yes",
        "sodium low|not seen: contradicts|−0.30|1.50 [1.40, 1.70]|1.80|1.90|+0.20|not shown",
        "Similarity (cosine)|0.97",
        "age|71",
    ):
        assert row in found
    assert not any(row.startswith("ph|") for row in found)  # measured of none of them


def test_unknown_parts_are_omitted(make_explanation):
    """Without signal, calibration and evidence."""
    page = make_explanation().to_html()
    assert [name for _, name in headings(page)] == [
        "ECG 7", "Diagnoses", "Laboratory findings", "Model and limits",
    ]  # fmt: skip
    text = words(page)
    assert "The diagnoses were not calibrated" in text
    assert "These findings were not calibrated" in text
    for unsaid in ("Signal quality", "PPV", "Predicted", "hold the truth", "Evidence", "Similar"):
        assert unsaid not in text.replace("Predicted from", "")
    assert "<svg" not in page
    empty = Explanation(7, (), (), None).to_html()
    assert [name for _, name in headings(empty)] == ["ECG 7", "Model and limits"]
    assert "Above threshold" not in words(empty)
    assert "predicted" not in words(empty)


def test_signal_problem_comes_first(make_full_explanation):
    text = words(make_full_explanation(quality="lead V2 is flat").to_html())
    assert "no problem found" not in text
    assert text.index("Signal quality: lead V2 is flat.") < text.index("Above threshold:")


def test_map_independent_of_weights_has_a_warning(make_full_explanation):
    explanation = make_full_explanation()
    same = tuple(replace(a, randomisation=-0.8) for a in explanation.attributions)
    assert "Do not interpret it" in words(replace(explanation, attributions=same).to_html())
    assert "Do not interpret it" not in words(explanation.to_html())


def test_contradicting_absence_is_marked_not_seen(make_full_explanation):
    explanation = make_full_explanation()
    lacking = replace(explanation.evidence[0], contribution=-0.7)
    explanation = replace(explanation, evidence=(lacking,))
    assert any(
        "|not seen: contradicts|" in re.sub(r"\s*\|\s*", "|", row)
        for row in rows(explanation.to_html())
    )
    assert "contradicted by: no sign of potassium high (odds ratio 14)" in explanation.to_text()


def test_findings_that_define_the_diagnosis_are_marked(make_full_explanation):
    explanation = make_full_explanation()
    mark = "defined by this laboratory value"
    assert mark not in explanation.to_text() + words(explanation.to_html())
    defining = replace(explanation.evidence[0], is_definition=True)
    explanation = replace(explanation, evidence=(defining,))
    assert mark in explanation.to_text()
    assert mark in words(explanation.to_html())


def test_page_without_predicted_diagnoses():
    page = Explanation(7, (Diagnosis("sepsis", 0.1, np.inf),), (), None).to_html()
    assert "No diagnosis is predicted." in words(page)
    assert re.sub(r"\s", "", rows(page)[1]) == "sepsis|0.10|never|absent"


def test_many_labels_are_folded(make_explanation):
    diagnoses = [Diagnosis(f"d{i}", (i + 1) / 32, 0.5) for i in range(30)]
    findings = [LabFinding(f"f{i}", "low", 0.5, i / 30, None, None, "") for i in range(30)]
    page = make_explanation(diagnoses=diagnoses, laboratories=findings).to_html()
    first, *folded = re.split("<details>", page)
    assert len(folded) == 2
    assert "18 more" in folded[0]
    assert "d25 (probability 0.81, threshold 0.50), 9 more." in words(first)
    names = [row.split("|")[0].strip() for row in rows(page)]
    assert [name for name in names if name[0] == "d"] == [f"d{i}" for i in reversed(range(30))]
    # A base rate of 0 gives no lift: it comes last, and is not lost.
    labs = [name for name in names if re.fullmatch(r"f\d+ low", name)]
    assert labs == [f"f{i} low" for i in range(1, 30)] + ["f0 low"]


def test_several_records_have_an_index_and_sections(make_full_explanation):
    explanations = Explanations([make_full_explanation(record=r) for r in (7, "visit <3>")])
    page = explanations.to_html()
    links = re.findall(r'<a href="#([^"]*)">([^<]*)</a>', page)
    assert links == [("record-1", "ECG 7"), ("record-2", "ECG visit &lt;3&gt;")]
    assert re.findall(r' id="([^"]*)"', page) == ["record-1", "record-2"]
    assert headings(page)[:3] == [
        ("1", "2 ECGs explained"),
        ("2", "ECG 7"),
        ("3", "Electrocardiogram"),
    ]
    assert explanations[:1].to_html() == explanations[0].to_html()
    assert headings(Explanations([]).to_html()) == [("1", "0 ECGs explained")]


def test_long_record_is_noted_as_cut(make_full_explanation):
    ecg = ECGRecord(np.zeros((2, 3000)), ["II", "V5"], 100)
    assert "Shown are the first 10 s of 30 s." in words(make_full_explanation(ecg=ecg).to_html())


def test_attribution_finds_its_leads_by_name(make_full_explanation):
    """The picture may show other leads in another order."""
    explanation = make_full_explanation(ecg=ECGRecord(np.zeros((2, 1000)), ["II", "V5"], 100))
    values = np.zeros((2, 500))
    values[1, 100:200] = -1
    (attribution,) = explanation.attributions
    moved = replace(attribution, values=values, leads={"V5": 0.0, "II": 1.0})
    page = replace(explanation, attributions=(moved,)).to_html()
    (rectangle,) = re.findall(r'class="shade"[^>]* d="M(\S+) (\S+)h(\S+?)v', page)
    upper = float(re.findall(r'class="calibration"[^>]*points="\S+?,(\S+)', page)[0])
    assert [float(side) for side in rectangle] == [15 + 25 * 2, upper - 10, 50]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_text_is_escaped(make_full_explanation, evil):
    page = make_full_explanation(evil, record=evil, quality=evil).to_html()
    assert "<script" not in page
    assert "<img" not in page
    assert len(re.findall(r"&lt;(script|img)", page)) > 15
