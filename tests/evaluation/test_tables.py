"""Tables of a comparison as CSV, LaTeX and HTML."""

import re

import pandas as pd
import pytest

from ecgsk.evaluation import write_tables
from ecgsk.evaluation.tables import to_latex

_NAMES = [
    "arms",
    "differences",
    "gap_closed",
    "label_differences",
    "laboratories",
    "per_label",
    "subgroups",
]


@pytest.fixture(scope="module")
def folder(comparison, tmp_path_factory):
    return write_tables(comparison, tmp_path_factory.mktemp("tables") / "new").parent


def test_write_tables_writes_each_table_as_csv_and_latex(folder):
    files = {f"{name}.{form}" for name in _NAMES for form in ("csv", "tex")}
    assert {path.name for path in folder.iterdir()} == files | {"tables.html"}


@pytest.mark.parametrize("name", _NAMES)
def test_csv_has_the_full_table(comparison, folder, name):
    compute = {"arms": comparison.to_frame}.get(name, getattr(comparison, name, None))
    expected = compute()
    again = pd.read_csv(folder / f"{name}.csv")
    pd.testing.assert_frame_equal(again, expected, check_dtype=False)


def _unescaped(text, sign):
    return re.findall(rf"(?<!\\){re.escape(sign)}", text)


@pytest.mark.parametrize("name", _NAMES)
def test_latex_is_well_formed(folder, name):
    text = (folder / f"{name}.tex").read_text("utf-8")
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    assert len(_unescaped(text, "{")) == len(_unescaped(text, "}"))
    assert not _unescaped(text, "%")
    assert len(_unescaped(text, "$")) % 2 == 0
    body = text[text.index(r"\midrule") : text.rindex(r"\bottomrule")]
    (columns,) = set(re.findall(r"\\begin\{(?:tabular|longtable)\}\{(l+r*)\}", text))
    rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicol" not in line]
    assert {len(_unescaped(row, "&")) + 1 for row in rows} == {len(columns)}


def test_latex_escapes_names():
    names = ["a_b & 50%", "[x] {y} ~^#$ \\", "*", "-1 [-2, 3]", "C-1", "x < y"]
    text = to_latex(pd.DataFrame({"la_bel": names}), caption="95 %", label="tab:a")
    for expected in (
        r"la\_bel",
        r"a\_b \& 50\%",
        r"{}[x] \{y\} \textasciitilde{}\textasciicircum{}\#\$ \textbackslash{}",
        "{}*",
        "$-$1 [$-$2, 3]",
        "C-1",
        r"x \textless{} y",
    ):
        assert f"\n{expected} \\\\" in text
    assert r"\caption{95 \%}" in text


def test_long_table_is_a_longtable():
    text = to_latex(pd.DataFrame({"label": map(str, range(41))}), caption="", label="tab:a")
    assert r"\begin{longtable}" in text


def test_page_shows_rounded_scores_of_each_setting(comparison, folder):
    page = (folder / "tables.html").read_text("utf-8")
    for row in comparison.to_frame().itertuples():
        interval = f"{row.macro_auroc:.3f} [{row.auroc_low:.3f}, {row.auroc_high:.3f}]"
        share = f"{100 * row.label_fraction:.3g} %"
        assert f"<td>{share}</td><td>{row.arm}</td><td>{interval}</td>" in page.replace("\n", "")


def test_empty_tables_are_not_written(compare, tmp_path):
    alone = compare(arms=["table only"])
    page = write_tables(alone, tmp_path)
    assert {path.stem for path in page.parent.iterdir()} == {"arms", "per_label", "tables"}
