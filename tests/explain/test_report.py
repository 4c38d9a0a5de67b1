"""Reports with figures of other kinds than ECGs, and explanations on a page."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from ecgsk.explain import Diagnosis, Explanation, LabFinding, Section, write_report

IDS = re.compile(r'\sid="([^"]*)"')
REFERENCES = re.compile(r'href="#([^"]*)"|url\(#([^)]*)\)')


def draw_image(ax):
    ax.imshow(np.eye(3))


def draw_hatches(ax):
    ax.bar([0, 1], [1, 2], hatch="/")


def draw_markers(ax):
    ax.scatter([1, 2], [1, 2], marker="x")
    ax.plot([1, 2], [2, 1], marker="o", label="a curve")
    ax.legend()


def draw_regions(ax):
    ax.fill_between([0, 1], [1, 2], hatch="x")
    ax.hexbin([1.0, 2, 3], [1.0, 2, 3], gridsize=3)


def make_figure(draw):
    figure = Figure(figsize=(3, 2))
    draw(figure.subplots())
    return figure


@pytest.mark.parametrize("salt", [None, "fixed"])
@pytest.mark.parametrize("draw", [draw_image, draw_hatches, draw_markers, draw_regions])
def test_figures_of_any_kind_refer_to_their_own_parts(tmp_path, draw, salt):
    path = tmp_path / "page.html"
    sections = [Section("one", figure=make_figure(draw)), Section("two", figure=make_figure(draw))]
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        write_report(path, title="t", lead="l", sections=sections)
    drawings = re.findall(r"<svg.*?</svg>", path.read_text(encoding="utf-8"), re.DOTALL)
    own = [set(IDS.findall(drawing)) for drawing in drawings]
    assert len(own) == 2
    assert not own[0] & own[1]
    for drawing, ids in zip(drawings, own, strict=True):
        assert len(IDS.findall(drawing)) == len(ids)
        used = {href or url for href, url in REFERENCES.findall(drawing)}
        assert used
        assert used <= ids


def test_one_figure_may_stand_twice(tmp_path):
    path = tmp_path / "page.html"
    figure = make_figure(draw_markers)
    write_report(path, title="t", lead="l", sections=[Section(s, figure=figure) for s in "ab"])
    ids = IDS.findall(path.read_text(encoding="utf-8"))
    assert ids
    assert len(ids) == len(set(ids))


def test_an_image_is_inside_the_page(tmp_path):
    path = tmp_path / "page.html"
    section = Section("s", figure=make_figure(draw_image))
    write_report(path, title="t", lead="l", sections=[section])
    page = path.read_text(encoding="utf-8")
    targets = re.findall(r'(?:href|src)="([^#"]\S*)', page)
    assert targets
    assert all(target.startswith("data:image/png;base64,") for target in targets)


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_names_in_an_explanation_stay_text(tmp_path, make_record, evil):
    """In the picture and in the words, whoever named records and labels."""
    explanation = Explanation(
        evil,
        (Diagnosis(evil, 0.7, 0.5),),
        (LabFinding(evil, "high", 0.7, 0.1, 1.0, None, evil),),
        make_record(("II",)),
    )
    path = tmp_path / "page.html"
    section = Section(evil, figure=explanation.plot(), lines=str(explanation))
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        write_report(path, title=evil, lead="", sections=[section])
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page
    for part in (r"<svg.*?</svg>", r"<pre>.*?</pre>"):
        shown = re.search(part, page, re.DOTALL)[0]
        # The record, the diagnosis, the laboratory and its unit.
        assert len(re.findall(r"&lt;(script|img)", shown)) >= 4


def test_five_diagnoses_and_five_findings_unless_told_otherwise(make_record):
    explanation = Explanation(
        7,
        tuple(Diagnosis(f"diagnosis {i}", 0.9, 0.5) for i in range(9)),
        tuple(LabFinding(f"test {i}", "high", 0.7, 0.1, None, None, "") for i in range(9)),
        make_record(("II",)),
    )
    text = explanation.to_text()
    assert text.count("  diagnosis ") == text.count("  test ") == 5
    assert "  and 4 more predicted" in text
    assert len(explanation.top_diagnoses()) == len(explanation.top_laboratories()) == 5
    assert [len(ax.patches) for ax in explanation.plot().axes[1:]] == [5, 5]
