"""Time and peak memory of `ecgsk.check_table` on a large table, without reading signals.

    python benchmarks/check_table.py --records 800000 --columns 60 --labels 20

Prints seconds and the peak of resident memory above that of the table, of a clean table and of
one with text, dates and identifiers; and the seconds of the checks that ``fit`` makes.
"""

import argparse
import resource
import threading
import time

import numpy as np
import pandas as pd
import psutil

from ecgsk import check_table
from ecgsk.checks.fitting import check_training_table


def make_table(n_records: int, n_columns: int, seed: int = 0) -> pd.DataFrame:
    """Make floats, a third missing, whole numbers and categories, four records a patient."""
    rng = np.random.default_rng(seed)
    columns = {}
    for place in range(n_columns - 4):
        values = rng.normal(size=n_records)
        values[rng.random(n_records) < 0.3] = np.nan
        columns[f"lab{place}"] = values
    columns["age"] = rng.integers(18, 95, n_records).astype(float)
    columns["platelets"] = rng.integers(20, 900, n_records).astype(float)
    columns["sex"] = pd.Categorical(rng.choice(["F", "M"], n_records))
    columns["ward"] = rng.choice([f"ward {i}" for i in range(30)], n_records)
    columns["subject_id"] = 10_000_000 + np.arange(n_records) // 4
    return pd.DataFrame(columns)


class PeakMemory:
    """Peak of resident memory above its start, in MB, by samples every 5 ms."""

    def __enter__(self):
        self._process, self._stop = psutil.Process(), threading.Event()
        self._start = self.peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.megabytes = (self.peak - self._start) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=800_000)
    parser.add_argument("--columns", type=int, default=60)
    parser.add_argument("--labels", type=int, default=20)
    options = parser.parse_args()
    X = make_table(options.records, options.columns)
    rng = np.random.default_rng(1)
    Y = pd.DataFrame(
        (rng.random((options.records, options.labels)) < 0.1).astype(np.float32)
    ).add_prefix("label")
    bad = X.assign(
        hadm_id=np.arange(options.records),
        charttime=pd.Timestamp("2150-01-01"),
        seen=pd.Series(np.arange(options.records) % 20_000).astype(str).radd("2150-"),
        report=[f"sinus rhythm at {i} per minute" for i in range(options.records)],
        k=[f"{i % 5000},5" for i in range(options.records)],
        answer=Y["label0"],
    )
    cases = {
        "check_table, clean": lambda: check_table(X, Y),
        "check_table, six mistakes": lambda: check_table(bad, Y),
        "fit's checks, clean": lambda: check_training_table(
            "fit", X, list(X.columns[:-1]), patients=X["subject_id"].to_numpy(), y=Y
        ),
    }
    print(f"{len(X):,} records, {X.shape[1]} columns, {Y.shape[1]} labels")
    for name, run in cases.items():
        start = time.perf_counter()
        with PeakMemory() as memory:
            result = run()
        seconds = time.perf_counter() - start
        print(f"{name}: {seconds:.1f} s, {memory.megabytes:.0f} MB above the table")
        if result is not None:
            print(f"    {len(result)} findings: {sorted({f.kind for f in result.findings})}")
    print(f"peak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
