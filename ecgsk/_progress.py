"""Progress bars for people who watch: a terminal or a notebook, never a log file."""

import builtins
from typing import Any

from tqdm.auto import tqdm


def progress_bar(iterable: Any = None, *, show: bool = True, **settings: Any) -> tqdm:
    """Return tqdm's bar, hidden where nobody would see it.

    Parameters
    ----------
    iterable : iterable or None
        What is gone through; None with ``total=``.
    show : bool, default=True
        False hides the bar everywhere.
    **settings
        tqdm's own: ``desc``, ``unit``, ``total``.
    """
    # None leaves it to tqdm, which is quiet where the output is no terminal. A
    # notebook's is none either.
    hidden = (None if not _in_notebook() else False) if show else True
    return tqdm(iterable, disable=hidden, **settings)


def _in_notebook() -> bool:
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())
