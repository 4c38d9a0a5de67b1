"""The built site in a browser: links, console, contrast and phone width."""

import functools
import os
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROOT = Path(__file__).parents[2]
PAGES = [
    "index.html",
    "get_started.html",
    "guide/explanations.html",
    "guide/ecg_column.html",
    "benchmarks/ptbxl.html",
    "auto_examples/index.html",
    "auto_examples/model_selection/plot_grid_search_encoders.html",
    "api.html",
    "api/encoders.html",
    "_generated/ecgsk.ECGDiagnosisClassifier.html",
    "_generated/ecgsk.exceptions.LeakageWarning.html",
]

# WCAG 2 contrast of every visible element with text of its own, where it is below 4.5 (3 for
# large text). scikit-learn draws the diagrams of its estimators in colours of its own.
LOW_CONTRAST = """() => {
  const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const ground = element => {
    const layers = [];
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const luminance = colour => {
    const [r, g, b] = colour.map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return [...document.body.querySelectorAll('*')].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    && element.checkVisibility({opacityProperty: true, visibilityProperty: true})
    && !element.closest('.sk-top-container')
  ).map(element => {
    const style = getComputedStyle(element), below = ground(element);
    const ink = over(rgba(style.color), below);
    const [dark, light] = [luminance(ink), luminance(below)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    const needed = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    const text = element.textContent.trim().slice(0, 40);
    return [(light + 0.05) / (dark + 0.05) >= needed, `${text}: ${style.color} on ${below}`];
  }).filter(([enough]) => !enough).map(([, text]) => text);
}"""


class Links(HTMLParser):
    """Addresses that a page refers to, and the names that can be referred to in it."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.names = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.addresses.add(value)
            elif name in ("id", "name") and value:
                self.names.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """``ECGSK_SITE``, or the site as built without running an example."""
    if "ECGSK_SITE" in os.environ:
        return Path(os.environ["ECGSK_SITE"])
    pytest.importorskip("sphinx_gallery", reason='the site needs pip install ".[docs]"')
    source = tmp_path_factory.mktemp("source")
    for name in ("docs", "examples"):
        left_out = shutil.ignore_patterns("_build", "_generated", "auto_examples", "__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=left_out)
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-D", "plot_gallery=0", "docs", "html"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    build = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    assert build.returncode == 0, build.stderr
    return source / "html"


@pytest.fixture(scope="module")
def pages(site):
    """Links and names of every page, by path."""
    return {
        path: Links(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


def test_internal_links_lead_to_a_page_and_a_place(site, pages):
    broken = set()
    for page, links in pages.items():
        for address in links.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            known = pages[target].names if target in pages else {parts.fragment}
            if not target.exists() or unquote(parts.fragment) not in {"", "top", *known}:
                broken.add(f"{page.relative_to(site)}: {address}")
    assert len(pages) > 200
    assert sorted(broken) == []


def test_every_reference_page_shows_its_name(site, pages):
    generated = [page for page in pages if page.parent.name == "_generated"]
    assert len(generated) > 150
    assert [page.stem for page in generated if page.stem not in pages[page].names] == []


def test_reference_shows_examples_or_no_heading(site, pages):
    with_examples = set()
    for page in pages:
        if page.parent.name == "_generated":
            text = page.read_text(encoding="utf-8")
            assert ("Examples that use" in text) == ("sphx-glr-thumbcontainer" in text), page
            with_examples |= {page.stem} if "sphx-glr-thumbcontainer" in text else set()
    assert "ecgsk.ECGDiagnosisClassifier" in with_examples


@pytest.fixture(scope="module")
def address(site):
    """The site over HTTP, as a reader has it: scripts cannot load files beside a local page."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser, address):
    """Open a page of the site; its errors are in ``page.errors``."""
    contexts = []

    def visit(name, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.on("requestfailed", lambda request: page.errors.append(request.url))
        page.on("response", lambda r: page.errors.append(r.url) if r.status >= 400 else None)
        page.goto(f"{address}/{name}", wait_until="networkidle")
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_legible_and_without_errors(visit, name, scheme):
    page = visit(name, color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    assert page.evaluate(LOW_CONTRAST) == []
    assert page.errors == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(visit, name):
    page = visit(name, width=390)
    widths = "[...document.querySelectorAll('html, .bd-article-container')].map(e => e.scrollWidth)"
    assert max(page.evaluate(widths)) <= 390


def test_version_switcher_lists_this_version(visit):
    page = visit("guide/index.html")
    button = page.locator(".version-switcher__button").first
    assert "this version" in button.inner_text()


def test_search_finds_a_class(visit):
    page = visit("search.html?q=LabAbnormalityExplainer")
    page.locator("#search-results li a").first.wait_for()
    assert page.locator("#search-results a", has_text="LabAbnormalityExplainer").count()
