"""Stage (i): learns from the table, then embeds the ECG alone."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ecgsk.objectives import ECGContrast, InfoNCE, TablePrediction
from ecgsk.signals import ECGArray


def test_embedding_needs_the_ecg_alone(pretrainer, X):
    embedding = pretrainer.transform(X)
    assert embedding.shape == (len(X), 64)
    assert embedding.dtype == np.float32
    for alone in (X[["ecg"]], X["ecg"], X["ecg"].array):
        np.testing.assert_array_equal(pretrainer.transform(alone), embedding)


def test_a_plain_array_has_the_fitted_leads(pretrainer, X):
    array = X["ecg"].ecg.to_numpy()
    np.testing.assert_array_equal(pretrainer.transform(array), pretrainer.transform(X))


def test_fitted_attributes(pretrainer, X, tiny):
    assert pretrainer.leads_ == X["ecg"].ecg.leads
    assert pretrainer.sampling_rate_ == 100
    assert pretrainer.shape_ == (12, 1000)
    assert pretrainer.encoder_spec_ is not tiny
    assert pretrainer.encoder_spec_.get_params() == tiny.get_params()
    assert pretrainer.n_features_in_ == X.shape[1]
    assert pretrainer.history_.index.tolist() == [1]
    assert np.isfinite(pretrainer.history_["train_loss"]).all()


def test_scale_is_that_of_the_training_signals(pretrainer, X):
    signals = X["ecg"].ecg.to_numpy().astype(np.float64)
    mean, scale = pretrainer.scale_
    np.testing.assert_allclose(mean, signals.mean(axis=(0, 2)), atol=1e-6)
    np.testing.assert_allclose(scale, signals.std(axis=(0, 2)), rtol=1e-5)


def test_table_is_every_column_but_ecg_and_patient(pretrainer):
    assert pretrainer.scaler_.columns_ == ["age", "sex", "potassium", "heart_rate", "troponin"]


def test_clinical_columns_narrow_the_table(make_pretrainer, X):
    narrow = make_pretrainer(clinical_columns=["potassium", "sex"]).fit(X)
    assert narrow.scaler_.columns_ == ["potassium", "sex"]


def test_group_column_is_never_learned_from(make_pretrainer, X):
    renamed = X.rename(columns={"subject_id": "mrn"})
    fitted = make_pretrainer(group_column="mrn").fit(renamed)
    assert "mrn" not in fitted.scaler_.columns_
    np.testing.assert_array_equal(fitted.transform(renamed), make_pretrainer().fit(X).transform(X))


@pytest.mark.parametrize(
    ("objective", "kind"),
    [
        ("auto", InfoNCE),
        ("clip", InfoNCE),
        ("table_prediction", TablePrediction),
        ("ecg_contrast", ECGContrast),
        (TablePrediction(), TablePrediction),
    ],
)
def test_objectives_by_name_and_spec(make_pretrainer, X, objective, kind):
    fitted = make_pretrainer(objective=objective).fit(X)
    assert type(fitted.objective_) is kind
    assert fitted.objective_ is not objective
    assert (fitted.scaler_ is None) == (kind is ECGContrast)


def test_without_a_table_it_learns_from_the_signal(make_pretrainer, X):
    of_frame = make_pretrainer().fit(X[["ecg", "subject_id"]])
    of_array = make_pretrainer().fit(X["ecg"].ecg.to_numpy(), groups=X["subject_id"])
    assert type(of_frame.objective_) is type(of_array.objective_) is ECGContrast
    assert of_array.leads_ is of_array.sampling_rate_ is None
    np.testing.assert_array_equal(of_frame.transform(X), of_array.transform(X))


def test_an_objective_of_the_table_needs_one(make_pretrainer, X):
    message = r"InfoNCE\(\) learns from a clinical table, and X has no column .*'ecg_contrast'"
    with pytest.raises(ValueError, match=message):
        make_pretrainer(objective="clip").fit(X[["ecg", "subject_id"]])


def test_two_dimensional_array_is_one_lead(make_pretrainer, X):
    one_lead = X["ecg"].ecg.to_numpy()[:, 1]
    fitted = make_pretrainer().fit(one_lead)
    assert fitted.shape_ == (1, 1000)
    embedding = fitted.transform(one_lead)
    np.testing.assert_array_equal(fitted.transform(one_lead[:, None]), embedding)
    of_three_dimensions = make_pretrainer().fit(one_lead[:, None])
    np.testing.assert_array_equal(of_three_dimensions.transform(one_lead), embedding)


def test_leads_go_by_name(pretrainer, X):
    leads = X["ecg"].ecg.leads
    turned = X.assign(ecg=X["ecg"].ecg.select_leads(leads[::-1]))
    assert turned["ecg"].ecg.leads == leads[::-1]
    np.testing.assert_array_equal(pretrainer.transform(turned), pretrainer.transform(X))


def test_record_does_not_depend_on_its_neighbours(pretrainer, X):
    together = pretrainer.transform(X)
    alone = np.vstack([pretrainer.transform(X.iloc[[i]]) for i in range(5)])
    np.testing.assert_allclose(alone, together[:5], atol=1e-5)


def test_table_reaches_the_weights(make_pretrainer, X, assert_same_weights, pretrainer):
    other = make_pretrainer().fit(X.assign(potassium=X["potassium"].to_numpy()[::-1]))
    with pytest.raises(AssertionError):
        assert_same_weights(pretrainer, other, "backbone")


def test_missing_values_and_levels_in_the_table(make_pretrainer, X):
    table = X.assign(
        ward=pd.Categorical(["A", None, "B"] * len(X), categories=["A", "B", "C"])[: len(X)],
        smoker=pd.array([True, None, False] * len(X), dtype="boolean")[: len(X)],
        never=np.nan,
        bed=pd.array([1, None, 3] * len(X), dtype="Int64")[: len(X)],
    )
    fitted = make_pretrainer().fit(table)
    assert np.isfinite(fitted.transform(table)).all()
    assert np.isfinite(fitted.history_["train_loss"]).all()
    assert {"ward=A", "smoker=True", "never", "bed"} <= set(fitted.scaler_.feature_names_out_)


def test_what_the_table_and_the_ecg_share_is_found(make_pretrainer):
    rng = np.random.default_rng(0)
    level = rng.normal(size=60)
    time = np.arange(200) / 100
    signals = np.sin(2 * np.pi * (2 + level)[:, None] * time) + 0.05 * rng.normal(size=(60, 200))
    frame = pd.DataFrame(
        {
            "ecg": ECGArray.from_numpy(signals[:, None], sampling_rate=100, leads=["I"]),
            "level": level,
        }
    )
    losses = make_pretrainer(max_epochs=30).fit(frame).history_["train_loss"]
    assert losses.iloc[-1] < 0.75 * losses.iloc[0]


def test_parameters_are_left_as_given(make_pretrainer, X):
    unfitted = make_pretrainer(objective="clip")
    before = unfitted.get_params()
    unfitted.fit(X)
    assert unfitted.get_params() == before
    with pytest.raises(NotFittedError):
        clone(unfitted).transform(X)


def test_fitting_twice_forgets_the_first_time(make_pretrainer, X, assert_same_weights):
    once = make_pretrainer().fit(X)
    array = X["ecg"].ecg.to_numpy()
    twice = make_pretrainer().fit(array[:, :3]).fit(X)
    assert_same_weights(once, twice)
    assert twice.leads_ == once.leads_


def test_pandas_output(pretrainer, X):
    frame = clone(pretrainer).set_output(transform="pandas").fit(X).transform(X)
    assert frame.shape == (len(X), 64)
    assert frame.columns[0] == "jointembeddingpretrainer0"
    assert frame.index.equals(X.index)


def test_bfloat16_training_predicts_in_float32(make_pretrainer, X):
    fitted = make_pretrainer(precision="bfloat16").fit(X)
    assert all(w.dtype == torch.float32 for w in fitted.net_.module_.parameters())
    assert np.isfinite(fitted.transform(X)).all()


@pytest.mark.parametrize("n_records", [1, 3, 16, 21])
def test_a_record_s_embedding_does_not_depend_on_its_neighbours(pretrainer, X, n_records):
    few = pretrainer.transform(X.iloc[:n_records])
    assert np.array_equal(few, pretrainer.transform(X)[:n_records])
