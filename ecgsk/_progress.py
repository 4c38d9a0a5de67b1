"""Progress of long work: a bar in a terminal or notebook, plain lines in a log."""

import builtins
import io
import logging
import sys
from typing import Any

from tqdm.auto import tqdm
from tqdm.std import tqdm as plain_tqdm

logger = logging.getLogger("ecgsk")

SECONDS_BETWEEN_LINES = 10.0
_LINE = "{desc}: {n_fmt} of {total_fmt} {unit}, {elapsed} gone, {remaining} left{postfix}"


def progress_bar(iterable: Any = None, *, show: bool = True, **settings: Any) -> tqdm:
    """Return tqdm's progress bar; without a terminal or notebook it reports lines.

    Work of less than ten seconds reports no line, longer work one every ten seconds. The level
    WARNING of the logger ``ecgsk`` turns both off.
    `settings` are parameters of tqdm, such as ``desc``, ``unit`` and ``total``; ``delay`` and
    ``mininterval`` change those ten seconds.
    """
    show = show and not _is_silenced()
    if not show or shows_bars():
        return tqdm(iterable, disable=not show, **settings)
    if "unit" in settings:  # beside a bar it begins with a blank
        settings["unit"] = settings["unit"].strip()
    lines = {
        "file": _Lines(),
        "bar_format": _LINE,
        "delay": SECONDS_BETWEEN_LINES,
        "mininterval": SECONDS_BETWEEN_LINES,
        "miniters": 1,
    }
    return plain_tqdm(iterable, **lines | settings)


def report(line: str) -> None:
    """Report a line of progress: to the logger ``ecgsk`` at INFO, else to stderr.

    An application that has configured logging for INFO gets it there. A higher level of the
    logger ``ecgsk`` itself silences it.
    """
    if reports_to_logging():
        with tqdm.external_write_mode():  # a bar on the screen stays whole
            logger.info(line)
    elif sys.stderr and not _is_silenced():
        plain_tqdm.write(line, file=sys.stderr)
        sys.stderr.flush()


def reports_to_logging() -> bool:
    """Return whether an application has configured logging for INFO."""
    return logger.isEnabledFor(logging.INFO) and logger.hasHandlers()


def _is_silenced() -> bool:
    return logger.level > logging.INFO


def shows_bars() -> bool:
    """Return whether a progress bar can be seen: in a terminal, or in a notebook."""
    return in_notebook() or bool(sys.stderr and sys.stderr.isatty())


def in_notebook() -> bool:
    """Return whether the code runs in a notebook."""
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())


class _Lines(io.TextIOBase):
    """Output of tqdm, of which each state is reported as a line."""

    _state = ""

    def write(self, text: str) -> int:
        """Report a new state; tqdm also writes carriage returns, and the last state again."""
        line = text.strip()
        state, _, _ = line.partition(" gone, ")[0].rpartition(", ")
        if state and state != self._state:
            self._state = state
            report(line)
        return len(text)
