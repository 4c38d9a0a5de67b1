"""Progress bars for terminals and notebooks, not for log files."""

import builtins
from typing import Any

from tqdm.auto import tqdm


def progress_bar(iterable: Any = None, *, show: bool = True, **settings: Any) -> tqdm:
    """Return tqdm's progress bar, hidden outside terminals and notebooks.

    `settings` are parameters of tqdm, such as ``desc``, ``unit`` and ``total``.
    """
    # With disable=None tqdm hides the bar unless the output is a terminal, which a
    # notebook's is not.
    hidden = (None if not _in_notebook() else False) if show else True
    return tqdm(iterable, disable=hidden, **settings)


def _in_notebook() -> bool:
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())
