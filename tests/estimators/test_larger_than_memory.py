"""Fit and predict on a store far larger than what the process may address."""

import resource
import subprocess
import sys

import numpy as np
import pytest

from ecgsk.datasets import make_clinical_ecg

MIB, GIB = 1 << 20, 1 << 30
N_STORED = 4500
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="limits of address space are Linux's"
)

GRID_SEARCH = """
import json, resource, sys
import numpy as np, pandas as pd, torch
from sklearn.model_selection import GridSearchCV
from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders import ResNet1d
from ecgsk.signals import ECGArray, STANDARD_12_LEADS
from ecgsk.signals.storage import NpyStorage
path, limit, n_stored = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
torch.set_num_threads(1)
storage = NpyStorage(path, STANDARD_12_LEADS, 200, gain=1000)
rows = np.linspace(0, len(storage) - 1, n_stored).astype(int)[::75]
X = pd.DataFrame({"ecg": ECGArray(storage, rows)})
y = np.arange(len(X)) % 2
model = ECGDiagnosisClassifier(ResNet1d(10, width=4), max_epochs=1, verbose=False, random_state=0)
search = GridSearchCV(model, {"dropout": [0.1, 0.2]}, cv=2, error_score="raise").fit(X, y)
print(json.dumps(search.predict_proba(X)[:, 1].tolist()))
"""

# A small fit comes first: what it leaves mapped is not the store's.
PIPELINE = """
import json, re, resource, sys
import numpy as np, pandas as pd, sklearn, torch
from pathlib import Path
from sklearn.pipeline import make_pipeline
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.signals import ECGArray, STANDARD_12_LEADS
from ecgsk.signals.storage import NpyStorage
path, headroom, n_stored = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
working_memory = int(sys.argv[4])
torch.set_num_threads(1)
settings = {"max_epochs": 1, "verbose": False, "random_state": 0, "device": "cpu"}
def fit(ecg):
    numbers = np.arange(len(ecg))
    X = pd.DataFrame({"ecg": ecg, "age": numbers % 71, "subject_id": numbers // 2})
    pretrainer = JointEmbeddingPretrainer(ResNet1d(10, width=4), **settings)
    classifier = ECGDiagnosisClassifier(pretrainer, **settings)
    pipe = make_pipeline(Resample(100), BandpassFilter(0.5, 40), classifier)
    return pipe.fit(X, numbers % 2).predict_proba(X[["ecg"]].iloc[:60])[:, 1]
small = np.random.default_rng(0).normal(size=(300, 12, 2000)).astype("float32")
fit(ECGArray.from_numpy(small, leads=STANDARD_12_LEADS, sampling_rate=200))
if headroom >= 0:
    mapped = re.search(r"VmSize:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    limit = 1024 * int(mapped[1]) + headroom
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sklearn.set_config(working_memory=working_memory)
storage = NpyStorage(path, STANDARD_12_LEADS, 200, gain=1000)
rows = np.linspace(0, len(storage) - 1, n_stored).astype(int)
print(json.dumps(fit(ECGArray(storage, rows)).tolist()))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Records spread over a file of 12 GiB that is otherwise a hole."""
    path = tmp_path_factory.mktemp("store") / "ecg.npy"
    cohort = make_clinical_ecg(60, sampling_rate=200, random_state=0)
    samples = np.rint(1000 * cohort.X["ecg"].ecg.to_numpy()).astype("<i2")
    row_bytes = samples[0].nbytes
    n_rows = 12 * GIB // row_bytes
    with path.open("wb") as file:
        header = {"descr": "<i2", "fortran_order": False, "shape": (n_rows, 12, 2000)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        for place, row in enumerate(np.linspace(0, n_rows - 1, N_STORED).astype(int)):
            file.seek(start + int(row) * row_bytes)
            file.write(samples[place % len(samples)].tobytes())
    assert path.stat().st_size > 11.9 * GIB
    yield path
    path.unlink()


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_grid_search_within_a_third_of_the_stores_size(store):
    limited = run(GRID_SEARCH, store, 4 * GIB, N_STORED)
    assert limited == run(GRID_SEARCH, store, resource.RLIM_INFINITY, N_STORED)


@pytest.mark.slow
def test_the_whole_pipeline_with_less_memory_than_its_records_take(store):
    headroom = 160 * MIB  # for batches
    assert headroom < 4 * N_STORED * 12 * 1000  # bytes of the filtered records
    limited = run(PIPELINE, store, headroom, N_STORED, 16)
    in_memory = run(PIPELINE, store, -1, N_STORED, 4096)
    assert limited == in_memory
