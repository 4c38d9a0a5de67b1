"""Loader of Brugada-HUCA on made and real records."""

import numpy as np
import pytest

from ecgsk.datasets import load_brugada_huca
from ecgsk.exceptions import RecordReadError

METADATA = """patient_id,basal_pattern,sudden_death,brugada
188981,0,0,0
251972,1,0,1
265715,1,1,2
"""


@pytest.fixture
def brugada(tmp_path, write_record):
    (tmp_path / "metadata.csv").write_text(METADATA)
    for number in (188981, 251972, 265715):
        write_record(f"files/{number}/{number}", rate=100, leads=["I", "II"])
    return tmp_path


def test_table_and_labels(brugada):
    cohort = load_brugada_huca(brugada, leads=["I", "II"])
    assert cohort.X.index.tolist() == cohort.groups.tolist() == [188981, 251972, 265715]
    assert cohort.Y.columns.tolist() == ["brugada", "basal_pattern", "sudden_death"]
    np.testing.assert_array_equal(cohort.Y, [[0, 0, 0], [1, 1, 0], [np.nan, 1, 1]])
    assert cohort.diagnosis.tolist() == [0, 1, 2]
    X, _ = load_brugada_huca(brugada, leads=["II"], return_X_y=True)
    assert X.attrs["population"] == "patients of Brugada-HUCA"
    assert X.columns.tolist() == ["ecg", "subject_id"]
    with pytest.raises(RecordReadError, match=r"there is no .*metadata\.csv.*Brugada-HUCA"):
        load_brugada_huca(brugada / "files")


@pytest.mark.real_data
def test_real_records(real_data):
    cohort = load_brugada_huca(real_data / "brugada_huca")
    assert str(cohort.X["ecg"].dtype) == "ecg[12x1200, 100 Hz]"
    assert len(cohort.X) == 248
    assert cohort.broken == []
    assert cohort.Y.sum().tolist() == [45, 34, 8]  # counted with awk
    assert cohort.Y["brugada"].isna().sum() == 4
    signals = cohort.X["ecg"].ecg.to_numpy()
    residual = np.abs(signals[:, 0] + signals[:, 2] - signals[:, 1])  # Einthoven, in mV
    assert np.quantile(residual, 0.99) < 0.02
