"""Every search of scikit-learn's, over every kind of parameter, on every joblib backend."""

import distributed
import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from ecgsk.encoders import ResNet1d
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import BandpassFilter, Resample


@pytest.fixture(scope="module")
def pipeline(make_classifier):
    return Pipeline([("signal", Resample(50)), ("model", make_classifier())])


@pytest.fixture(scope="module")
def grids(make_pretrainer, tiny):
    """Encoders, their depths, objectives and preprocessing, in one search."""
    from_scratch = {
        "signal": [Resample(50), BandpassFilter(1, 30), "passthrough"],
        "model__encoder": [tiny, "resnet10"],
    }
    pretrained = {
        "model__encoder": [make_pretrainer()],
        "model__encoder__encoder__depth": [10, 18],
        "model__encoder__objective": ["clip", "table_prediction"],
    }
    return [from_scratch, pretrained]


@pytest.fixture(scope="module")
def search(pipeline, grids, X, Y):
    def run(**settings):
        cv = MultilabelGroupKFold(2)
        search = GridSearchCV(
            pipeline, grids, scoring=masked_roc_auc_scorer, cv=cv, error_score="raise", **settings
        )
        return search.fit(X, Y, groups=X["subject_id"])

    return run


@pytest.fixture(scope="module")
def in_sequence(search):
    return search()


def assert_same_search(search, expected, X):
    for split in range(2):
        name = f"split{split}_test_score"
        np.testing.assert_array_equal(search.cv_results_[name], expected.cv_results_[name])
    assert str(search.best_params_) == str(expected.best_params_)
    np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


def test_encoders_depths_objectives_and_preprocessing_in_one_grid(in_sequence, X):
    assert len(in_sequence.cv_results_["params"]) == 10
    assert len(set(in_sequence.cv_results_["mean_test_score"])) == 10
    assert in_sequence.predict_proba(X[["ecg"]]).shape == (len(X), 4)


def test_two_loky_workers_give_the_scores_of_one_process(search, in_sequence, X):
    with joblib.parallel_config("loky"):
        assert_same_search(search(n_jobs=2), in_sequence, X)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_scores_of_one_process(search, in_sequence, X):
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with (
        cluster,
        distributed.Client(cluster) as client,
        distributed.get_task_stream(client) as done,
        joblib.parallel_config("dask"),
    ):
        assert_same_search(search(), in_sequence, X)
    assert len({task["worker"] for task in done.data}) == 2


def test_randomized_search(pipeline, X, Y):
    ranges = {"model__learning_rate": loguniform(1e-4, 1e-2), "model__encoder__width": [2, 4]}
    search = RandomizedSearchCV(
        pipeline,
        ranges,
        n_iter=3,
        scoring=masked_roc_auc_scorer,
        cv=MultilabelGroupKFold(2),
        random_state=0,
        error_score="raise",
    )
    search.fit(X, Y, groups=X["subject_id"])
    assert len(set(search.cv_results_["mean_test_score"])) == 3


def test_halving_search_gives_the_better_ones_more_epochs(pipeline, X, Y):
    search = HalvingGridSearchCV(
        pipeline,
        {"model__encoder": [ResNet1d(10, width=2), ResNet1d(10, width=4)]},
        resource="model__max_epochs",
        min_resources=1,
        max_resources=2,
        factor=2,
        scoring=masked_roc_auc_scorer,
        cv=MultilabelGroupKFold(2),
        error_score="raise",
    )
    search.fit(X, Y, groups=X["subject_id"])
    assert search.n_resources_ == [1, 2]
    assert len(search.best_estimator_[-1].history_) == 2
