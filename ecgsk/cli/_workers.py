"""Worker processes of a command, started while the command itself imports its libraries."""

from contextlib import suppress
from importlib import import_module
from threading import Thread

from joblib import Parallel, cpu_count, delayed


def resolve_jobs(most: int) -> int:
    """Return the number of processes: one for each core, at most `most`."""
    return min(most, cpu_count())


def start_workers(n_jobs: int, module: str) -> None:
    """Start joblib's processes, which import a module of several seconds, and return at once.

    The next ``Parallel(n_jobs)`` uses them.
    """
    if n_jobs > 1:
        Thread(target=_start, args=(n_jobs, module), daemon=True).start()


def _start(n_jobs: int, module: str) -> None:
    with suppress(Exception):  # an interrupt ends them; Parallel starts others
        Parallel(n_jobs, batch_size=1)(delayed(_import)(module) for _ in range(n_jobs))


def _import(module: str) -> None:
    import_module(module)
