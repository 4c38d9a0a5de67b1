"""pandas' own tests of extension arrays, run against the ECG column."""

import numpy as np
import pytest

pytest.importorskip("pandas", minversion="3.1", reason="fixtures of these classes are pandas 3's")
from pandas.tests.extension import base
from pandas.tests.extension.conftest import *  # noqa: F403  fixtures the classes ask for

from ecgsk.signals import ECGArray, ECGDtype


def make_records(n: int) -> ECGArray:
    x = np.random.default_rng(0).normal(size=(n, 2, 8)).astype(np.float32)
    return ECGArray.from_numpy(x, leads=["II", "V1"], sampling_rate=100)


@pytest.fixture
def dtype():
    return ECGDtype(["II", "V1"], sampling_rate=100, n_samples=8)


@pytest.fixture
def data():
    return make_records(10)


@pytest.fixture
def data_missing():
    return ECGArray(make_records(1).storage, [-1, 0])


@pytest.fixture
def data_for_sorting():
    return make_records(3)


@pytest.fixture
def data_missing_for_sorting():
    return ECGArray(make_records(2).storage, [1, -1, 0])


@pytest.fixture
def data_for_grouping():
    return ECGArray(make_records(3).storage, [1, 1, -1, -1, 0, 0, 1, 2])


NO_ORDER = "one ECG is not less than another"
EXCLUDED = {
    "test_is_monotonic_increasing": NO_ORDER,
    "test_is_monotonic_decreasing": NO_ORDER,
    "test_argsort": NO_ORDER,
    "test_argsort_missing_array": NO_ORDER,
    "test_argsort_missing": NO_ORDER,
    "test_argmin_argmax": NO_ORDER,
    "test_argreduce_series": NO_ORDER,
    "test_nargsort": NO_ORDER,
    "test_sort_values": NO_ORDER,
    "test_sort_values_missing": NO_ORDER,
    "test_sort_values_frame": NO_ORDER,
    "test_sort_inplace": NO_ORDER,
    "test_sort_inplace_descending": NO_ORDER,
    "test_sort_inplace_na_position": NO_ORDER,
    "test_rank": NO_ORDER,
    "test_rank_method": NO_ORDER,
    "test_rank_missing": NO_ORDER,
    "test_combine_le": NO_ORDER,
    "test_searchsorted": NO_ORDER,
    "test_value_counts": f"sorts the counted records: {NO_ORDER}; counting is tested elsewhere",
    "test_value_counts_with_normalize": f"sorts the counted records: {NO_ORDER}",
    "test_groupby_extension_agg": f"sorts the groups by record: {NO_ORDER}; sort=False is run",
    "test_groupby_extension_transform": f"sorts the groups by record: {NO_ORDER}",
    "test_groupby_extension_apply": f"sorts the groups by record: {NO_ORDER}",
    "test_plot_on_y_axis": "a record is a curve, not a point; .ecg.plot(row) draws it",
    "test_json_roundtrip": "JSON is not a format for signals: it does not read back as records",
}


class TestECGArray(base.ExtensionTests):
    """Everything but what is excluded: pytest collects no test that is None."""

    locals().update(dict.fromkeys(EXCLUDED))


def test_exclusions_name_tests_that_exist():
    assert [name for name in EXCLUDED if not hasattr(base.ExtensionTests, name)] == []
