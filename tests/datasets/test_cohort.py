"""`Cohort` and `assign_folds`."""

import pickle

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort
from ecgsk.datasets._cohort import assign_folds
from ecgsk.exceptions import ECGError, TableWarning


@pytest.fixture
def tables():
    X = pd.DataFrame({"age": [50.0, 51.0, 70.0], "subject_id": [4, 4, 8]}, index=[10, 11, 12])
    Y = pd.DataFrame({"sepsis": [0.0, np.nan, 1.0]}, index=X.index)
    return X, Y


def test_absent_entries_get_defaults(tables):
    cohort = Cohort(*tables)
    assert cohort.shape == (3, 2)
    assert cohort.labs.shape == (3, 0)
    assert list(cohort.reference_ranges.columns) == ["low", "high", "unit"]
    assert cohort.groups.tolist() == [4, 4, 8]
    assert cohort.folds[10] == cohort.folds[11]


def test_cohort_is_a_bunch_that_pickles(tables):
    cohort = Cohort(*tables, DESCR="three visits", latent=tables[0])
    assert cohort["Y"] is cohort.Y
    again = pickle.loads(pickle.dumps(cohort))
    assert isinstance(again, Cohort)
    assert again.DESCR == "three visits"
    pd.testing.assert_frame_equal(again.latent, tables[0])


def test_repr_counts_records_subjects_and_unknown_labels(tables):
    text = repr(Cohort(*tables))
    assert "3 records from 2 subjects" in text
    assert "50.0% positive, 33.3% unknown" in text


def test_repr_without_known_diagnoses(tables):
    X, Y = tables
    assert "none known" in repr(Cohort(X, Y * np.nan))


@pytest.mark.parametrize("name", ["labs", "groups", "folds"])
def test_other_index_than_x_is_rejected(tables, name):
    X, Y = tables
    other = X[["age"]] if name == "labs" else X["age"]
    with pytest.raises(ECGError, match=rf"{name} must have the index of X \(3 rows\)"):
        Cohort(X, Y, **{name: other.iloc[:2]})


def test_subject_in_two_folds_is_rejected(tables):
    folds = pd.Series([1, 2, 3], index=tables[0].index)
    with pytest.raises(ECGError, match="each subject must be in one fold"):
        Cohort(*tables, folds=folds)


def test_laboratory_without_range_is_rejected(tables):
    X, Y = tables
    ranges = pd.DataFrame({"low": [1.0], "high": [2.0], "unit": ["mmol/L"]}, index=["sodium"])
    with pytest.raises(ECGError, match="reference_ranges must be indexed by the columns of labs"):
        Cohort(X, Y, labs=X[["age"]], reference_ranges=ranges)


def test_cohort_without_records_is_rejected(tables):
    X, Y = tables
    with pytest.raises(ECGError, match=r"X has no rows\. .*join_table"):
        Cohort(X.iloc[:0], Y.iloc[:0])


def test_columns_of_one_name_are_rejected(tables):
    X, Y = tables
    with pytest.raises(ECGError, match="X has 2 columns called 'age'"):
        Cohort(pd.concat([X, X[["age"]]], axis="columns"), Y)
    with pytest.raises(ECGError, match=r"Y has 2 columns called"):
        Cohort(X, pd.concat([Y, Y], axis="columns"))


def test_text_among_labels_and_laboratory_values_is_rejected(tables):
    X, Y = tables
    labs = pd.DataFrame({"k": ["<3.0", "4.1", None]}, index=X.index)
    with pytest.raises(ECGError, match=r"numbers in labs, .* column 'k', such as '<3\.0'"):
        Cohort(X, Y, labs=labs)
    with pytest.raises(ECGError, match=r"numbers in Y, .* column 'AF', such as 'yes'"):
        Cohort(X, pd.DataFrame({"AF": ["yes", "no", "no"]}, index=X.index))
    assert (
        Cohort(X, pd.DataFrame({"AF": [0, 1, None]}, index=X.index, dtype=object)).Y.shape[1] == 1
    )


def test_record_without_patient_is_rejected(tables):
    X, Y = tables
    with pytest.raises(ECGError, match="the patient of 1 of 3 records is missing"):
        Cohort(X.assign(subject_id=[7.0, np.nan, 9.0]), Y)


def test_table_without_patients_is_rejected(tables):
    X, Y = tables
    with pytest.raises(ECGError, match=r"one column 'subject_id' in X, got 0; its columns are age"):
        Cohort(X[["age"]], Y)


def test_column_that_is_no_clinical_value_is_warned_of(tables):
    X, Y = tables
    with pytest.warns(TableWarning, match="Cohort: .* 'hadm_id' is an identifier.*clinical_col"):
        Cohort(X.assign(hadm_id=[1, 2, 3]), Y)
    with pytest.warns(TableWarning, match="'seen' has dtype datetime64"):
        Cohort(X.assign(seen=pd.Timestamp("2150-01-01")), Y)
    Cohort(X.assign(record=["p/1", "p/2", "p/3"], ecg_time=pd.Timestamp("2150-01-01")), Y)


def test_assign_folds_is_even_and_by_subject():
    groups = pd.Series(np.repeat(np.arange(103), 3))
    folds = assign_folds(groups, 10, random_state=3)
    assert set(folds) == set(range(1, 11))
    assert (folds.groupby(groups).nunique() == 1).all()
    subjects_per_fold = groups.groupby(folds).nunique()
    assert subjects_per_fold.max() - subjects_per_fold.min() <= 1
    assert folds.equals(assign_folds(groups, 10, random_state=3))
    assert not folds.equals(assign_folds(groups, 10, random_state=4))
