"""Worker processes that start beside a command."""

from ecgsk.cli import _workers


def test_one_process_at_most_for_each_core(monkeypatch):
    monkeypatch.setattr(_workers, "cpu_count", lambda: 2)
    assert [_workers.resolve_jobs(n) for n in (1, 2, 3)] == [1, 2, 2]


def test_tiny_model_of_the_workers_fits():
    _workers._fit_tiny_model()


def test_failing_workers_do_not_end_the_command(monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("no process")

    monkeypatch.setattr(_workers, "Parallel", broken)
    _workers._start(2)
