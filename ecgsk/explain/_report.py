"""Reports as one self-contained HTML page."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from ecgsk._safe_text import write_text
from ecgsk.explain._page import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TAG = re.compile(r"<\w[^>]*>")
_GROUP_NAME = re.compile(r"""<g id=("[^"]*"|'[^']*')""")
_ID = re.compile(r"""\bid="|href="#|url\(#""")


@dataclass(frozen=True)
class Section:
    """Section of a report; parts that are None are left out.

    .. versionadded:: 0.1

    Attributes
    ----------
    heading : str
        Title of the section.
    text : str or None
        A paragraph.
    table : DataFrame or None
        Shown without its index; numbers should be strings already.
    figure : Figure or None
        Drawn as inline SVG.
    lines : str or None
        Text that keeps its line breaks.
    details : str or None
        Folded text that keeps its line breaks.
    """

    heading: str
    text: str | None = None
    table: pd.DataFrame | None = None
    figure: "Figure | None" = None
    lines: str | None = None
    details: str | None = None


def write_report(path: str | Path, *, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write a self-contained HTML page, without script or network access.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        File to write; an existing file is replaced once the page is whole.
    title : str
        Heading of the page.
    lead : str
        Introduction, with the limits of use.
    sections : sequence of Section
        Sections in order. All text is escaped.

    Examples
    --------
    >>> from ecgsk.explain import Section, write_report
    >>> page = getfixture("tmp_path") / "report.html"
    >>> write_report(page, title="ECG 7", lead="", sections=[Section("<b>", text="a < b")])
    >>> "&lt;b&gt;" in page.read_text(encoding="utf-8")
    True
    """
    page = render("report.html", title=title, lead=lead, sections=sections, draw=_draw)
    write_text(path, page)


def _draw(figure: "Figure", number: int) -> Markup:
    """Return a figure as inline SVG with ids that are unique on the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]  # without the XML declaration
    # Drop group names, which repeat without references; prefix other ids with the figure.
    svg = _GROUP_NAME.sub("<g", svg)
    svg = _TAG.sub(lambda tag: _ID.sub(rf"\g<0>figure{number}-", tag[0]), svg)
    # matplotlib escapes the text of its SVG.
    return Markup(svg)
