"""Interrupt a writer at every step that the operating system sees.

Python raises an audit event before it opens, renames, makes or removes a file. At each of
them in turn a forked copy of the process is killed, or an exception is raised in it.
"""

import os
import sys
from collections.abc import Callable, Iterator

_EVENTS = {
    "fcntl.flock",
    "open",
    "os.chmod",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "shutil.rmtree",
}

_on_event: list[Callable[[], None]] = []


def _audit(event: str, arguments: tuple) -> None:
    if _on_event and event in _EVENTS:
        _on_event[0]()


def at_every_step(action: Callable[[], None], fate: Callable[[], None]) -> Iterator[int]:
    """Yield the number of each step after a fork has run `action` and met its `fate` there.

    The caller checks what is left and puts the start back. Ends with the first number
    that `action` does not reach.
    """
    sys.addaudithook(_audit)
    for step in range(1, 1000):
        child = os.fork()
        if not child:
            _meet(action, fate, step)
        _, status = os.waitpid(child, 0)
        yield step
        if os.waitstatus_to_exitcode(status) == 0:  # the fate was not met
            return
    raise AssertionError("more than 1000 steps")


def _meet(action: Callable[[], None], fate: Callable[[], None], step: int) -> None:
    left, met = step, False

    def count() -> None:
        nonlocal left, met
        left -= 1
        if left == 0:
            met = True
            fate()

    _on_event.append(count)
    try:
        action()
    except BaseException as error:
        if not met:
            sys.excepthook(type(error), error, error.__traceback__)
    os._exit(9 if met else 0)


def kill() -> None:
    """End the process without any cleaning up."""
    os._exit(9)


def no_space() -> None:
    """Fail as a full disk."""
    raise OSError(28, "No space left on device")


def interrupt() -> None:
    """Fail as by Ctrl-C."""
    raise KeyboardInterrupt
