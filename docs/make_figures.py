"""Draw the pictures of the documentation: ``python docs/make_figures.py``.

``python docs/make_figures.py report.html NAME.png`` photographs a page, as of ``ecgsk evaluate``.

The first ECG of the page "Get started".

An explained patient, on a light and a dark page and on a phone; this needs Chromium.

Four ECGs of one synthetic heart. Its shape, position and chest are the average ones;
between the sheets one cause changes and the noise stays. The cases are severe, as in a
textbook: most of a cohort's are subtler, as most of a hospital's are.
"""

import io
import runpy
import shutil
import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from ecgsk.datasets import make_clinical_ecg, synthesize_ecg
from ecgsk.plotting import plot_ecg

FOLDER = Path(__file__).parent / "_static"
QUIET = 30  # a seed whose recording has little muscle noise and baseline wander

CASES = {
    "Atrial fibrillation: no P waves, f waves in V1, irregular RR": {
        "in_af": 1.0,
        "heart_rate": 105.0,
    },
    "Left bundle branch block: wide notched R in I and V6, deep S in V1": {"lbbb": 1.0},
    "Acute anterior infarct: ST elevation in V1 to V4, QS in V1 and V2": {
        "acute_infarct": 2.5,
        "acute_infarct_territory": "anterior",
        "heart_rate": 90.0,
    },
    "Hyperkalaemia, 8.2 mmol/L: tall narrow T, flat P, wide QRS": {"potassium": 8.2},
}


def average_heart() -> pd.DataFrame:
    """Give one healthy latent state in which nothing personal stands out."""
    latent = make_clinical_ecg(1, random_state=0).latent.iloc[:1].copy()
    territories = ["acute_infarct_territory", "old_infarct_territory"]
    latent[latent.columns.difference(territories)] = 0.0
    latent[[name for name in latent if name.startswith("gain_")]] = 1.0
    return latent.assign(
        age=62.0,
        male=1.0,
        height=176.0,
        bmi=27.0,
        heart_rate=72.0,
        potassium=4.2,
        calcium=9.3,
        magnesium=2.0,
        haemoglobin=14.5,
    )


def draw_cases() -> Figure:
    """Draw the four cases, two by two."""
    figure = Figure(figsize=(545 / 25.4, 275 / 25.4), dpi=100)
    axes = figure.subplots(2, 2, gridspec_kw={"wspace": 0.02, "hspace": 0.02}).ravel()
    for ax, (title, cause) in zip(axes, CASES.items(), strict=True):
        ecg = synthesize_ecg(average_heart().assign(**cause), random_state=QUIET)
        plot_ecg(ecg.read()[0], ecg.leads, ecg.sampling_rate, title=title, ax=ax)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.995, bottom=0.005)
    return figure


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
    """Save the pictures of an explanation: its upper part, its evidence, and on a phone."""
    photograph(page, FOLDER / "explanation.png")
    photograph(page, FOLDER / "explanation_dark.png", scheme="dark")
    photograph(
        page, FOLDER / "explanation_evidence.png", heading="Laboratory evidence", height=1100
    )
    photograph(page, FOLDER / "explanation_phone.png", width=390, height=1800, scheme="dark")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        page, name = sys.argv[1:]
        photograph(Path(page).read_text(encoding="utf-8"), FOLDER / name, height=3300)
        sys.exit()
    example = Path(__file__).parents[1] / "examples" / "laboratory" / "explain_one_patient.py"
    draw_explanation(runpy.run_path(str(example))["explain_one"](n_subjects=700).to_html())
    save_figure(draw_cases(), FOLDER / "synthetic_ecgs.png")
    first = make_clinical_ecg(n_subjects=200, random_state=0).X["ecg"].ecg  # as in get_started.md
    save_figure(first.plot(0), FOLDER / "first_ecg.png")
