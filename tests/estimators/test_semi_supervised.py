"""Who takes part in which stage: labels stay out of (i), rows without labels out of (ii)."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

SEEN: dict[str, list[int]] = {}


class CountRecords(Callback):
    """Notes how many records a training has; a cloned pretrainer's callbacks are copies."""

    def __init__(self, stage="training"):
        self.stage = stage

    def on_train_begin(self, net, X=None, **kwargs):
        SEEN.setdefault(self.stage, []).append(sorted(X.signals.numbers.tolist()))


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


def test_rows_without_labels_take_part_in_pretraining_only(
    make_pretrainer, make_classifier, X, partly_labelled
):
    model = make_classifier(
        encoder=make_pretrainer(callbacks=[CountRecords("i")]),
        fine_tune="full",
        callbacks=[CountRecords("ii")],
    ).fit(X, partly_labelled)
    labelled = np.flatnonzero(partly_labelled.notna().any(axis=1))
    assert 0 < len(labelled) < len(X)
    assert SEEN["i"] == [list(range(len(X)))]
    assert SEEN["ii"] == [labelled.tolist()]
    mean, _ = model.scale_
    np.testing.assert_allclose(mean, X["ecg"].ecg.to_numpy().mean(axis=(0, 2)), atol=1e-5)


def test_rows_without_labels_shape_the_embedding(
    make_pretrainer, make_classifier, X, partly_labelled, assert_same_weights
):
    model = make_classifier(encoder=make_pretrainer()).fit(X, partly_labelled)
    assert_same_weights(make_pretrainer().fit(X), model, "backbone")
    labelled = partly_labelled.notna().any(axis=1).to_numpy()
    without = make_classifier(encoder=make_pretrainer()).fit(X[labelled], partly_labelled[labelled])
    with pytest.raises(AssertionError):
        assert_same_weights(model, without, "backbone")


def test_rows_without_labels_do_not_move_the_head(
    pretrainer, make_classifier, X, partly_labelled, assert_same_weights
):
    labelled = partly_labelled.notna().any(axis=1).to_numpy()
    frozen = FrozenEstimator(pretrainer)
    alone = make_classifier(encoder=frozen).fit(X[labelled], partly_labelled[labelled])
    beside = make_classifier(encoder=frozen).fit(X, partly_labelled)
    assert_same_weights(alone, beside)


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
@pytest.mark.parametrize("fine_tune", ["probe", "full"])
def test_missing_labels_are_not_negative(pretrainer, make_classifier, X, Y, fine_tune):
    """Where every known label is positive, nothing but a false negative lowers a probability."""
    masked = Y.copy()
    masked.iloc[:, 0] = np.where(np.arange(len(Y)) % 2, 1.0, np.nan)
    fit = {"encoder": FrozenEstimator(pretrainer), "fine_tune": fine_tune}
    fit |= {"max_epochs": 10, "learning_rate": 0.03}
    known, filled = (
        make_classifier(**fit).fit(X, y).predict_proba(X)[:, 0] for y in (masked, masked.fillna(0))
    )
    assert known.min() > 0.7
    assert filled.mean() == pytest.approx(0.5, abs=0.1)


def test_a_masked_label_is_fitted_on_its_known_rows(pretrainer, make_classifier, X, Y):
    """With one label the probe is a logistic regression of the known rows alone."""
    name = Y.columns[0]
    masked = Y[[name]].copy()
    masked.iloc[::3] = np.nan
    known = masked[name].notna().to_numpy()
    frozen = FrozenEstimator(pretrainer)
    with_gaps = make_classifier(encoder=frozen).fit(X, masked)
    known_only = make_classifier(encoder=frozen).fit(X[known], masked[known])
    np.testing.assert_array_equal(with_gaps.predict_proba(X), known_only.predict_proba(X))


def test_labels_never_reach_pretraining(
    make_pretrainer, make_classifier, X, Y, assert_same_weights
):
    permuted = Y.sample(frac=1, random_state=1).set_axis(Y.index)
    assert not permuted.equals(Y)
    one, other = (make_classifier(encoder=make_pretrainer()).fit(X, y) for y in (Y, permuted))
    assert_same_weights(one, other, "backbone")
    np.testing.assert_array_equal(
        one.pretraining_history_["train_loss"], other.pretraining_history_["train_loss"]
    )


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
@pytest.mark.parametrize("fine_tune", ["probe", "full"])
def test_a_label_of_one_class_gets_its_prevalence_not_an_error(
    pretrainer, make_classifier, X, Y, fine_tune
):
    y = Y.assign(never=0.0, always=1.0)
    p = (
        make_classifier(encoder=FrozenEstimator(pretrainer), fine_tune=fine_tune)
        .fit(X, y)
        .predict_proba(X)
    )
    assert np.isfinite(p).all()
    if fine_tune == "probe":
        n = len(X)
        np.testing.assert_allclose(p[:, 4], 0.5 / (n + 1), rtol=1e-5)
        np.testing.assert_allclose(p[:, 5], (n + 0.5) / (n + 1), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
def test_a_label_never_known_is_even(pretrainer, make_classifier, X, Y):
    y = Y.assign(unknown=np.nan)
    p = make_classifier(encoder=FrozenEstimator(pretrainer)).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(p[:, 4], 0.5)
