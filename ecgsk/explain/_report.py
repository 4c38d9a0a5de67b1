"""One self-contained HTML page."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from ecgsk.explain._page import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TAG = re.compile(r"<\w[^>]*>")
_GROUP_NAME = re.compile(r"""<g id=("[^"]*"|'[^']*')""")
_ID = re.compile(r"""\bid="|href="#|url\(#""")


@dataclass(frozen=True)
class Section:
    """A part of a report; what is None is left out.

    Attributes
    ----------
    heading : str
        Its title.
    text : str or None
        A paragraph.
    table : DataFrame or None
        Shown without its index; numbers should be strings already.
    figure : Figure or None
        Drawn into the page as vector graphics.
    lines : str or None
        Text whose line breaks matter.
    details : str or None
        The same, folded until it is asked for.
    """

    heading: str
    text: str | None = None
    table: pd.DataFrame | None = None
    figure: "Figure | None" = None
    lines: str | None = None
    details: str | None = None


def write_report(path: str | Path, *, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write a page that needs nothing but itself: no script, no network.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    title : str
        Heading of the page.
    lead : str
        What the page is, and may not be taken for.
    sections : sequence of Section
        From the top down. All text is escaped.

    Examples
    --------
    >>> from ecgsk.explain import Section, write_report
    >>> page = getfixture("tmp_path") / "report.html"
    >>> write_report(page, title="ECG 7", lead="", sections=[Section("<b>", text="a < b")])
    >>> "&lt;b&gt;" in page.read_text(encoding="utf-8")
    True
    """
    page = render("report.html", title=title, lead=lead, sections=sections, draw=_draw)
    Path(path).write_text(page, encoding="utf-8")


def _draw(figure: "Figure", number: int) -> Markup:
    """Return a figure as inline SVG whose ids no other figure of the page has."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]  # without the XML declaration
    # Names of groups repeat and are not referred to; the other ids get the figure's number.
    svg = _GROUP_NAME.sub("<g", svg)
    svg = _TAG.sub(lambda tag: _ID.sub(rf"\g<0>figure{number}-", tag[0]), svg)
    # matplotlib escapes text itself, so what it wrote is safe as it is.
    return Markup(svg)
