"""The page as a browser shows and prints it."""

import io
import re
import zlib

import numpy as np
import pytest
from matplotlib.image import imread

from ecgsk.explain import Explanations

pytestmark = pytest.mark.browser

EVIL = "<script>alert(1)</script>"
MM = 96 / 25.4  # CSS px to the millimetre

# Of every element with text of its own: that text, its colour, and what it stands on.
COLOURS = """() => {
  const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = rgb(getComputedStyle(element).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  return [...document.body.querySelectorAll('*')].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
  ).map(element => {
    const drawing = element.closest('svg');
    const style = getComputedStyle(element), text = element.textContent;
    if (!drawing) return [text, rgb(style.color), ground(element)];
    return [text, rgb(style.fill), rgb(getComputedStyle(drawing.querySelector('rect')).fill)];
  });
}"""

# Size of what a selector finds as drawn, without the width of its line, in CSS px.
SIZES = """elements => elements.map(element => {
  const box = element.getBBox(), scale = element.getScreenCTM();
  return [box.width * scale.a, box.height * scale.d];
})"""


@pytest.fixture(scope="module")
def addresses(make_full_explanation, tmp_path_factory):
    """A page of one record, and one of three with hostile texts."""
    folder = tmp_path_factory.mktemp("pages")
    hostile = make_full_explanation(EVIL, record=EVIL, quality=EVIL)
    pages = {
        "one": make_full_explanation().to_html(),
        "several": Explanations([hostile, make_full_explanation(), hostile]).to_html(),
    }
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@pytest.fixture
def visit(browser, addresses):
    """Open a page; what it says on the console, asks for or pops up is told in ``page.heard``."""
    contexts = []

    def visit(name="one", width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on("request", lambda request: page.heard.append(request.url))
        page.on("dialog", lambda dialog: (page.heard.append(dialog.message), dialog.dismiss()))
        page.goto(addresses[name])
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", ["one", "several"])
def test_page_renders_without_requests(visit, addresses, name):
    page = visit(name)
    assert page.heard == [addresses[name]]
    assert page.locator("h1").count() == 1
    for heading in ("Electrocardiogram", "Diagnoses", "Laboratory evidence", "Similar patients"):
        assert page.get_by_role("heading", name=heading, exact=True).first.is_visible()


def test_grid_is_true_to_scale_on_screen(visit):
    """The coarse lines, found in the picture itself at four pixels to the CSS pixel."""
    scale = 4
    page = visit(device_scale_factor=scale)
    # Half a millimetre below the edge there are upright lines alone.
    edge = page.locator("svg.ecg").first.bounding_box() | {"height": MM}
    shot = page.screenshot(clip=edge)
    green = imread(io.BytesIO(shot))[round(0.5 * MM * scale), :, 1]
    dark = np.flatnonzero(green < 0.76)
    lines = [run.mean() for run in np.split(dark, np.flatnonzero(np.diff(dark) > 1) + 1)]
    inner = np.diff(lines)
    assert len(inner) == 270 / 5 - 2  # half of the first and last line lies off the sheet
    assert inner / (scale * MM) == pytest.approx(np.full(len(inner), 5.0), rel=0.01, abs=0.05)
    assert inner.mean() / (scale * MM) == pytest.approx(5.0, rel=0.001)


@pytest.mark.parametrize("media", ["screen", "print"])
def test_trace_is_true_to_scale(visit, media):
    """1 mV is 10 mm and 1 s is 25 mm, of the pulse and of a ramp of 1 mV over 10 s."""
    page = visit()
    page.emulate_media(media=media)
    sheet = page.locator("svg.ecg").first
    pulses = np.array(sheet.locator(".calibration").evaluate_all(SIZES)) / MM
    assert pulses == pytest.approx(np.tile([2 + 5 + 2, 10.0], (4, 1)), rel=0.001)
    (ramp,) = np.array(sheet.locator('.trace[data-row="3"]').evaluate_all(SIZES)) / MM
    assert ramp == pytest.approx([25 * 9.99, 10 * 0.999], rel=0.001)


def test_hostile_names_are_escaped(visit, addresses):
    page = visit("several")
    assert page.heard == [addresses["several"]]
    assert page.locator("script").count() == 0
    assert page.get_by_role("heading", name=f"ECG {EVIL}").count() >= 2
    for place in ("tbody th", "td", "dt", "dd", "li a", ".quality", "svg text"):
        assert page.locator(place).filter(has_text=EVIL).count(), place


def test_index_links_to_records(visit):
    page = visit("several")
    page.locator("nav a").nth(1).click()
    assert page.evaluate("document.querySelector('article:target h2').textContent") == "ECG 7"


@pytest.mark.parametrize("name", ["one", "several"])
def test_phone_scrolls_the_ecg_alone(visit, name):
    page = visit(name, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inside, outside = page.locator("figure.sheet").first.evaluate(
        "box => [box.scrollWidth, box.clientWidth]"
    )
    assert inside == pytest.approx(270 * MM, abs=2)
    assert outside <= 390
    decision = page.locator("td .present").first.bounding_box()
    assert decision["x"] + decision["width"] <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_is_legible(visit, scheme):
    """Contrast as WCAG 2 defines it, at least 4.5, of what the browser draws."""
    page = visit("several", color_scheme=scheme)
    found = page.evaluate(COLOURS)
    assert len(found) > 100

    def luminance(colour):
        c = np.array(colour[:3]) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for text, ink, ground in found:
        dark, light = sorted((luminance(ink), luminance(ground)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, text, ink, ground)
    grounds = {luminance(ground) for _, _, ground in found}
    assert (max(grounds) < 0.5) if scheme == "dark" else (max(grounds) > 0.9)


def test_print_on_a4_is_true_to_scale(visit):
    pdf = visit().pdf(prefer_css_page_size=True)
    sizes = re.findall(rb"/MediaBox \[0 0 (\S+) (\S+)\]", pdf)
    assert 3 <= len(sizes) <= 8
    points = np.array([[float(side) for side in size] for size in sizes])
    assert points / 72 * 25.4 == pytest.approx(np.tile([297, 210], (len(sizes), 1)), abs=0.5)
    # A browser shrinks a page too wide for its paper: a CSS pixel must remain 0.75 points.
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    opened = (zlib.decompressobj().decompress(s)[:200] for s in streams if s[:1] == b"x")
    pages = [re.findall(rb"([\d.]+) 0 0 -?[\d.]+ \S+ \S+ cm", text)[:2] for text in opened]
    scales = [float(outer) * float(inner) for outer, inner in (p for p in pages if len(p) == 2)]
    assert len(scales) >= len(sizes)
    assert scales[: len(sizes)] == pytest.approx([0.75] * len(sizes), rel=0.001)
