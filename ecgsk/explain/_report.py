"""One self-contained HTML page."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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

    @property
    def svg(self) -> Markup | None:
        """The figure as inline SVG, without the XML declaration before it."""
        if self.figure is None:
            return None
        buffer = io.StringIO()
        self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        svg = buffer.getvalue()
        # matplotlib escapes text itself, so what it wrote is safe as it is.
        return Markup(svg[svg.index("<svg") :])


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
    environment = Environment(loader=PackageLoader("ecgsk.explain"), autoescape=True)
    page = environment.get_template("report.html").render(title=title, lead=lead, sections=sections)
    Path(path).write_text(page, encoding="utf-8")
