"""Signals from a store that `ingest` wrote."""

import numpy as np
import pandas as pd
import pytest

from ecgsk import io
from ecgsk.datasets import MimicTargets, load_mimic_iv
from ecgsk.exceptions import ECGError

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def store(demo, tmp_path_factory):
    out = tmp_path_factory.mktemp("ingested")
    return io.ingest(demo["ecg"] / "files", out, n_jobs=1, progress=False)


def test_records_are_found_in_a_store(demo, demo_cohort, store):
    stored = load_mimic_iv(**demo, store=store, targets=MimicTargets(min_count=5))
    pd.testing.assert_frame_equal(stored.X.drop(columns="ecg"), demo_cohort.X.drop(columns="ecg"))
    paths = pd.read_csv(demo["ecg"] / "record_list.csv")["path"].tolist()
    table = pd.read_parquet(store / "records.parquet")["record"].tolist()
    rows = [table.index(path.removeprefix("files/")) for path in paths]
    assert len(set(rows)) == 113
    samples = np.load(store / "ecg.npy")[rows]
    np.testing.assert_allclose(1000 * stored.X["ecg"].ecg.to_numpy(), samples, atol=0.01)


def test_other_leads_or_rate_than_the_store_is_an_error(demo, store):
    with pytest.raises(ECGError, match=r"holds leads .* Hz; got .*sampling_rate=250"):
        load_mimic_iv(**demo, store=store, sampling_rate=250)


def test_records_absent_from_the_store_are_broken(demo, tmp_path):
    part = demo["ecg"] / "files" / "p1000" / "p10000032"
    store = io.ingest(part, tmp_path / "part", n_jobs=1, progress=False)
    targets = MimicTargets(min_count=1, diagnoses="diagnoses_icd")
    with pytest.warns(UserWarning, match="left out 110 of 113 records that are not in"):
        cohort = load_mimic_iv(**demo, store=store, targets=targets)
    assert set(cohort.groups) == {10000032}
    assert cohort.flow["left_out"].tolist() == [0, 110, 0]
    assert len(cohort.broken) == 110
    with pytest.raises(ECGError, match="110 of 113 listed records are not in"):
        load_mimic_iv(**demo, store=store, errors="raise")
