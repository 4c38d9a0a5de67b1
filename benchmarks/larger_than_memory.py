"""Peak memory of the README's pipeline, or of a grid search, on a store on disk.

    python benchmarks/larger_than_memory.py [--gib 2] [--grid-search]

The store is memory-mapped int16, 12 leads of 10 s at 200 Hz (100 Hz for the grid search).
Anonymous memory is what the process needs; the system can take back pages of the file.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.storage import NpyStorage

SETTINGS = {"max_epochs": 1, "verbose": False}


def write_store(path: Path, gib: float, sampling_rate: float) -> int:
    cohort = make_clinical_ecg(200, sampling_rate=sampling_rate, random_state=0)
    samples = cohort.X["ecg"].ecg.to_numpy()
    samples = np.rint(1000 * samples).astype("<i2")
    n_copies = round(gib * 2**30 / samples.nbytes)
    shape = (n_copies * len(samples), *samples.shape[1:])
    with path.open("wb") as file:
        header = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(n_copies):
            file.write(samples.tobytes())
    return shape[0]


def anonymous_mib() -> float:
    status = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line for line in status if line.startswith("RssAnon")).split()[1]) / 1024


class Peak(threading.Thread):
    """Largest anonymous memory seen while it runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.mib, self.running = 0.0, True

    def run(self):
        while self.running:
            self.mib = max(self.mib, anonymous_mib())
            time.sleep(0.02)


def fit_pipeline(X: pd.DataFrame, y: np.ndarray) -> None:
    pretrainer = JointEmbeddingPretrainer(ResNet1d(10, width=4), **SETTINGS)
    classifier = ECGDiagnosisClassifier(pretrainer, **SETTINGS)
    pipe = make_pipeline(Resample(100), BandpassFilter(0.5, 40), classifier)
    pipe.fit(X, y).predict_proba(X[["ecg"]])


def search_grid(X: pd.DataFrame, y: np.ndarray) -> None:
    model = ECGDiagnosisClassifier(ResNet1d(10, width=4), **SETTINGS)
    search = GridSearchCV(model, {"dropout": [0.1, 0.3]}, cv=GroupKFold(2))
    search.fit(X, y, groups=X["subject_id"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=2)
    parser.add_argument("--grid-search", action="store_true")
    options = parser.parse_args()
    rate, work, what = 200, fit_pipeline, "two stages and predictions"
    if options.grid_search:
        rate, work, what = 100, search_grid, "five fits and four scores"
    with tempfile.TemporaryDirectory() as folder:
        n_records = write_store(Path(folder, "ecg.npy"), options.gib, rate)
        storage = NpyStorage(Path(folder, "ecg.npy"), STANDARD_12_LEADS, rate, gain=1000)
        numbers = np.arange(n_records)
        X = pd.DataFrame({"ecg": ECGArray(storage), "age": numbers % 71})
        X["subject_id"] = numbers // 2
        before, peak, start = anonymous_mib(), Peak(), time.perf_counter()
        peak.start()
        work(X, numbers % 2)
        peak.running = False
        print(
            f"store {options.gib:g} GiB, {n_records:,} records: {what} in "
            f"{time.perf_counter() - start:.0f} s; anonymous memory {before:.0f} MiB before, "
            f"{peak.mib:.0f} MiB at most"
        )
