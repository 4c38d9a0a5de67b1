"""Laboratory targets, diagnoses and reference ranges of the explainer."""

import numpy as np
import pandas as pd
import pytest

from ecgsk import LabAbnormalityExplainer
from ecgsk.estimators._lab_targets import are_lab_targets, evidence_tables, read_reference_ranges
from ecgsk.exceptions import TableWarning


@pytest.fixture(scope="module")
def labs(cohort):
    return cohort.labs[["potassium", "sodium", "creatinine", "troponin"]]


def test_values_need_reference_ranges(frozen, X, labs):
    message = (
        r"LabAbnormalityExplainer: y holds laboratory values \(potassium, sodium, creatinine, "
        r"...\); give reference_ranges=, or pass 0/1/NaN targets named '... low' and '... high'"
    )
    with pytest.raises(ValueError, match=message):
        LabAbnormalityExplainer(frozen).fit(X, labs)


def test_values_named_as_targets_are_refused(frozen, X, labs):
    values = labs.rename(columns="{} high".format)
    message = r"LabAbnormalityExplainer expected labels of 0, 1 or NaN .* use LabAbnormality"
    with pytest.raises(ValueError, match=message):
        LabAbnormalityExplainer(frozen).fit(X, values)


def test_values_with_numbered_columns_need_reference_ranges(frozen, X, labs):
    with pytest.raises(ValueError, match=r"y holds laboratory values \(0, 1, 2, ...\); give ref"):
        LabAbnormalityExplainer(frozen).fit(X, labs.set_axis(range(labs.shape[1]), axis=1))


def test_duplicate_reference_ranges_are_refused(frozen, X, labs, ranges):
    twice = pd.concat([ranges, ranges.loc[["potassium"]]])
    with pytest.raises(ValueError, match="one reference range per laboratory; potassium has sev"):
        LabAbnormalityExplainer(frozen, reference_ranges=twice).fit(X, labs)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["potassium low", "ph high"], True),
        (["potassium low", "sepsis"], False),
        ([0, 1], False),
        (None, False),
    ],
)
def test_lab_targets_end_in_low_or_high(names, expected):
    assert are_lab_targets(names) is expected


def test_reference_ranges_of_a_frame_with_units():
    ranges = pd.DataFrame(
        {"low": [3.5, np.nan], "high": [5.1, 14.0], "unit": ["mmol/L", None]},
        index=["potassium", "troponin"],
    )
    table = read_reference_ranges(ranges, ["troponin", "sodium", "potassium"])
    assert table.index.tolist() == ["troponin", "sodium", "potassium"]
    np.testing.assert_array_equal(table["low"], [np.nan, np.nan, 3.5])
    np.testing.assert_array_equal(table["high"], [14.0, np.nan, 5.1])
    assert table["unit"].tolist() == ["", "", "mmol/L"]


@pytest.mark.parametrize("ranges", [None, {}, {"sodium": (1, 2)}])
def test_unknown_reference_ranges_are_missing(ranges):
    table = read_reference_ranges(ranges, ["potassium"])
    assert table[["low", "high"]].isna().all(axis=None)
    assert table["unit"].tolist() == [""]


def test_covariates_are_clinical_columns_without_laboratories():
    X = pd.DataFrame(
        {
            "age": [50.0, np.nan] * 20,
            "sex": ["male", "female", None, "male"] * 10,
            "address": [f"street {i}" for i in range(40)],
            "potassium": 4.0,
            "subject_id": range(40),
        }
    )
    y = pd.DataFrame({"potassium": np.full(40, 4.0)})
    names = ["potassium low", "potassium high"]
    patients = np.arange(40)
    tables = evidence_tables(X, y, names, "subject_id", patients)
    assert list(tables["covariates"]) == ["age", "sex male"]
    assert tables["covariates"]["sex male"].tolist()[:2] == [1, 0]
    assert tables["covariates"].isna().to_numpy().sum() == 30
    pd.testing.assert_frame_equal(tables["values"], y)
    # Later: the covariates of fit, whichever levels are there.
    columns = ["age", "sex male"]
    men = evidence_tables(X[X["sex"] == "male"], y, names, "subject_id", patients[:20], columns)
    assert men["covariates"]["sex male"].tolist() == [1.0] * 20
    later = evidence_tables(X[["subject_id"]], y, names, "subject_id", patients, columns)
    assert later["covariates"].shape == (40, 2)
    assert later["covariates"].isna().all(axis=None)


def test_levels_of_few_patients_are_not_named():
    # Forty records of nine patients would name them; twenty of ten do not.
    X = pd.DataFrame({"ward": ["rare"] * 40 + ["A"] * 20 + ["B"] * 20, "subject_id": 0})
    patients = np.r_[np.arange(40) % 9, 100 + np.arange(40) % 20]
    tables = evidence_tables(X, None, ["potassium high"], "subject_id", patients)
    assert list(tables["covariates"]) == ["ward B"]


def test_unmeasured_laboratory_is_named(frozen, X, labs, ranges):
    explainer = LabAbnormalityExplainer(frozen, reference_ranges=ranges)
    unmeasured = labs.assign(sodium=np.nan)
    message = "LabAbnormalityExplainer: no record has a value of 'sodium low', 'sodium high', so"
    with pytest.warns(TableWarning, match=message):
        explainer.fit(X, unmeasured)
    P = pd.DataFrame(explainer.predict_proba(X), columns=explainer.label_names_)
    assert (P["sodium high"] == 0.5).all()
