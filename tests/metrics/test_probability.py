"""Brier score and calibration error: labels with one class, and bins."""

import numpy as np
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import masked_brier_score, masked_calibration_error


@pytest.mark.parametrize("masked", [masked_brier_score, masked_calibration_error])
def test_label_needs_a_measured_record_but_no_second_class(masked):
    Y = np.array([[0, np.nan], [0, np.nan]])
    P = np.array([[0.5, 0.1], [0.5, 0.2]])
    assert np.isnan(masked(Y, P, average=None)).tolist() == [False, True]
    assert masked(Y, P) == masked(Y, P, average="micro") in (0.25, 0.5)
    with pytest.raises(ECGError, match="at least one label with measured records"):
        masked(Y[:, 1], P[:, 1])
    with pytest.raises(ECGError, match=r"probabilities in \[0, 1\] in P; got -1 to 2"):
        masked([0, 1], [-1, 2])


def test_calibration_error_sums_the_gaps_of_its_bins():
    p = np.array([0.0, 0.01, 0.02, 0.03, 1.0])
    y = np.array([0, 1, 0, 0, 1])
    gaps = [abs(0.0 + 0.01 + 0.02 - 1), abs(0.03 + 1 - 1)]
    assert masked_calibration_error(y, p, n_bins=2) == pytest.approx(sum(gaps) / 5)
    gaps = [abs(0.06 - 1), 0]
    uniform = masked_calibration_error(y, p, n_bins=2, strategy="uniform")
    assert uniform == pytest.approx(sum(gaps) / 5)
    for wrong in ({"n_bins": 0}, {"strategy": "kmeans"}):
        with pytest.raises(ECGError, match="n_bins >= 1 and strategy"):
            masked_calibration_error(y, p, **wrong)
