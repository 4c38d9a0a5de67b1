"""Layout of the boxes and arrows of a flow diagram."""

from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from ecgsk.datasets._cohort import count_text

# Pixels.
_WIDTH, _SIDE_WIDTH, _GAP, _LINE = 250, 270, 34, 19
_MARGIN, _PART_GAP = 10, 20


@dataclass(frozen=True)
class Box:
    """Lines of text in a frame, the first in bold; position and size in pixels."""

    x: float
    y: float
    width: float
    lines: list[str]

    @property
    def height(self) -> float:
        """Height of the lines and the frame."""
        return _LINE * len(self.lines) + 16

    @property
    def middle(self) -> float:
        """Horizontal centre, where vertical arrows start and end."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """Lower edge, where arrows start."""
        return self.y + self.height


class Line(NamedTuple):
    """Line from one point to another, with or without an arrow head."""

    x1: float
    y1: float
    x2: float
    y2: float
    head: bool = True


@dataclass
class Diagram:
    """Boxes and lines of a flow diagram."""

    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def width(self) -> float:
        """Width of the picture."""
        return max(box.x + box.width for box in self.boxes) + _MARGIN

    @property
    def height(self) -> float:
        """Height of the picture."""
        return max(box.bottom for box in self.boxes) + _MARGIN


def flow_diagram(flow: pd.DataFrame, parts: pd.DataFrame, unit: str = "ECG") -> Diagram:
    """Lay out steps from top to bottom, left-out records beside them and parts below.

    `parts` is empty where there is no split. `unit` is what a step counts.

    Examples
    --------
    >>> flow = pd.DataFrame(
    ...     {"records": [9, 7], "subjects": [4, 4], "left_out": [0, 2], "reason": ["", "broken"]},
    ...     index=["listed", "readable"],
    ... )
    >>> diagram = flow_diagram(flow, flow.iloc[:0])
    >>> [box.lines for box in diagram.boxes]
    [['listed', '9 ECGs', '4 patients'], ['left out', '2 ECGs', 'broken'],
     ['readable', '7 ECGs', '4 patients']]
    """
    diagram = Diagram()
    row_width = len(parts) * _WIDTH + max(len(parts) - 1, 0) * _PART_GAP
    x = _MARGIN + max(row_width - _WIDTH, 0) / 2
    last: Box | None = None
    for step, records, subjects, left_out, reason in flow[
        ["records", "subjects", "left_out", "reason"]
    ].itertuples(name=None):
        top: float = _MARGIN
        if last is not None:
            top = last.bottom + _GAP
            if left_out:
                top = _add_left_out(diagram, last, left_out, reason, unit)
            diagram.lines.append(Line(last.middle, last.bottom, last.middle, top))
        last = Box(x, top, _WIDTH, [str(step), *_counts(records, subjects, unit)])
        diagram.boxes.append(last)
    if last is not None:
        _add_parts(diagram, last, parts)
    return diagram


def _add_left_out(diagram: Diagram, last: Box, left_out: int, reason: str, unit: str) -> float:
    """Add a box beside the arrow below the last one; return the top of the next step."""
    beside = Box(
        last.x + last.width + 30,
        last.bottom + _GAP / 2,
        _SIDE_WIDTH,
        ["left out", count_text(left_out, unit), *_wrap(reason)],
    )
    middle = beside.y + beside.height / 2
    diagram.boxes.append(beside)
    diagram.lines.append(Line(last.middle, middle, beside.x, middle))
    return beside.bottom + _GAP / 2


def _add_parts(diagram: Diagram, last: Box, parts: pd.DataFrame) -> None:
    top = last.bottom + 2 * _GAP
    for number, (name, records, subjects) in enumerate(
        parts[["records", "subjects"]].itertuples(name=None)
    ):
        x = _MARGIN + number * (_WIDTH + _PART_GAP)
        box = Box(x, top, _WIDTH, [str(name), *_counts(records, subjects)])
        diagram.boxes.append(box)
        diagram.lines.append(Line(box.middle, last.bottom + _GAP, box.middle, top))
    if len(parts):
        level = last.bottom + _GAP
        ends = diagram.boxes[-len(parts)].middle, diagram.boxes[-1].middle
        diagram.lines.append(Line(last.middle, last.bottom, last.middle, level, head=False))
        diagram.lines.append(Line(ends[0], level, ends[1], level, head=False))


def _counts(records: int, subjects: int, unit: str = "ECG") -> list[str]:
    known = [] if pd.isna(subjects) else [count_text(subjects, "patient")]
    return [count_text(records, unit), *known]


def _wrap(text: str, width: int = 34) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
