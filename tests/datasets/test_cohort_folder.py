"""Write and read cohort folders."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort, make_clinical_ecg, read_cohort, write_cohort
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io import read_ecg_folder, write_ecg_folder


@pytest.fixture(scope="module")
def cohort():
    return make_clinical_ecg(20, random_state=0)


def test_every_table_is_read_back(tmp_path, cohort):
    write_cohort(cohort, tmp_path)
    again = read_cohort(tmp_path, verify=True)
    for table in ("Y", "labs", "reference_ranges"):
        pd.testing.assert_frame_equal(again[table], cohort[table])
    for series in ("groups", "folds"):
        pd.testing.assert_series_equal(again[series], cohort[series])
    pd.testing.assert_frame_equal(again.X.drop(columns="ecg"), cohort.X.drop(columns="ecg"))
    np.testing.assert_allclose(
        again.X["ecg"].ecg.to_numpy(), cohort.X["ecg"].ecg.to_numpy(), atol=0.51e-3
    )
    assert again.DESCR == cohort.DESCR
    assert repr(again) == repr(cohort)


def test_parquet_names_columns_by_role(tmp_path, cohort):
    write_cohort(cohort, tmp_path)
    columns = pd.read_parquet(tmp_path / "records.parquet").columns
    assert {"age", "subject_id", "Y/sepsis", "labs/potassium", "folds/folds"} <= set(columns)


def test_further_tables_with_the_index_of_x_are_kept(tmp_path, cohort):
    cohort = type(cohort)(**cohort)
    cohort["ecg_time"] = pd.Series(
        pd.Timestamp("2180-01-02 03:04:05").as_unit("ms"),  # as parquet has it
        index=cohort.X.index,
    )
    cohort["steps"] = pd.DataFrame({"records": [1]}, index=["listed"])
    write_cohort(cohort, tmp_path)
    again = read_cohort(tmp_path)
    pd.testing.assert_series_equal(again["ecg_time"], cohort["ecg_time"])
    assert "steps" not in again


def test_overwrite_is_needed_to_replace_a_cohort(tmp_path, cohort):
    write_cohort(cohort, tmp_path)
    with pytest.raises(ECGError, match="holds a cohort already"):
        write_cohort(cohort, tmp_path)
    write_cohort(cohort, tmp_path, overwrite=True)


def test_folders_without_cohort_are_rejected(tmp_path, cohort):
    with pytest.raises(RecordReadError, match=r"there is no .*ecg\.json"):
        read_cohort(tmp_path)
    write_ecg_folder(cohort.X, tmp_path)
    with pytest.raises(RecordReadError, match="holds a table without labels"):
        read_cohort(tmp_path)


def test_population_is_kept_and_reaches_its_rows(tmp_path):
    cohort = make_clinical_ecg(n_subjects=3, random_state=0)
    back = read_cohort(write_cohort(cohort, tmp_path / "cohort", progress=False))
    assert back.population == cohort.population == "simulated patients (make_clinical_ecg)"
    assert back.X.iloc[[0]].attrs["population"] == back.population


def test_labels_named_by_numbers_come_back(tmp_path, cohort):
    Y = cohort.Y.iloc[:, :2].set_axis([427, 164], axis="columns")
    write_cohort(Cohort(cohort.X, Y), tmp_path)
    assert read_cohort(tmp_path).Y.columns.tolist() == [427, 164]


def test_manifest_that_does_not_fit_the_table_is_an_error(tmp_path, cohort):
    _, extra = read_ecg_folder(write_cohort(cohort, tmp_path / "a"))
    for change in ({"roles": {"X": {}}}, {"roles": {}}, {"reference_ranges": 3}):
        write_ecg_folder(cohort.X, tmp_path / "b", extra=extra | change, overwrite=True)
        with pytest.raises(RecordReadError, match="do not fit together"):
            read_cohort(tmp_path / "b")


def test_titles_of_labels_are_kept(tmp_path):
    cohort = make_clinical_ecg(4, random_state=0)
    label = cohort.Y.columns[1]
    cohort["label_titles"] = pd.Series({label: "In words"})
    titles = read_cohort(write_cohort(cohort, tmp_path / "a", progress=False)).label_titles
    assert titles.index.equals(cohort.Y.columns)
    assert titles[label] == "In words"
    assert (titles.drop(label) == "").all()
    del cohort["label_titles"]
    assert "label_titles" not in read_cohort(write_cohort(cohort, tmp_path / "b", progress=False))
