"""Small ECG columns, in memory and on disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgsk.signals import STANDARD_12_LEADS, ECGArray


@pytest.fixture
def x() -> np.ndarray:
    """Twenty records of 12 leads and 10 s at 100 Hz, mV."""
    return np.random.default_rng(0).normal(scale=0.2, size=(20, 12, 1000)).astype(np.float32)


@pytest.fixture
def ecg(x: np.ndarray) -> ECGArray:
    return ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=100)


@pytest.fixture
def frame(ecg: ECGArray) -> pd.DataFrame:
    n = len(ecg)
    return pd.DataFrame(
        {"ecg": ecg, "age": np.arange(n) + 40, "subject_id": np.arange(n) // 2},
        index=[f"study{i}" for i in range(n)],
    )


@pytest.fixture
def on_disk(x: np.ndarray, tmp_path: Path) -> ECGArray:
    np.save(tmp_path / "ecg.npy", x)
    return ECGArray.from_npy(tmp_path / "ecg.npy", leads=STANDARD_12_LEADS, sampling_rate=100)


@pytest.fixture
def make() -> Callable[..., ECGArray]:
    def make(n=3, leads=("I", "II"), sampling_rate=100, n_samples=50, seed=0) -> ECGArray:
        x = np.random.default_rng(seed).normal(size=(n, len(leads), n_samples)).astype(np.float32)
        return ECGArray.from_numpy(x, leads=leads, sampling_rate=sampling_rate)

    return make
