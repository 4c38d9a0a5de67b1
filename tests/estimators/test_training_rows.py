"""A weight says how often a record counts, and no fit depends on how rows are ordered."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from ecgsk.preprocessing import Resample

KINDS = ["pretrainer", "scratch", "one_of_three", "probe", "pretrained", "distilled", "multimodal"]


@pytest.fixture(params=KINDS)
def fit(request, make_pretrainer, make_classifier, X, Y):
    """Fit one kind of estimator on some rows of the cohort, with weights or without."""
    y = pd.cut(X["age"], [0, 50, 70, 200], labels=["young", "middle", "old"]).astype(str)
    settings = {
        "scratch": {},
        "one_of_three": {},
        "probe": {"fine_tune": "probe"},
        "pretrained": {"encoder": make_pretrainer(), "fine_tune": "probe_then_full"},
        "distilled": {"encoder": make_pretrainer(), "fine_tune": "distill"},
        "multimodal": {"encoder": make_pretrainer(), "inputs": "ecg+clinical"},
    }

    def call(rows, sample_weight=None):
        chosen = X.iloc[rows]
        if request.param == "pretrainer":
            return make_pretrainer().fit(chosen, sample_weight=sample_weight)
        target = y if request.param == "one_of_three" else Y
        model = make_classifier(**settings[request.param])
        return model.fit(chosen, target.iloc[rows], sample_weight=sample_weight)

    return call


def test_a_record_of_weight_k_is_that_record_k_times(fit, X, assert_same_weights):
    rng = np.random.default_rng(0)
    times = rng.integers(0, 4, len(X))
    rows = rng.permutation(np.repeat(np.arange(len(X)), times))
    one, other = fit(np.arange(len(X)), sample_weight=times), fit(rows)
    assert_same_weights(one, other)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


def test_the_order_of_rows_plays_no_part(fit, X, assert_same_weights):
    assert_same_weights(fit(np.arange(len(X))), fit(np.random.default_rng(1).permutation(len(X))))


def test_ones_are_no_weights(fit, X, assert_same_weights):
    rows = np.arange(len(X))
    assert_same_weights(fit(rows), fit(rows, sample_weight=np.ones(len(X), int).tolist()))


def test_records_of_weight_zero_are_not_there(make_classifier, X, Y, sides):
    """Not even their signals are read, and their patients were not seen."""
    absent = X["subject_id"].isin(X["subject_id"].unique()[:5]).to_numpy()
    broken = X["ecg"].ecg.to_numpy()
    broken[absent] = np.nan
    model = make_classifier(callbacks=[sides])
    model.fit(broken, Y, sample_weight=~absent, groups=X["subject_id"])
    assert set(sides.training) == set(np.flatnonzero(~absent))
    assert model.patients_seen_.n_patients == X["subject_id"].nunique() - 5


@pytest.mark.parametrize("fine_tune", ["probe", "full"])
def test_heavier_positives_are_predicted_more(make_classifier, X, fine_tune):
    y = (X["age"] > X["age"].median()).astype(int)
    weight = np.where(y == 1, 1.5, 0.5)
    even, heavy = (
        make_classifier(fine_tune=fine_tune, max_epochs=20).fit(X, y, sample_weight=w)
        for w in (None, weight)
    )
    gain = heavy.predict_proba(X)[:, 1] - even.predict_proba(X)[:, 1]
    assert gain.mean() > 0.05


def test_the_leads_are_scaled_by_the_weighted_records(make_classifier, X, Y):
    weight = np.linspace(0.1, 1.9, len(X))
    mean, scale = make_classifier().fit(X, Y, sample_weight=weight).scale_
    x = X["ecg"].ecg.to_numpy().astype(float)
    expected = np.average(x.mean(axis=2), axis=0, weights=weight)
    spread = np.average(np.square(x - expected[:, None]).mean(axis=2), axis=0, weights=weight)
    np.testing.assert_allclose(mean, expected, atol=1e-6)
    np.testing.assert_allclose(scale, np.sqrt(spread), rtol=1e-5)


def test_held_out_records_count_by_their_weight(make_classifier, X, Y, sides):
    model = make_classifier(early_stopping=True, validation_fraction=0.5, callbacks=[sides])
    model.fit(X, Y, sample_weight=np.full(len(X), 0.5))
    assert len(sides.validation) == pytest.approx(len(X) / 4, abs=5)


def test_a_pipeline_passes_weights_on(make_classifier, X, Y):
    weight = np.arange(len(X)) % 3
    pipeline = make_pipeline(Resample(50), make_classifier())
    pipeline.fit(X, Y, ecgdiagnosisclassifier__sample_weight=weight)
    alone = make_classifier().fit(Resample(50).fit_transform(X), Y, weight)
    np.testing.assert_array_equal(
        pipeline.predict_proba(X), alone.predict_proba(pipeline[0].transform(X))
    )


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], r"expected sample_weight of shape \(71,\), one weight per record; got \(2,\)"),
        ([[1.0]] * 71, r"of shape \(71,\), one weight per record; got \(71, 1\)"),
        ([-1.0] + [1.0] * 70, r"finite and not negative. Give the weight 0 to"),
        ([np.nan] + [1.0] * 70, r"finite and not negative"),
        ([np.inf] + [1.0] * 70, r"finite and not negative"),
        ([0.0] * 71, r"every sample_weight is zero"),
        ([5000.0] * 71, r"these are 5e\+03 on average. Divide them by their mean"),
        ([1 / 7100] * 71, r"these are 0.000141 on average"),
    ],
)
def test_weights_that_cannot_be(make_classifier, make_pretrainer, X, Y, weight, message):
    with pytest.raises(ValueError, match=message):
        make_classifier().fit(X, Y, sample_weight=weight)
    with pytest.raises(ValueError, match=message):
        make_pretrainer().fit(X, sample_weight=weight)


def test_one_class_left_by_the_weights(make_classifier, X):
    y = (X["age"] > 60).astype(int)
    with pytest.raises(ValueError, match=r"two classes or more in y, got one class: \[1\]"):
        make_classifier().fit(X, y, sample_weight=y)


def test_copies_of_a_record_are_one_patient_where_none_is_named(make_pretrainer, X, sides):
    """Else a record would be on both sides of the split that training stops by."""
    x = X["ecg"].ecg.to_numpy()
    twice = np.concatenate([x, x])
    make_pretrainer(early_stopping=True, callbacks=[sides]).fit(twice)
    assert not set(sides.training % len(x)) & set(sides.validation % len(x))
