"""A store far larger than what the process may address is learned from."""

import resource
import subprocess
import sys

import numpy as np
import pytest

from ecgsk.datasets import make_clinical_ecg

GIB = 1 << 30
CODE = """
import json, resource, sys
import numpy as np, pandas as pd, torch
from sklearn.model_selection import GridSearchCV
from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders import ResNet1d
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.storage import NpyStorage
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
torch.set_num_threads(1)
storage = NpyStorage(sys.argv[1], STANDARD_12_LEADS, 100, gain=1000)
rows = np.linspace(0, len(storage) - 1, 60).astype(int)
X = pd.DataFrame({"ecg": ECGArray(storage, rows)})
y = np.arange(60) % 2
model = ECGDiagnosisClassifier(ResNet1d(10, width=4), max_epochs=1, verbose=False, random_state=0)
search = GridSearchCV(model, {"dropout": [0.1, 0.2]}, cv=2, error_score="raise").fit(X, y)
print(json.dumps(search.predict_proba(X)[:, 1].tolist()))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Sixty records spread over a file of 12 GiB that is otherwise a hole."""
    path = tmp_path_factory.mktemp("store") / "ecg.npy"
    cohort = make_clinical_ecg(60, random_state=0)
    samples = np.rint(1000 * cohort.X["ecg"].ecg.to_numpy()[:60]).astype("<i2")
    row_bytes = samples[0].nbytes
    n_rows = 12 * GIB // row_bytes
    with path.open("wb") as file:
        header = {"descr": "<i2", "fortran_order": False, "shape": (n_rows, 12, 1000)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for row, record in zip(np.linspace(0, n_rows - 1, 60).astype(int), samples, strict=True):
            file.seek(start + int(row) * row_bytes)
            file.write(record.tobytes())
    return path


def run(store, limit):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(store), str(limit)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
def test_a_grid_search_within_a_third_of_the_stores_size(store):
    assert store.stat().st_size > 11.9 * GIB
    assert run(store, 4 * GIB) == run(store, resource.RLIM_INFINITY)
