"""Labels that cannot be used: refused, or warned of where they cannot be learned."""

import warnings

import numpy as np
import pytest

from ecgsk.exceptions import TableWarning


@pytest.mark.parametrize("wrong", [2, -1, 0.5, np.inf])
def test_labels_other_than_0_1_nan(make_classifier, X, Y, wrong):
    y = Y.astype(float).copy()
    y.iloc[0, 1] = wrong
    message = (
        r"ECGDiagnosisClassifier expected labels of 0, 1 or NaN \(not known\), got \[.*\]. For"
    )
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, y)
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, y.to_numpy())


def test_text_as_labels(make_classifier, X):
    message = r"expected a DataFrame y to hold labels of 0, 1 or NaN: .*'(fe)?male'.* give a Series"
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, X[["sex"]].astype(object))


def test_no_label_at_all(make_classifier, X, Y):
    message = "ECGDiagnosisClassifier: every label of every row is NaN. Give some labels"
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, Y * np.nan)


@pytest.mark.parametrize("missing", [np.nan, np.inf, None])
def test_missing_class(make_classifier, X, missing):
    y = X["sex"].astype(object) if missing is None else (X["age"] > 60).astype(float)
    y = y.copy()
    y.iloc[3] = missing
    with pytest.raises(ValueError, match=r"Input y contains NaN or infinity. Drop"):
        make_classifier().fit(X, y)


def test_one_class(make_classifier, X):
    message = r"expected two classes or more in y, got one class: \['sinus'\]"
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, np.array(["sinus"] * len(X)))


def test_rows_of_x_and_y(make_classifier, X, Y):
    with pytest.raises(ValueError, match="must have the same number of rows, got 71 and 70"):
        make_classifier().fit(X, Y[:-1])
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        make_classifier().fit(X, None)


def test_a_column_vector(make_classifier, X):
    y = (X["age"] > 60).to_numpy(dtype=int)[:, None]
    with pytest.warns(UserWarning, match="column-vector y was passed when a 1d array was expected"):
        model = make_classifier().fit(X, y)
    assert model.label_names_ is None


def test_labels_with_one_class_are_named_before_training(make_classifier, X, Y):
    constant = Y.assign(never=0.0, unknown=np.nan)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_classifier().fit(X, constant)
    messages = [str(w.message) for w in caught if issubclass(w.category, TableWarning)]
    assert len(messages) == 2
    assert "ECGDiagnosisClassifier: 'never' of y is 0 in all records" in messages[0]
    assert "'unknown' of y is not known in any record" in messages[1]
    assert {w.filename for w in caught} == {__file__}


def test_records_without_weight_give_a_label_no_class(make_classifier, X, Y):
    weight = np.ones(len(X))
    name = Y.columns[0]
    weight[(Y[name] == 1).to_numpy()] = 0
    with pytest.warns(TableWarning, match=f"'{name}' of y is 0 in all records"):
        make_classifier().fit(X, Y[[name]].assign(varies=np.arange(len(X)) % 2.0), weight)
