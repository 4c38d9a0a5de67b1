"""Progress over jobs in several processes: each job adds to a file, one process adds them up."""

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ecgsk._progress import progress_bar

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_LINES = 5.0
_job = threading.local()  # joblib may run jobs in threads


def tally(n: int) -> None:
    """Add `n` to the tally of the job that runs in this thread, if there is one."""
    path = getattr(_job, "path", None)
    if path is not None:
        # A job on another machine may not see the folder.
        with suppress(OSError), open(path, "a", encoding="ascii") as file:
            file.write(f"{n}\n")


@contextmanager
def tallied(path: Path) -> Iterator[None]:
    """Write the tally of the work inside the block to this file."""
    before = getattr(_job, "path", None)
    _job.path = path
    try:
        yield
    finally:
        _job.path = before


class TallyBar:
    """Show one progress bar, with the time left, over jobs in several processes.

    `planned` has the expected tally of each job. A job that ends counts in full: it may have
    stopped early, or gone on from a checkpoint.
    """

    def __init__(self, planned: Sequence[int], *, kind: str, unit: str, show: bool):
        self._planned = planned
        self._kind = kind
        self._ended: set[int] = set()
        self._bar = progress_bar(
            total=sum(planned),
            desc=self._description(),
            unit=f" {unit}",
            unit_scale=True,
            smoothing=0,  # jobs of several speeds run at once
            mininterval=_SECONDS_BETWEEN_LINES,
            delay=_SECONDS_BETWEEN_LINES,
            show=show,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "TallyBar":
        self._folder = tempfile.TemporaryDirectory(prefix="ecgsk-", ignore_cleanup_errors=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._bar.close()
        self._folder.cleanup()

    def path_of(self, job: int) -> Path:
        """Return the file of a job, for :func:`tallied`."""
        return Path(self._folder.name) / str(job)

    def end(self, job: int) -> None:
        """Count a job in full."""
        self._ended.add(job)

    def _look(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
            done = sum(map(self._done, range(len(self._planned))))
            self._bar.set_description_str(self._description(), refresh=False)
            self._bar.update(done - self._bar.n)

    def _done(self, job: int) -> int:
        if job in self._ended:
            return self._planned[job]
        try:
            lines = self.path_of(job).read_text("ascii").splitlines()
        except FileNotFoundError:
            return 0
        return min(sum(map(int, lines)), self._planned[job])

    def _description(self) -> str:
        return f"{len(self._ended)} of {len(self._planned)} {self._kind}"
