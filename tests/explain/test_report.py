"""write_report: a self-contained page with escaped text."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ecgsk.explain import Diagnosis, Explanation, LabFinding, Section, write_report
from ecgsk.plotting import plot_ecg

EVIL = "</pre></title></p><script>alert('1')</script><img src=x onerror=\"alert(2)\">&amp;"
IDS = re.compile(r'\sid="([^"]*)"')
REFERENCES = re.compile(r'href="#([^"]*)"|url\(#([^)]*)\)')
# Line ends are the reader's: HTML takes \r\n and \r for \n.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=60
)


class Page(HTMLParser):
    """Tags with attributes, and text by its enclosing tag."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags, self.texts, self.styles, self._inside = [], [], [], []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))
        if tag not in ("meta", "br"):
            self._inside.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag):
        assert self._inside.pop() == tag

    def handle_data(self, data):
        where = self._inside[-1] if self._inside else ""
        (self.styles if where == "style" else self.texts).append((where, data))

    def names(self):
        return {tag for tag, _ in self.tags}

    def attributes(self):
        return [pair for _, attrs in self.tags for pair in attrs]

    def text_in(self, tag):
        return [data for where, data in self.texts if where == tag]


@pytest.fixture
def write(tmp_path):
    def write(sections=(), title="title", lead="lead"):
        path = tmp_path / "page.html"
        write_report(path, title=title, lead=lead, sections=list(sections))
        return Page(path)

    return write


@pytest.fixture
def make_figure():
    def make(leads=("II", "V5"), seconds=3.0, title="an ECG"):
        times = np.arange(round(seconds * 100)) / 100
        signal = np.sin(2 * np.pi * times)[None] * np.ones((len(leads), 1))
        return plot_ecg(signal, leads, 100, title=title)

    return make


def assert_harmless(page):
    """Assert that nothing runs and nothing is fetched."""
    fetching = {"script", "img", "link", "iframe", "object", "embed", "base", "form", "image"}
    assert not page.names() & fetching
    for name, value in page.attributes():
        assert not name.startswith("on")
        if name.endswith(("href", "src", "action", "data")):
            assert value.startswith("#")
    styles = [value or "" for name, value in page.attributes() if name in ("style", "clip-path")]
    css = " ".join(styles + [data for _, data in page.styles])
    assert "@import" not in css
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?(.)", css))


def inline_figures(page):
    """Return the figures of the page as XML."""
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page.source, re.DOTALL)]


def ids_in(figure):
    return [element.attrib["id"] for element in figure.iter() if "id" in element.attrib]


def references_in(figure):
    found = []
    for element in figure.iter():
        for name, value in element.attrib.items():
            if name.endswith("href"):
                found.append(value.removeprefix("#"))
            found += re.findall(r"url\(#([^)]*)\)", value)
    return found


PLACES = {
    "title": ("h1", lambda text: {"title": text}),
    "lead": ("p", lambda text: {"lead": text}),
    "heading": ("h2", lambda text: {"sections": [Section(text)]}),
    "text": ("p", lambda text: {"sections": [Section("s", text=text)]}),
    "lines": ("pre", lambda text: {"sections": [Section("s", lines=text)]}),
    "details": ("pre", lambda text: {"sections": [Section("s", details=text)]}),
    "cell": ("td", lambda text: {"sections": [Section("s", table=pd.DataFrame({"a": [text]}))]}),
    "column": ("th", lambda text: {"sections": [Section("s", table=pd.DataFrame({text: ["a"]}))]}),
}


@pytest.mark.parametrize("place", PLACES)
def test_markup_is_escaped(write, place):
    tag, build = PLACES[place]
    page = write(**build(EVIL))
    assert EVIL in page.text_in(tag)
    assert_harmless(page)
    assert "<script" not in page.source


@settings(max_examples=30)
@given(text=texts, place=st.sampled_from(sorted(PLACES)))
def test_any_text_is_shown_unchanged(tmp_path_factory, text, place):
    tag, build = PLACES[place]
    path = tmp_path_factory.mktemp("report") / "page.html"
    write_report(path, **{"title": "t", "lead": "l", "sections": [], **build(text)})
    page = Page(path)
    assert text == "" or text in page.text_in(tag)
    expected = {"html", "head", "meta", "title", "style", "body", "h1", "p", "section", "h2"}
    expected |= {"pre", "details", "summary", "div", "table", "thead", "tbody", "tr", "th", "td"}
    assert page.names() <= expected | {"main", "footer"}


def test_parts_that_are_none_are_omitted(write):
    bare = write([Section("heading")])
    assert not bare.names() & {"table", "pre", "svg", "figure", "details"}
    assert bare.text_in("h2") == ["heading"]
    none = write([])
    assert "section" not in none.names()
    assert none.text_in("h1") == none.text_in("title") == ["title"]


def test_sections_keep_their_order_and_tables(write):
    table = pd.DataFrame({"arm": ["ours", "theirs"], 2: ["0.8", "0.7"]}, index=["x", "y"])
    same_name_twice = pd.DataFrame([["1", "2"]], columns=["a", "a"])
    page = write([Section("one", table=table), Section("two", table=same_name_twice)])
    assert page.text_in("h2") == ["one", "two"]
    assert page.text_in("th") == ["arm", "2", "a", "a"]
    assert page.text_in("td") == ["ours", "0.8", "theirs", "0.7", "1", "2"]


def test_empty_table_keeps_its_header(write):
    page = write([Section("s", table=pd.DataFrame({"arm": []}))])
    assert page.text_in("th") == ["arm"]
    assert not page.text_in("td")


def test_page_shows_its_lead(write):
    assert any("not a medical device" in text for text in write().text_in("footer"))


def test_page_is_self_contained(write, make_figure):
    page = write(
        [
            Section("a", text="t", figure=make_figure(), lines="l", details="d"),
            Section("b", table=pd.DataFrame({"a": ["1"]}), figure=make_figure(("I",))),
        ]
    )
    assert_harmless(page)
    assert len(inline_figures(page)) == 2
    assert "<?xml" not in page.source
    assert page.source.count("<!DOCTYPE") == 0
    assert page.source.startswith("<!doctype html>")


@pytest.mark.parametrize("fonts", ["path", "none"])
def test_markup_in_figures_is_escaped(write, make_figure, fonts):
    """Lead names become ids and labels: neither opens a tag or an attribute."""
    leads = ["<script>alert(1)</script>", 'x" onload="alert(2)', "--><img src=x>"]
    with matplotlib.rc_context({"svg.fonttype": fonts}):
        page = write([Section("s", figure=make_figure(leads, title="</svg>" + EVIL))])
    assert_harmless(page)
    assert len(inline_figures(page)) == 1
    if fonts == "none":
        assert "</svg>" + EVIL in page.text_in("text")


def test_text_that_looks_like_an_id_is_unchanged(write, make_figure):
    title = 'id="a" href="#b" url(#c) <g id="d"'
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        page = write([Section("s", figure=make_figure(title=title))])
    assert title in page.text_in("text")


@pytest.mark.parametrize("salt", [None, "fixed"])
def test_figures_do_not_share_ids(write, make_figure, salt):
    """With a salt fixed, matplotlib gives equal parts of two figures equal ids."""
    figures = [make_figure(), make_figure(("I", "aVR", "V1"), seconds=2.0), make_figure()]
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        page = write([Section(str(i), figure=figure) for i, figure in enumerate(figures)])
    drawn = inline_figures(page)
    ids = [name for figure in drawn for name in ids_in(figure)]
    assert len(ids) == len(set(ids))
    in_page = [value for name, value in page.attributes() if name == "id"]
    assert sorted(in_page) == sorted(ids)
    for figure in drawn:
        references = references_in(figure)
        assert any(reference.startswith("figure") for reference in references)
        assert set(references) <= set(ids_in(figure))


def test_figures_are_unchanged_except_for_ids(write, make_figure, tmp_path):
    with matplotlib.rc_context({"svg.hashsalt": "fixed"}):
        make_figure().savefig(tmp_path / "alone.svg", metadata={"Date": None})
        page = write([Section("a", figure=make_figure(("I",))), Section("b", figure=make_figure())])
    alone = ET.parse(tmp_path / "alone.svg").getroot()
    inline = inline_figures(page)[1]

    def content(figure):
        return [
            (element.tag, (element.text or "").strip(), without_ids(element.attrib))
            for element in figure.iter()
        ]

    def without_ids(attributes):
        rest = {name: value for name, value in attributes.items() if name != "id"}
        return {name: re.sub(r"#figure\d+-", "#", value) for name, value in rest.items()}

    assert content(inline) == content(alone)


def test_existing_page_is_replaced(tmp_path):
    path = tmp_path / "page.html"
    write_report(path, title="long " * 1000, lead="", sections=[Section("old")])
    write_report(path, title="new", lead="", sections=[])
    write_report(str(tmp_path / "fresh.html"), title="new", lead="", sections=[])
    assert path.read_bytes() == (tmp_path / "fresh.html").read_bytes()
    assert b"long" not in path.read_bytes()


def test_letters_of_any_script_are_kept(write):
    page = write(title="Elektrokardiographie für Ärzte 心電図 ❤")
    assert page.text_in("h1") == ["Elektrokardiographie für Ärzte 心電図 ❤"]
    assert ("charset", "utf-8") in page.attributes()


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


def figure_of(draw):
    figure = Figure(figsize=(3, 2))
    draw(figure.subplots())
    return figure


@pytest.mark.parametrize("salt", [None, "fixed"])
@pytest.mark.parametrize("draw", [draw_image, draw_hatches, draw_markers, draw_regions])
def test_figures_refer_to_their_own_ids(tmp_path, draw, salt):
    path = tmp_path / "page.html"
    sections = [Section("one", figure=figure_of(draw)), Section("two", figure=figure_of(draw))]
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


def test_figure_can_be_used_twice(tmp_path):
    path = tmp_path / "page.html"
    figure = figure_of(draw_markers)
    write_report(path, title="t", lead="l", sections=[Section(s, figure=figure) for s in "ab"])
    ids = IDS.findall(path.read_text(encoding="utf-8"))
    assert ids
    assert len(ids) == len(set(ids))


def test_image_is_embedded_in_the_page(tmp_path):
    path = tmp_path / "page.html"
    section = Section("s", figure=figure_of(draw_image))
    write_report(path, title="t", lead="l", sections=[section])
    page = path.read_text(encoding="utf-8")
    targets = re.findall(r'(?:href|src)="([^#"]\S*)', page)
    assert targets
    assert all(target.startswith("data:image/png;base64,") for target in targets)


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_names_in_an_explanation_are_escaped(tmp_path, make_record, evil):
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
