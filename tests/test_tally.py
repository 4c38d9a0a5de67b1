"""Progress over jobs in several processes."""

import time
from concurrent.futures import ThreadPoolExecutor

from ecgsk import _tally
from ecgsk._tally import TallyBar, tallied, tally


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def work(path, n):
    with tallied(path):
        for _ in range(n):
            tally(10)


def test_bar_adds_up_jobs_and_counts_an_ended_one_in_full(monkeypatch):
    monkeypatch.setattr(_tally, "_SECONDS_BETWEEN_LOOKS", 0.01)
    with TallyBar([100, 50], kind="arms", unit="records", show=False) as bar:
        shown = bar._bar
        monkeypatch.setattr(shown, "update", lambda n: setattr(shown, "n", shown.n + n))
        with ThreadPoolExecutor() as pool:
            list(pool.map(work, [bar.path_of(0), bar.path_of(1)], [3, 9]))
        wait_for(lambda: shown.n == 30 + 50)  # no job has more than it planned
        bar.end(0)
        wait_for(lambda: shown.n == 150)
    assert not bar.path_of(0).parent.exists()


def test_lines_in_a_log_have_the_time_left(monkeypatch, capsys):
    for name in ("_SECONDS_BETWEEN_LOOKS", "_SECONDS_BETWEEN_LINES"):
        monkeypatch.setattr(_tally, name, 0.01)
    with TallyBar([100, 50], kind="arms", unit="records", show=True) as bar:
        work(bar.path_of(1), 2)
        bar.end(0)
        wait_for(lambda: bar._bar.n == 120)
        time.sleep(0.05)
    assert "1 of 2 arms: 120 of 150 records, 00:00 gone, " in capsys.readouterr().err


def test_tally_without_a_job_or_folder_does_nothing(tmp_path):
    tally(1)
    with tallied(tmp_path / "absent" / "file"):
        tally(1)
    assert not list(tmp_path.iterdir())
