"""WFDB records made for the tests."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals import STANDARD_12_LEADS


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., np.ndarray]:
    """Write a record into ``tmp_path``; gives its samples, shape (n_leads, n_times)."""

    def write(
        name: str,
        *,
        leads: Sequence[str] = STANDARD_12_LEADS,
        rate: int = 500,
        seconds: float = 1.0,
        unit: str = "mV",
        comments: Sequence[str] = (),
        signal: np.ndarray | None = None,
    ) -> np.ndarray:
        if signal is None:
            times = np.arange(round(rate * seconds)) / rate
            phase = np.arange(len(leads))[:, None]
            signal = np.round(np.sin(2 * np.pi * 3 * times + phase), 3)
        folder = tmp_path / Path(name).parent
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # wfdb 4.3 writes with what pandas 3.1 deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            load_wfdb().wrsamp(
                Path(name).name,
                fs=rate,
                units=[unit] * len(leads),
                sig_name=list(leads),
                p_signal=signal.T.astype(float),
                fmt=["16"] * len(leads),
                adc_gain=[1000.0] * len(leads),
                baseline=[0] * len(leads),
                comments=list(comments),
                write_dir=str(folder),
            )
        return signal

    return write
