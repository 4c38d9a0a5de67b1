"""Look-up of the ECG column."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import (
    ECGError,
)
from ecgsk.signals.columns import ecg_column, find_ecg_column


def test_find_the_ecg_column(frame):
    assert find_ecg_column(frame) == "ecg"
    assert find_ecg_column(frame.rename(columns={"ecg": 3})) == 3
    assert find_ecg_column(frame[["age"]]) is None
    assert find_ecg_column(np.zeros((2, 3))) is None


def test_two_ecg_columns(frame):
    with pytest.raises(ECGError, match=r"Net: expected one ECG column, got 2 \(ecg, again\)"):
        find_ecg_column(frame.assign(again=frame["ecg"]), name="Net")


@pytest.mark.parametrize(
    ("X", "came"),
    [
        (pd.DataFrame({"age": [1], "sex": ["F"]}), "columns age: int64, sex: "),
        (pd.DataFrame(), "an empty frame"),
        (np.zeros((1, 2)), "ndarray"),
    ],
)
def test_no_ecg_column(X, came):
    with pytest.raises(ECGError, match=f"expected a DataFrame with an ECG column, got {came}"):
        ecg_column(X)


def test_ecg_column_of_tables_series_and_arrays(frame, ecg):
    for X in (frame, frame["ecg"], frame["ecg"].array):
        assert ecg_column(X).storage is ecg.storage
