"""Checks and patient weights of a calibration's input."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.calibration._data import check_probabilities, equal_patients, read_calibration
from ecgsk.exceptions import ECGError


def test_weights_of_a_patient_sum_to_one():
    patients = np.array([0, 2, 0, 2, 2, 4])
    weight = equal_patients(patients)
    np.testing.assert_allclose(weight, [1 / 2, 1 / 3, 1 / 2, 1 / 3, 1 / 3, 1])
    assert equal_patients(np.empty(0, dtype=int)).shape == (0,)


def test_each_record_is_a_patient_without_groups():
    Y, P, names, patients = read_calibration("caller", [0.2, 0.7, 0.4], [0, 1, np.nan], None)
    assert Y.shape == P.shape == (3, 1)
    assert names == ("0",)
    assert patients.tolist() == [0, 1, 2]


def test_groups_of_other_rows_are_refused():
    Y = pd.DataFrame({"one": [0, 1]}, index=[5, 6])
    with pytest.raises(ECGError, match="groups to have Y's row index"):
        read_calibration("caller", Y * 0.5, Y, pd.Series(["a", "b"], index=[6, 5]))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_values_outside_zero_and_one_are_refused(wrong):
    with pytest.raises(ECGError, match="caller expected probabilities from 0 to 1"):
        check_probabilities("caller", [[0.5, wrong]])


def test_other_number_of_labels_is_refused():
    assert check_probabilities("caller", [0.1, 0.2], 1).shape == (2, 1)
    with pytest.raises(ECGError, match=r"shape \(n_records, 3\), as in fit; got \(1, 2\)"):
        check_probabilities("caller", [[0.1, 0.2]], 3)
