"""Look-up of the ECG column."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import (
    ECGError,
)
from ecgsk.signals.columns import ecg_column, find_ecg_column, restore_ecg_column


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


@pytest.mark.parametrize(
    "lose",
    [
        lambda X: X.astype({"ecg": object}),
        lambda X: X.astype(object).rename(columns={"ecg": 3}),
        lambda X: X["ecg"].astype(object),
        lambda X: X["ecg"].to_numpy(),
        lambda X: X[["ecg"]].to_numpy(),
        lambda X: list(X["ecg"]),
    ],
)
@pytest.mark.parametrize("is_missing", [False, True])
def test_records_as_objects_become_a_column_again(frame, lose, is_missing):
    if is_missing and isinstance(lose(frame), list):
        pytest.skip("a list begins with a record")
    X = frame.assign(ecg=frame["ecg"].where(frame.index != "study0")) if is_missing else frame
    lost = lose(X)
    restored = restore_ecg_column(lost)
    ecg = ecg_column(restored)
    assert ecg.dtype == frame["ecg"].dtype
    assert ecg.isna().tolist() == [is_missing] + [False] * (len(frame) - 1)
    np.testing.assert_array_equal(ecg.read(), X["ecg"].array.read())
    if isinstance(lost, pd.DataFrame):
        assert list(restored.columns) == list(lost.columns)
        assert restored.index.equals(lost.index)
        assert find_ecg_column(lost) is None  # the input is not changed


def test_other_input_stays_as_it_is(frame):
    text = pd.DataFrame({"sex": ["F", None], "age": [1, 2]}, dtype=object)
    for X in (
        *(frame, frame["ecg"], frame["ecg"].array, text, text["sex"], text.to_numpy()),
        *(pd.DataFrame(), [], [[1.0]], np.zeros((2, 3)), None, np.empty((0, 2), object)),
    ):
        assert restore_ecg_column(X) is X


def test_an_array_of_several_columns_has_lost_their_names(frame):
    message = r"Net expected a DataFrame .* array of objects of shape \(20, 3\).*set_output.*X\[\["
    with pytest.raises(ECGError, match=message):
        restore_ecg_column(frame.to_numpy(), name="Net")
