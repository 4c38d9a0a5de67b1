"""ECG records: lazy reading, equality, pickles and display."""

import pickle

import numpy as np
import pandas as pd
import pytest

from ecgsk.signals import ECGRecord


def test_pickle_of_a_record_carries_that_record(ecg, x):
    pickled = pickle.dumps(ecg[4])
    assert len(pickled) < x[0].nbytes + 1000
    assert pickle.loads(pickled) == ecg[4]


def test_a_record_is_a_scalar_that_reads_when_asked(ecg, x):
    record = ecg[2]
    np.testing.assert_array_equal(record.signal, x[2])
    assert (record.leads, record.sampling_rate, record.duration) == (ecg.leads, 100.0, 10.0)
    assert not pd.api.types.is_list_like(record)
    assert np.array([record, record], dtype=object).shape == (2,)
    assert pd.Series([record, None], dtype=ecg.dtype).isna().tolist() == [False, True]


def test_records_are_equal_by_content(ecg, x):
    record = ECGRecord(1000 * x[2], ecg.leads, 100, unit="uV")
    same = ECGRecord(record.signal, ecg.leads, 100)
    assert record == same
    assert hash(record) == hash(same)
    assert record != ecg[3]
    assert record != ECGRecord(record.signal, ecg.leads, 200)
    assert record != 3
    nan, zero = [[np.nan, -0.0]], [[np.nan, 0.0]]
    assert ECGRecord(nan, ["II"], 1) == ECGRecord(zero, ["II"], 1)
    assert hash(ECGRecord(nan, ["II"], 1)) == hash(ECGRecord(zero, ["II"], 1))


def test_repr_html_is_svg(ecg):
    html = ecg[0]._repr_html_()
    assert html.startswith("<svg")
    assert html.rstrip().endswith("</svg>")


@pytest.mark.parametrize(
    "use", [float, int, lambda r: np.array([r, r], dtype=object).astype(float)]
)
def test_a_record_as_a_number_says_how_to_keep_the_column(ecg, use):
    message = (
        r"An ECG record \(12x1000\) is not a number.*X.drop\(columns='ecg'\).*"
        r"set_output\(transform='pandas'\).*astype\('ecg\[12x1000, 100 Hz\]'\)"
    )
    with pytest.raises(TypeError, match=message):
        use(ecg[0])
