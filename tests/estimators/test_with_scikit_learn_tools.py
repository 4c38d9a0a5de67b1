"""What scikit-learn builds around estimators: curves, caches, unions, votes, calibration."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from ecgsk import JointEmbeddingPretrainer
from ecgsk.exceptions import ECGError
from ecgsk.metrics import masked_average_precision_scorer, masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import Resample

CLINICAL = ["age", "potassium", "heart_rate"]


@pytest.fixture
def old(X):
    """Two classes that a table tells easily."""
    return (X["age"] > X["age"].median()).astype(int)


def test_cross_validate_with_several_scores(make_classifier, X, Y):
    results = cross_validate(
        make_classifier(),
        X,
        Y,
        groups=X["subject_id"],
        cv=MultilabelGroupKFold(2),
        scoring={"auroc": masked_roc_auc_scorer, "ap": masked_average_precision_scorer},
        return_estimator=True,
        return_train_score=True,
    )
    assert {"test_auroc", "test_ap", "train_auroc"} <= set(results)
    assert [model.label_names_ for model in results["estimator"]] == [Y.columns.tolist()] * 2


def test_learning_curve(make_classifier, X, Y):
    sizes, _, scores = learning_curve(
        make_classifier(),
        X,
        Y,
        groups=X["subject_id"],
        cv=MultilabelGroupKFold(2),
        train_sizes=[20, 30],
        scoring=masked_roc_auc_scorer,
        error_score="raise",
    )
    assert sizes.tolist() == [20, 30]
    assert np.isfinite(scores).all()


def test_permutation_test_score(make_classifier, X, old):
    score, permuted, p = permutation_test_score(
        make_classifier(inputs="clinical", fine_tune="probe", clinical_columns=CLINICAL),
        X,
        old.to_numpy(),  # a Series that is permuted on purpose is refused by its index
        cv=list(GroupKFold(2).split(X, groups=X["subject_id"])),
        n_permutations=3,
        scoring="roc_auc",
        random_state=0,
    )
    assert score > permuted.max()
    assert p == 0.25


def test_a_pipelines_memory_keeps_the_pretraining(make_pretrainer, X, old, tmp_path, monkeypatch):
    pipeline = make_pipeline(
        Resample(50), make_pretrainer(), LogisticRegression(max_iter=500), memory=str(tmp_path)
    )
    old = old.to_numpy()  # joblib's hash sees an index that X and y share
    p = pipeline.fit(X, old).predict_proba(X)

    def again(self, X, y=None, *args, **kwargs):
        raise AssertionError("pre-trained again")

    monkeypatch.setattr(JointEmbeddingPretrainer, "fit", again)
    pipeline.set_params(logisticregression__C=0.5).fit(X, old)
    assert not np.array_equal(pipeline.predict_proba(X), p)


def test_clinical_columns_beside_the_embedding(make_pretrainer, X, old):
    """The late-fusion baseline, of scikit-learn's parts alone."""
    columns = ColumnTransformer(
        [
            ("ecg", make_pretrainer(), [name for name in X.columns if name != "sex"]),
            ("clinical", SimpleImputer(add_indicator=True), CLINICAL),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(X, old)
    names = model[:-1].get_feature_names_out()
    assert names[0] == "ecg__jointembeddingpretrainer0"
    assert names[64] == "clinical__age"
    assert model.score(X, old) > 0.8


def test_a_union_of_signal_and_table(make_pretrainer, X, old):
    table = make_pipeline(FunctionTransformer(lambda X: X[CLINICAL]), SimpleImputer())
    union = FeatureUnion([("joint", make_pretrainer()), ("table", table)])
    model = make_pipeline(union, LogisticRegression(max_iter=2000)).fit(X, old)
    assert union.transform(X).shape == (len(X), 64 + len(CLINICAL))
    assert model.predict_proba(X).shape == (len(X), 2)


def test_voting(make_classifier, X, old):
    members = [(f"seed {i}", make_classifier(random_state=i)) for i in range(2)]
    vote = VotingClassifier(members, voting="soft").fit(X, old)
    expected = np.mean([model.predict_proba(X) for model in vote.estimators_], axis=0)
    np.testing.assert_allclose(vote.predict_proba(X), expected)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_on_patients_apart(make_classifier, X, old, method):
    folds = list(GroupKFold(2).split(X, groups=X["subject_id"]))
    model = CalibratedClassifierCV(make_classifier(), method=method, cv=folds).fit(X, old)
    assert model.predict_proba(X[["ecg"]]).shape == (len(X), 2)
    frozen = CalibratedClassifierCV(FrozenEstimator(make_classifier().fit(X, old)), method=method)
    assert frozen.fit(X, old).predict_proba(X[["ecg"]]).shape == (len(X), 2)


def test_set_output(make_classifier, make_pretrainer, X, Y):
    for model in (make_pretrainer().fit(X), make_classifier().fit(X, Y)):
        frame = model.set_output(transform="pandas").transform(X)
        assert isinstance(frame, pd.DataFrame)
        assert frame.columns[0] == f"{type(model).__name__.lower()}0"
        pd.testing.assert_index_equal(frame.index, X.index)


@pytest.fixture(params=[False, True], ids=["routing off", "routing on"])
def routing(request):
    with sklearn.config_context(enable_metadata_routing=request.param):
        yield request.param


def test_groups_reach_the_splitter(routing, make_classifier, X, Y):
    """And the estimator, which finds them in X's column."""
    cv = MultilabelGroupKFold(2)
    expected = [set(X["subject_id"].iloc[test]) for _, test in cv.split(X, Y, X["subject_id"])]
    search = GridSearchCV(
        make_classifier(),
        {"dropout": [0.1, 0.2]},
        cv=cv,
        scoring=masked_roc_auc_scorer,
        error_score="raise",
    ).fit(X, Y, groups=X["subject_id"])
    groups = {"params": {"groups": X["subject_id"]}} if routing else {"groups": X["subject_id"]}
    results = cross_validate(
        search.best_estimator_,
        X,
        Y,
        cv=cv,
        scoring=masked_roc_auc_scorer,
        return_indices=True,
        error_score="raise",
        **groups,
    )
    tested = [set(X["subject_id"].iloc[rows]) for rows in results["indices"]["test"]]
    assert tested == expected
    best = search.cv_results_["mean_test_score"].max()
    assert results["test_score"].mean() == pytest.approx(best)


def test_groups_and_weights_are_routed_to_the_fit(make_classifier, X, Y, sides):
    """Where no column names the patients they come through fit."""
    subjects, weight = X["subject_id"].to_numpy(), np.arange(len(X)) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_classifier(early_stopping=True, validation_fraction=0.4, callbacks=[sides])
        pipeline = make_pipeline(Resample(50), model.set_fit_request(sample_weight=True))
        pipeline.fit(X[["ecg"]], Y, groups=subjects, sample_weight=weight)
        assert not set(subjects[sides.training]) & set(subjects[sides.validation])
        assert not set(np.flatnonzero(weight == 0)) & {*sides.training, *sides.validation}
        results = cross_validate(
            pipeline.set_params(ecgdiagnosisclassifier__trainer=None),
            X[["ecg"]],
            Y,
            cv=GroupKFold(2),
            scoring=masked_roc_auc_scorer,
            params={"groups": subjects, "sample_weight": weight},
            return_estimator=True,
            error_score="raise",
        )
    n_seen = [fitted[-1].patients_seen_.n_patients for fitted in results["estimator"]]
    assert sum(n_seen) == len(set(subjects[weight > 0]))


def not_a_number():
    return pytest.raises(TypeError, match=r"is not a number.*set_output\(transform='pandas'\)")


def without_names():
    return pytest.raises(ECGError, match=r"lost their names.*set_output\(.*X\[\['ecg'\]\]")


def test_records_as_objects_are_named_with_the_mend(make_classifier, X, old):
    """Where scikit-learn makes an array of the column, the error says how to keep it."""
    X, some = X[["ecg", "age", "heart_rate"]], old.where(old.index != old.index[0], -1)
    passing = ColumnTransformer([("scale", StandardScaler(), ["age"])], remainder="passthrough")
    with without_names():
        make_pipeline(passing, make_classifier()).fit(X, old)
    with without_names():
        BaggingClassifier(make_classifier(), 2).fit(X, old)
    with without_names():
        SelfTrainingClassifier(make_classifier()).fit(X, some)
    members = [(name, make_classifier()) for name in "ab"]
    with not_a_number():
        StackingClassifier(members, LogisticRegression(), passthrough=True, cv=2).fit(X, old)
    for step in (SimpleImputer(), StandardScaler(), LogisticRegression()):
        with not_a_number():
            step.fit(X, old)


def test_the_mends_for_records_as_objects_work(make_classifier, X, old):
    passing = ColumnTransformer(
        [("scale", StandardScaler(), ["age"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    expected = make_classifier().fit(X, old).predict_proba(X)
    for estimator, columns in (
        (make_pipeline(passing, make_classifier()), list(X)),
        (BaggingClassifier(make_classifier(), 1, bootstrap=False), ["ecg"]),
        (SelfTrainingClassifier(make_classifier(), max_iter=1), ["ecg"]),
    ):
        y = old.where(old.index != old.index[0], -1) if "Self" in repr(estimator) else old
        assert estimator.fit(X[columns], y).predict_proba(X[columns]).shape == expected.shape
    objects = X.astype({"ecg": object})
    np.testing.assert_array_equal(make_classifier().fit(objects, old).predict_proba(X), expected)
    resampled = Resample(50).fit(X).transform(objects)
    assert resampled["ecg"].ecg.sampling_rate == 50
