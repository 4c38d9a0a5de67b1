"""Text of others in pages and in tables for spreadsheets."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import Markup

from ecgsk._safe_text import to_html_text, without_controls, write_csv, write_text

RUN = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "-2+3+cmd|' /C calc'!A0"]
KEPT = ["-0.5", "+1", "-1e-3", "-12%", "a=1", "12 [-3, 4]", "", "sinus", "1-2"]


@pytest.mark.parametrize("text", RUN)
def test_formulas_begin_with_an_apostrophe_everywhere(tmp_path, text):
    frame = pd.DataFrame({text: [text], "n": [-1.5]}, index=pd.Index([text], name=text))
    frame["category"] = pd.Categorical([text])
    write_csv(frame, tmp_path / "t.csv", index=True)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    inert = "'" + text.replace("\r", "\n")
    assert rows == [[inert, inert, "n", "category"], [inert, inert, "-1.5", inert]]


def test_numbers_and_other_text_are_written_as_pandas_does(tmp_path):
    frame = pd.DataFrame({"text": KEPT, "x": np.linspace(-1, 1, len(KEPT)), "mixed": -3})
    frame["mixed"] = frame["mixed"].astype(object)
    write_csv(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == frame.to_csv(index=False)
    assert frame["text"].tolist() == KEPT


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=6), min_size=1, max_size=5))
def test_no_text_cell_of_any_table_runs(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    write_csv(pd.DataFrame({"x": cells, "n": 0}, dtype=object), path)
    text = path.read_bytes().decode("utf-8")
    for row in list(csv.reader(io.StringIO(text, newline="")))[1:]:
        is_number = row[0].strip("+-.0123456789e%") in ("", "inf", "nan")
        assert is_number or row[0][:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")


def test_failed_write_leaves_the_old_file_alone(tmp_path):
    write_text(tmp_path / "page.html", "old")

    class Broken(str):
        def encode(self, *args):
            raise RuntimeError

    with pytest.raises(TypeError):
        write_text(tmp_path / "page.html", 7)
    assert (tmp_path / "page.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800"])
def test_controls_do_not_reach_a_page(sign):
    environment = Environment(autoescape=True, finalize=without_controls)
    page = environment.from_string("<p id={{ x }}>{{ x }}{{ svg }}{{ n }}</p>")
    text = page.render(x=f"a{sign}<b>", svg=Markup(f"<svg>{sign}</svg>"), n=3)
    assert sign not in text
    assert "a\ufffd&lt;b&gt;<svg>\ufffd</svg>3" in text
    assert to_html_text(f"<{sign}>") == "&lt;\ufffd&gt;"
    assert without_controls("a\tb\nÄ患") == "a\tb\nÄ患"


def test_a_table_in_parts_is_written_as_the_whole(tmp_path):
    frame = pd.DataFrame({"text": [*RUN, *KEPT], "n": 1.5})
    write_csv(frame, tmp_path / "whole.csv")
    write_csv((frame.iloc[i : i + 3] for i in range(0, len(frame), 3)), tmp_path / "parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
