"""Draw the pictures of the documentation: ``python docs/make_figures.py``.

It draws the first ECG of "Get started", and photographs the report of one patient on a light
and a dark page, in Chromium.
``python docs/make_figures.py report.html NAME.png`` photographs another page, such as that of
``ecgsk evaluate``.
"""

import io
import runpy
import shutil
import sys
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from ecgsk.datasets import make_clinical_ecg

FOLDER = Path(__file__).parent / "_static"


def photograph(
    page: str,
    path: Path,
    *,
    width: int = 1160,
    height: int = 1560,
    scheme: str = "light",
    heading: str = "",
) -> None:
    """Save part of an HTML page, from its top or a heading, as a PNG of 256 colours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"))
        window = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        window.set_content(page)
        top = 0.0
        if heading:
            top = window.get_by_role("heading", name=heading, exact=True).bounding_box()["y"] - 16
        clip = {"x": 0, "y": top, "width": width, "height": height}
        picture = Image.open(io.BytesIO(window.screenshot(full_page=True, clip=clip)))
        browser.close()
    save_small(picture, path, colours=256)


def save_small(picture: Image.Image, path: Path, colours: int) -> None:
    """Save a PNG with few colours."""
    few = picture.convert("RGB").quantize(
        colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    few.save(path, optimize=True)


def save_figure(figure: Figure, path: Path) -> None:
    """Save a Matplotlib figure as a PNG with few colours."""
    file = io.BytesIO()
    figure.savefig(file)
    save_small(Image.open(file), path, colours=64)


def draw_explanation(page: str) -> None:
    """Save the pictures of an explanation: its upper part in light and dark, and its evidence."""
    photograph(page, FOLDER / "explanation.png")
    photograph(page, FOLDER / "explanation_dark.png", scheme="dark")
    photograph(
        page, FOLDER / "explanation_evidence.png", heading="Laboratory evidence", height=1100
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        page, name = sys.argv[1:]
        photograph(Path(page).read_text(encoding="utf-8"), FOLDER / name, height=3300)
        sys.exit()
    example = Path(__file__).parents[1] / "examples" / "laboratory" / "plot_explain_one_patient.py"
    draw_explanation(runpy.run_path(str(example))["explanation"].to_html())
    first = make_clinical_ecg(n_subjects=200, random_state=0).X["ecg"].ecg  # as in get_started.md
    save_figure(first.plot(0), FOLDER / "first_ecg.png")
