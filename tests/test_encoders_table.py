"""The encoders' table of the documentation is up to date."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def cells(text):
    """Split a Markdown table into rows, without the GFLOPs: torch may count those otherwise."""
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[*row[:3], *row[4:]] for row in rows]


def test_table_is_up_to_date():
    spec = spec_from_file_location("make_encoders_table", DOCS / "make_encoders_table.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    (written,) = script.BETWEEN_MARKERS.findall(script.PAGE.read_text(encoding="utf-8"))
    assert cells(written) == cells(script.table()), "run: python docs/make_encoders_table.py"
