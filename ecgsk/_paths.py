"""Leave folders of this machine, which may name a person, out of what is passed on."""

import re
import sys
from os import PathLike, fspath
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from sklearn.base import BaseEstimator

# Quoted absolute paths, paths from the home folder and paths upwards, as in a repr.
_QUOTED_PATH = re.compile(
    r"""(?P<quote>['"])(?:/|~|\.\.[\\/]|[A-Za-z]:[\\/]|\\\\)[^'"\n]*?(?P<name>[^'"\n\\/]*)(?P=quote)"""
)


def without_folders(value: Any) -> Any:
    r"""Return the last part of an absolute path, of one from the home folder or upwards.

    Other values are returned as they are; a path object becomes text.

    Examples
    --------
    >>> without_folders("/home/ann/weights.pth"), without_folders(r"C:\Users\ann\w.pth")
    ('weights.pth', 'w.pth')
    >>> without_folders("runs/one"), without_folders("n/a"), without_folders(3)
    ('runs/one', 'n/a', 3)
    """
    if isinstance(value, PathLike):
        value = fspath(value)
    if not isinstance(value, str):
        return value
    windows = PureWindowsPath(value)
    is_local = value.startswith(("/", "~", "../", "..\\")) or (windows.drive and windows.root)
    return (windows.name if "\\" in value else PurePosixPath(value).name) if is_local else value


def describe(value: Any) -> str:
    """Return a repr without folders.

    Examples
    --------
    >>> from pathlib import PurePosixPath
    >>> describe({"path": PurePosixPath("/home/ann/weights.pth")})
    "{'path': PurePosixPath('weights.pth')}"
    """
    # scikit-learn shortens long texts, within paths too.
    text = (
        value.__repr__(N_CHAR_MAX=sys.maxsize) if isinstance(value, BaseEstimator) else repr(value)
    )
    return _QUOTED_PATH.sub(lambda m: m["quote"] + m["name"] + m["quote"], text)
