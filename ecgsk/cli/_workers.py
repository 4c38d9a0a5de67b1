"""Worker processes of a command, started while the command itself imports its libraries."""

from contextlib import suppress
from threading import Thread

from joblib import Parallel, cpu_count, delayed


def resolve_jobs(most: int) -> int:
    """Return the number of processes: one for each core, at most `most`."""
    return min(most, cpu_count())


def start_workers(n_jobs: int) -> None:
    """Start joblib's processes and return at once; the next ``Parallel(n_jobs)`` uses them.

    They import what a fit needs, which takes seconds.
    """
    if n_jobs > 1:
        Thread(target=_start, args=(n_jobs,), daemon=True).start()


def _start(n_jobs: int) -> None:
    with suppress(Exception):  # an interrupt ends them; Parallel starts others
        Parallel(n_jobs, batch_size=1)(delayed(_fit_tiny_model)() for _ in range(n_jobs))


def _fit_tiny_model() -> None:
    import numpy as np

    from ecgsk.encoders import ResNet1d
    from ecgsk.estimators import ECGDiagnosisClassifier

    X = np.random.default_rng(0).normal(size=(8, 1, 100))
    model = ECGDiagnosisClassifier(ResNet1d(10, width=1), max_epochs=1, random_state=0, verbose=0)
    model.fit(X, np.arange(8) % 2)
