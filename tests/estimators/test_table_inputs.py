"""Models that look at the table: multimodal and table alone."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from ecgsk.exceptions import TableWarning

MULTIMODAL = {"inputs": "ecg+clinical"}
TABLE = {"inputs": "clinical"}


@pytest.fixture(params=["probe", "full"])
def fine_tune(request):
    return request.param


def test_multimodal_needs_the_table_when_it_predicts(make_classifier, X, Y, fine_tune):
    model = make_classifier(**MULTIMODAL, fine_tune=fine_tune).fit(X, Y)
    message = (
        r"ECGDiagnosisClassifier was fitted with inputs='ecg\+clinical' and needs the columns "
        r"\['age', 'sex', 'potassium', 'heart_rate', 'troponin'\]; X has none of them. Add them, "
        r"as NaN where missing, or fit with inputs='ecg'"
    )
    with pytest.raises(ValueError, match=message):
        model.predict_proba(X[["ecg"]])
    with pytest.raises(ValueError, match=message):
        model.predict_proba(X[["ecg", "subject_id"]])
    with pytest.raises(ValueError, match=message):
        model.predict_proba(X["ecg"].ecg.to_numpy())


def test_absent_columns_are_named_and_may_be_nan(make_classifier, X, Y, fine_tune):
    model = make_classifier(**MULTIMODAL, fine_tune=fine_tune).fit(X, Y)
    with pytest.raises(ValueError, match=r"\['sex', 'troponin'\] are not in X. Add them, as NaN"):
        model.predict_proba(X.drop(columns=["troponin", "sex"]))
    p = model.predict_proba(X.assign(troponin=np.nan, sex=None))
    assert np.isfinite(p).all()
    # A record without a troponin in X loses its sex alone.
    moved = (p != model.predict_proba(X)).any(axis=1)
    given = X[["sex", "troponin"]].notna().any(axis=1)
    np.testing.assert_array_equal(moved, given)


def test_multimodal_looks_at_both(make_classifier, X, Y, fine_tune):
    model = make_classifier(**MULTIMODAL, fine_tune=fine_tune).fit(X, Y)
    p = model.predict_proba(X)
    other_table = X.assign(age=X["age"].to_numpy()[::-1])
    other_ecg = X.assign(ecg=X["ecg"].array[::-1])
    for other, is_same in (
        (other_table, other_table["age"] == X["age"]),
        (other_ecg, np.arange(len(X)) == np.arange(len(X))[::-1]),
    ):
        same = (model.predict_proba(other) == p).all(axis=1)
        np.testing.assert_array_equal(same, is_same)


def test_columns_go_by_name_and_others_are_left_alone(make_classifier, X, Y, fine_tune):
    for inputs in (MULTIMODAL, TABLE):
        model = make_classifier(**inputs, fine_tune=fine_tune).fit(X, Y)
        turned = X[X.columns[::-1]].assign(admitted=pd.Timestamp("2020-01-01"))
        np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(X))


def test_unknown_level_counts_as_missing_with_a_warning(make_classifier, X, Y):
    model = make_classifier(**TABLE).fit(X, Y)
    with pytest.warns(TableWarning, match="'sex' of X has categories that fit did not learn"):
        unknown = model.predict_proba(X.assign(sex="not told"))
    np.testing.assert_array_equal(unknown, model.predict_proba(X.assign(sex=None)))
    moved = (unknown != model.predict_proba(X)).any(axis=1)
    np.testing.assert_array_equal(moved, X["sex"].notna())


def test_missing_is_information(make_classifier, X, Y, fine_tune):
    """Whether troponin was measured tells the label; its value does not."""
    ordered = (np.arange(len(X)) % 2).astype(float)
    table = X.assign(troponin=np.where(ordered == 1, 0.01, np.nan))
    y = pd.DataFrame({"infarction": ordered})
    model = make_classifier(**TABLE, fine_tune=fine_tune, max_epochs=30)
    p = model.fit(table, y).predict_proba(table)[:, 0]
    assert p[ordered == 1].min() > p[ordered == 0].max()


def test_table_alone_needs_no_ecg(make_classifier, X, Y, fine_tune):
    without = X.drop(columns="ecg")
    model = make_classifier(**TABLE, fine_tune=fine_tune).fit(without, Y)
    assert model.predict_proba(without).shape == Y.shape
    assert not hasattr(model, "leads_")
    same = make_classifier(**TABLE, fine_tune=fine_tune).fit(X, Y)
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(without))
    np.testing.assert_array_equal(
        model.predict_proba(without.drop(columns="subject_id")), model.predict_proba(without)
    )


def test_table_alone_never_reads_a_signal(make_classifier, X, Y, monkeypatch):
    array = type(X["ecg"].array)
    monkeypatch.setattr(array, "read", lambda *a, **k: pytest.fail("a signal was read"))
    make_classifier(**TABLE).fit(X, Y).predict_proba(X)


def test_table_alone_fits_no_pretrainer(make_classifier, make_pretrainer, X, Y):
    model = make_classifier(**TABLE, encoder=make_pretrainer()).fit(X, Y)
    assert model.pretraining_history_ is None


@pytest.mark.parametrize("inputs", [MULTIMODAL, TABLE])
def test_inputs_without_any_column(make_classifier, X, Y, inputs):
    message = rf"inputs='{inputs['inputs']}' needs clinical columns, and X has none. Add them"
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        make_classifier(**inputs).fit(X[["ecg", "subject_id"]], Y)
    with pytest.raises(ValueError, match="needs clinical columns"):
        make_classifier(**inputs).fit(X["ecg"].ecg.to_numpy(), Y)


def test_clinical_columns_narrow_the_table(make_classifier, X, Y):
    model = make_classifier(**MULTIMODAL, clinical_columns=["age", "sex"]).fit(X, Y)
    assert model.scaler_.columns_ == ["age", "sex"]
    p = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X[["ecg", "sex", "age"]]), p)
    np.testing.assert_array_equal(model.predict_proba(X.assign(troponin=99.0)), p)


def test_clinical_columns_that_x_has_not(make_classifier, make_pretrainer, X, Y):
    message = r"clinical_columns names \['lactate'\], which X has not; it has \['age', 'sex'"
    with pytest.raises(ValueError, match=rf"JointEmbeddingPretrainer: {message}"):
        make_pretrainer(clinical_columns=["age", "lactate"]).fit(X)
    with pytest.raises(ValueError, match=rf"ECGDiagnosisClassifier: {message}"):
        make_classifier(**TABLE, clinical_columns=["age", "lactate"]).fit(X, Y)


def test_pretrained_multimodal(
    pretrainer, make_classifier, X, Y, assert_same_weights, copy_weights
):
    model = make_classifier(**MULTIMODAL, encoder=FrozenEstimator(pretrainer)).fit(X, Y)
    assert model.recipe_.fine_tune == "late_fusion"
    assert_same_weights(copy_weights(pretrainer), model, "backbone")
    embedding, features = pretrainer.transform(X), model.transform(X)
    np.testing.assert_allclose(features[:, :64], embedding, atol=1e-6)
    table = model.scaler_.transform(X)
    expected = np.hstack([np.nan_to_num(table), ~np.isnan(table)])
    np.testing.assert_array_equal(features[:, 64:], expected)
