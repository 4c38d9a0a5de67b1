"""A store of an earlier day is read by today's code; see ``frozen/make_store.py``."""

from pathlib import Path

import numpy as np
import pandas as pd

from ecgsk.io import read_ecg_folder

STORE = Path(__file__).parent / "frozen" / "store"


def test_the_frozen_store_is_read_as_it_was_written():
    frame, extra = read_ecg_folder(STORE, verify=True)
    assert str(frame["ecg"].dtype) == "ecg[2x100, 100 Hz: V1 I]"
    assert frame["record"].tolist() == ["r1", "r2", "r3"]
    assert frame["age"].tolist() == [61.0, 62.0, 63.0]
    assert frame["sex"].tolist() == ["F"] * 3
    samples = frame["ecg"].ecg.to_numpy()
    numbers = np.array([1, 2, 3])[:, None]
    np.testing.assert_allclose(samples[:, 1], np.arange(100) * numbers / 1000, rtol=1e-6)
    assert np.isnan(samples[:, 0, :5]).all()
    np.testing.assert_allclose(samples[:, 0, 5:], np.tile(-numbers / 100, 95), rtol=1e-6)
    assert extra["ingest"]["n_found"] == 4
    assert pd.read_csv(STORE / "broken.csv")["record"].tolist() == ["broken"]


def test_the_frozen_store_is_read_without_ecgsk():
    samples = np.load(STORE / "ecg.npy")
    assert (samples.dtype, samples.shape) == (np.dtype("int16"), (3, 2, 100))
    assert len(pd.read_parquet(STORE / "sources.parquet")) == 4
