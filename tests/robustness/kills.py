"""Kill, stop or starve a writer at each of its steps, and read what is left.

A step is a call by which Python creates, renames or deletes something on disk; its audit event
comes before the call. Within the files, the kernel kills the writer at a limit of their size.
"""

import errno
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgsk.exceptions import ECGError

_CHANGES = {"chmod", "rename", "remove", "mkdir", "rmdir", "link", "symlink", "truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Exit codes of a writer: done, refused with one of our errors, another exception.
DONE, REFUSED, RAISED = 0, 3, 4


# In memory where possible: each kill comes after several synchronisations with the disk.
QUICK_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True)
class Writer:
    """What is written first, what replaces it, and how it is read.

    Attributes
    ----------
    begin, write : callable of a folder
        Write the old content; replace it.
    read : callable of a folder
        Return the content, old or new.
    """

    name: str
    begin: Callable[[Path], Any]
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]


def count_steps(write: Callable[[Path], Any], folder: Path) -> int:
    """Return the number of steps of a writer that is let run."""
    receiver, sender = os.pipe()

    def report() -> None:
        steps = [0]

        def count(event: str, arguments: tuple) -> None:
            steps[0] += is_step(event, arguments)

        sys.addaudithook(count)
        write(folder)
        os.write(sender, str(steps[0]).encode())

    code = in_child(report)
    os.close(sender)
    text = os.read(receiver, 100)
    os.close(receiver)
    assert code == DONE, f"the writer ended with {code}"
    return int(text)


def end_at(step: int, fate: Callable[[], None], write: Callable[[Path], Any], folder: Path) -> int:
    """Run a writer that meets its fate before a step, counted from 0; return its exit code."""

    def run() -> None:
        left = step

        def stop(event: str, arguments: tuple) -> None:
            nonlocal left
            if is_step(event, arguments):
                left -= 1
                if left == -1:
                    fate()

        sys.addaudithook(stop)
        write(folder)

    return in_child(run)


def kill() -> None:
    """End the process without any cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    """Fail as a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupt() -> None:
    """Fail as by Ctrl-C."""
    raise KeyboardInterrupt


def limit_files(n_bytes: int, write: Callable[[Path], Any], folder: Path, *, kill: bool) -> int:
    """Run a writer whose files cannot grow beyond a size: killed there, or a full disk."""

    def run() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        write(folder)

    return in_child(run)


def what_is_left(writer: Writer, folder: Path, old: Path, new: Path) -> str:
    """Read what a writer left and write again; return "whole" or what was wrong."""
    try:
        content = writer.read(folder)
    except Exception as error:
        return f"unreadable: {type(error).__name__}"
    if content not in (writer.read(old), writer.read(new)):
        return "neither the old content nor the new"
    try:
        writer.write(folder)
    except Exception as error:
        return f"cannot be written again: {type(error).__name__}"
    if writer.read(folder) != writer.read(new):
        return "another content after writing again"
    return "whole" if _listing(folder) == _listing(new) else "files left behind"


def _listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def without_permission(write: Callable[[Path], Any], folder: Path) -> int:
    """Run a writer as a user who may read `folder` and may not write there."""

    def run() -> None:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        write(folder)

    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    code = in_child(run)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return code


def is_step(event: str, arguments: tuple) -> bool:
    """Return whether an audit event changes something on disk."""
    if event == "open":
        path, _, flags = arguments
        return bool((flags or 0) & _WRITING) and not str(path).startswith(("/dev/", "/proc/"))
    return event.startswith("os.") and event[3:] in _CHANGES


def in_child(run: Callable[[], None]) -> int:
    """Run a function in a forked process; return its exit code, negative if it was killed."""
    child = os.fork()
    if child == 0:
        code = RAISED
        try:
            # What it says about the files is not asked here.
            silent = os.open(os.devnull, os.O_WRONLY)
            if not os.environ.get("ECGSK_SHOW_CHILD"):
                os.dup2(silent, 1)
                os.dup2(silent, 2)
            run()
            code = DONE
        except ECGError:
            code = REFUSED
        except OSError as error:
            is_limit = error.errno in (errno.EFBIG, errno.EACCES, errno.EPERM)
            code = RAISED + 1 if is_limit else RAISED
            traceback.print_exc()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
