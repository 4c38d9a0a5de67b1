"""Output of a command: text for people, or one JSON document for programs."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ecgsk._json_values import json_value

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the result, warnings and errors.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]


@dataclass(frozen=True)
class _Mode:
    quiet: bool = False
    as_json: bool = False


_mode = _Mode()


@contextmanager
def printing(*, quiet: bool, as_json: bool) -> Iterator[None]:
    """Choose what the command prints; --quiet turns progress off too."""
    global _mode
    before, logger = _mode, logging.getLogger("ecgsk")
    level = logger.level
    _mode = _Mode(quiet, as_json)
    if quiet:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        _mode = before
        logger.setLevel(level)


def say(text: str = "") -> None:
    """Print a line about the course of the work: none under --quiet or --json."""
    if not (_mode.quiet or _mode.as_json):
        typer.echo(text)


def show(text: str, document: Any) -> None:
    """Print the result of a command: the text, or under --json the document."""
    typer.echo(_render(document) if _mode.as_json else text)


def finish(text: str, document: Any) -> None:
    """Print what was written and where: nothing under --quiet, the document under --json."""
    if _mode.as_json:
        typer.echo(_render(document))
    else:
        say(text)


def _render(document: Any) -> str:
    return json.dumps(json_value(document), indent=1)
