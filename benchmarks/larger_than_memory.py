"""Peak memory of a grid search over folds of a store on disk.

    python benchmarks/larger_than_memory.py [--gib 2]

The store is memory-mapped int16, 12 leads of 10 s at 100 Hz. Anonymous memory is what the
process needs; pages of the file are the system's to take back.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.storage import NpyStorage


def write_store(path: Path, gib: float) -> int:
    samples = make_clinical_ecg(200, random_state=0).X["ecg"].ecg.to_numpy()
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
    status = Path("/proc/self/status").read_text().splitlines()
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        n_records = write_store(Path(folder, "ecg.npy"), options.gib)
        storage = NpyStorage(Path(folder, "ecg.npy"), STANDARD_12_LEADS, 100, gain=1000)
        X = pd.DataFrame({"ecg": ECGArray(storage), "subject_id": np.arange(n_records) // 2})
        y = np.arange(n_records) % 2
        model = ECGDiagnosisClassifier(ResNet1d(10, width=4), max_epochs=1, verbose=False)
        before, peak, start = anonymous_mib(), Peak(), time.perf_counter()
        peak.start()
        search = GridSearchCV(model, {"dropout": [0.1, 0.3]}, cv=GroupKFold(2))
        search.fit(X, y, groups=X["subject_id"])
        peak.running = False
        print(
            f"store {options.gib:g} GiB, {n_records:,} records: five fits and four scores in "
            f"{time.perf_counter() - start:.0f} s; anonymous memory {before:.0f} MiB before, "
            f"{peak.mib:.0f} MiB at most"
        )
