"""The gallery: every section has an example, and every example a title, a story and a picture.

Building the gallery runs the examples, so they are not run again here.
"""

import ast
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
STORED = Path(__file__).parents[1] / "docs" / "_static" / "real"
SCRIPTS = sorted(EXAMPLES.glob("*/plot_*.py"))
SECTIONS = sorted(path.parent for path in EXAMPLES.glob("*/GALLERY_HEADER.rst"))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda path: path.name)
def test_section_has_an_example(section):
    assert list(section.glob("plot_*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example_has_a_title_a_story_and_a_picture(script):
    source = script.read_text(encoding="utf-8")
    title, underline, *story = ast.get_docstring(ast.parse(source)).splitlines()
    assert underline == "=" * len(title)
    assert any(line.strip() for line in story)
    assert "plt.show()" in source


@pytest.mark.parametrize(
    "script", [s for s in SCRIPTS if "plot_real_" in s.stem], ids=lambda path: path.stem
)
def test_example_on_real_data_has_stored_pictures(script):
    source = script.read_text(encoding="utf-8")
    lines = [line for line in source.splitlines() if "image:: /_static/real/" in line]
    pictures = [line.rpartition("/")[2] for line in lines]
    assert pictures == [f"{script.stem}_{n + 1}.png" for n in range(source.count("plt.show()"))]
    for picture in pictures:
        assert 0 < (STORED / picture).stat().st_size < 150_000
