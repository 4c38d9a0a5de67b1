"""Stage (iii): laboratory abnormalities, judged and unjudged, and explanations."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.preprocessing import LabAbnormality

LABS = ["potassium", "sodium", "creatinine", "troponin"]


@pytest.fixture(scope="module")
def labs(cohort):
    return cohort.labs[LABS]


@pytest.fixture(scope="module")
def ranges(cohort):
    return cohort.reference_ranges


@pytest.fixture(scope="module")
def targets(labs, ranges):
    return LabAbnormality(ranges).fit_transform(labs)


@pytest.fixture(scope="module")
def explainer(classifier, X, labs, ranges):
    return LabAbnormalityExplainer(classifier, reference_ranges=ranges).fit(X, labs)


def test_values_and_ready_targets_agree(explainer, classifier, X, targets, labs):
    ready = LabAbnormalityExplainer(classifier).fit(X, targets)
    assert ready.label_names_ == explainer.label_names_ == list(targets)
    np.testing.assert_array_equal(ready.predict_proba(X), explainer.predict_proba(X))
    assert {"potassium low", "potassium high"} <= set(ready.label_names_)
    assert labs["potassium"].isna().any()


def test_base_rates_and_counts_are_those_of_measured_records(explainer, targets):
    np.testing.assert_allclose(explainer.base_rates_, targets.mean())
    np.testing.assert_array_equal(explainer.n_measured_, targets.notna().sum())


def test_a_target_nobody_was_measured_for_has_no_rate(classifier, X, targets):
    y = targets.assign(**{"lactate high": np.nan})
    model = LabAbnormalityExplainer(classifier).fit(X, y)
    assert np.isnan(model.base_rates_[-1])
    assert model.n_measured_[-1] == 0
    np.testing.assert_allclose(model.predict_proba(X)[:, -1], 0.5)


def test_unmeasured_takes_no_part_in_its_target(classifier, X, targets):
    """One target alone is a logistic regression on the records measured."""
    y = targets[["potassium high"]].copy()
    y.loc[::4] = np.nan
    y.loc[1::4] = 1.0
    y.loc[2::4] = 0.0
    measured = y.iloc[:, 0].notna().to_numpy()
    model = LabAbnormalityExplainer(classifier).fit(X, y)
    measured_only = LabAbnormalityExplainer(classifier).fit(X[measured], y[measured])
    np.testing.assert_array_equal(model.predict_proba(X), measured_only.predict_proba(X))
    as_normal = LabAbnormalityExplainer(classifier).fit(X, y.fillna(0))
    assert model.predict_proba(X).mean() == pytest.approx(y.mean().item(), abs=0.02)
    as_normal = as_normal.predict_proba(X).mean()
    assert as_normal == pytest.approx(y.fillna(0).mean().item(), abs=0.02)


def test_head_is_a_regularised_logistic_regression(classifier, X, targets):
    y = targets[["sodium low"]].copy()
    y.iloc[:, 0] = np.arange(len(X)) % 2
    model = LabAbnormalityExplainer(classifier).fit(X, y)
    features = classifier.transform(X).astype(np.float64)
    floor = max(0.01 * np.median(features.std(axis=0)), 1e-6)
    z = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), floor)
    distances = []
    for strength in (1e-3, 3e-3, 1e-2, 3e-2, 1e-1):
        reference = LogisticRegression(C=strength, max_iter=1000).fit(z, y.iloc[:, 0])
        expected = reference.decision_function(z)
        distances.append(np.abs(model.decision_function(X)[:, 0] - expected).max())
    assert min(distances) < 1e-3


def test_signal_alone_is_enough(explainer, X):
    p = explainer.predict_proba(X[["ecg"]])
    assert p.shape == (len(X), len(explainer.label_names_))
    assert ((p > 0) & (p < 1)).all()
    np.testing.assert_array_equal(p, explainer.predict_proba(X))
    np.testing.assert_array_equal(p, explainer.predict_proba(X["ecg"].ecg.to_numpy()))


def test_explanation_of_each_record(explainer, classifier, X, ranges, targets):
    some = X.iloc[[5, 2, 9]]
    explained = explainer.explain(some[["ecg"]])
    assert len(explained) == 3
    assert [e.record for e in explained] == [5, 2, 9]
    p_diagnoses, p_labs = classifier.predict_proba(some), explainer.predict_proba(some)
    for row, explanation in enumerate(explained):
        assert [d.name for d in explanation.diagnoses] == classifier.label_names_
        said = [d.probability for d in explanation.diagnoses]
        np.testing.assert_allclose(said, p_diagnoses[row], rtol=1e-6)
        assert {d.threshold for d in explanation.diagnoses} == {0.5}
        assert explanation.ecg == some["ecg"].iloc[row]
        findings = explanation.laboratories
        assert [f"{f.laboratory} {f.direction}" for f in findings] == list(targets)
        assert [f.probability for f in findings] == p_labs[row].tolist()
        assert [f.base_rate for f in findings] == pytest.approx(targets.mean().tolist())
    of_potassium = explained[0].laboratories[0]
    assert (of_potassium.laboratory, of_potassium.direction) == ("potassium", "low")
    assert (of_potassium.low, of_potassium.high, of_potassium.unit) == (3.5, 5.1, "mmol/L")
    of_troponin = explained[0].laboratories[-1]
    assert of_troponin.low is None
    assert of_troponin.high == ranges.loc["troponin", "high"]


def test_explanation_without_diagnoses_ranges_or_names(pretrainer, X, targets):
    model = LabAbnormalityExplainer(FrozenEstimator(pretrainer)).fit(X, targets)
    explained = model.explain(X["ecg"].ecg.to_numpy()[:2])
    assert [e.record for e in explained] == [0, 1]
    for explanation in explained:
        assert explanation.diagnoses == ()
        assert explanation.ecg is None
        finding = explanation.laboratories[0]
        assert (finding.low, finding.high, finding.unit) == (None, None, "")


@pytest.mark.parametrize("what", ["frame", "series", "array"])
def test_explaining_whatever_holds_ecgs(explainer, X, what):
    ecgs = {"frame": X[:2], "series": X["ecg"][:2], "array": X["ecg"].array[:2]}[what]
    first = explainer.explain(ecgs)[0]
    assert first.ecg == X["ecg"].iloc[0]
    assert first.laboratories == explainer.explain(X[:2])[0].laboratories


def test_slices_of_explanations(explainer, X):
    explained = explainer.explain(X[:4])
    assert [e.record for e in explained[1:3]] == [1, 2]
    assert explained[-1] == list(explained)[3]


def test_encoder_is_used_as_it_is(classifier, X, targets, copy_weights, assert_same_weights):
    before = copy_weights(classifier)
    bare = LabAbnormalityExplainer(classifier).fit(X, targets)
    frozen = LabAbnormalityExplainer(FrozenEstimator(classifier)).fit(X, targets)
    assert bare.encoder_ is frozen.encoder_ is classifier
    assert_same_weights(before, classifier)
    np.testing.assert_array_equal(bare.predict_proba(X), frozen.predict_proba(X))


def test_bare_pretrainer_is_fitted_inside(
    make_pretrainer, X, targets, pretrainer, assert_same_weights
):
    model = LabAbnormalityExplainer(make_pretrainer()).fit(X, targets)
    assert_same_weights(model.encoder_, pretrainer)
    assert not hasattr(model.encoder, "net_")


def test_random_state_seeds_a_pretrainer_without_one(make_pretrainer, X, targets):
    bare = make_pretrainer(random_state=None)
    one, same, other = (
        LabAbnormalityExplainer(bare, random_state=s).fit(X, targets).predict_proba(X)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert bare.random_state is None


def test_penalty_is_chosen_by_patient(classifier, X, targets):
    by_column = LabAbnormalityExplainer(classifier).fit(X, targets)
    by_argument = LabAbnormalityExplainer(classifier).fit(
        X[["ecg"]], targets, groups=X["subject_id"]
    )
    np.testing.assert_array_equal(by_column.coef_, by_argument.coef_)


def test_an_unfitted_classifier(make_classifier, X, targets):
    message = (
        r"LabAbnormalityExplainer needs a fitted ECGDiagnosisClassifier. Fit it first; inside a "
        r"cross-validation, which clones, give FrozenEstimator\(classifier\)"
    )
    with pytest.raises(NotFittedError, match=message):
        LabAbnormalityExplainer(make_classifier()).fit(X, targets)
    with pytest.raises(NotFittedError, match=message):
        LabAbnormalityExplainer(FrozenEstimator(make_classifier())).fit(X, targets)


def test_cross_validation_clones_a_bare_classifier(classifier, X, targets):
    with pytest.raises(NotFittedError, match=r"which clones, give FrozenEstimator\(classifier\)"):
        cross_val_predict(LabAbnormalityExplainer(classifier), X, targets.fillna(0), cv=2)


@pytest.mark.parametrize(
    "wrong", ["resnet18", StandardScaler(), FrozenEstimator(StandardScaler().fit([[0.0], [1.0]]))]
)
def test_wrong_encoder(X, targets, wrong):
    message = r"LabAbnormalityExplainer: encoder must be a JointEmbeddingPretrainer or a fitted ECG"
    with pytest.raises(TypeError, match=message):
        LabAbnormalityExplainer(wrong).fit(X, targets)


def test_values_without_ranges(classifier, X, labs):
    message = (
        r"LabAbnormalityExplainer: y holds laboratory values \(potassium, sodium, creatinine, "
        r"...\); give reference_ranges= to judge them, or pass 0/1/NaN targets named '... low'"
    )
    with pytest.raises(ValueError, match=message):
        LabAbnormalityExplainer(classifier).fit(X, labs)


def test_targets_that_are_values(classifier, X, labs):
    values = labs.rename(columns="{} high".format)
    message = r"LabAbnormalityExplainer expected labels of 0, 1 or NaN .* use LabAbnormality"
    with pytest.raises(ValueError, match=message):
        LabAbnormalityExplainer(classifier).fit(X, values)


def test_nothing_measured(classifier, X, targets):
    with pytest.raises(ValueError, match=r"every label of every row is NaN\. Give some l"):
        LabAbnormalityExplainer(classifier).fit(X, targets * np.nan)


def test_explaining_needs_names_and_a_fit(classifier, X):
    with pytest.raises(NotFittedError):
        LabAbnormalityExplainer(classifier).explain(X)
    binary = LabAbnormalityExplainer(classifier).fit(X, (X["age"] > 60).astype(int))
    with pytest.raises(
        ValueError, match="fitted on a y that does not name laboratories; explain needs"
    ):
        binary.explain(X)


def test_explaining_targets_without_names(classifier, X, targets):
    model = LabAbnormalityExplainer(classifier).fit(X, targets.to_numpy())
    with pytest.raises(ValueError, match="fitted on a y that does not name laboratories"):
        model.explain(X)


def test_values_with_numbers_for_names(classifier, X, labs):
    with pytest.raises(ValueError, match=r"y holds laboratory values \(0, 1, 2, ...\); give ref"):
        LabAbnormalityExplainer(classifier).fit(X, labs.set_axis(range(labs.shape[1]), axis=1))


@pytest.mark.parametrize(
    "ranges",
    [{"potassium": (3.5, 5.1), "sodium": (None, 145)}, (3.5, 5.1)],
    ids=["mapping", "pair"],
)
def test_ranges_however_they_are_given(classifier, X, labs, ranges):
    model = LabAbnormalityExplainer(classifier, reference_ranges=ranges)
    finding = model.fit(X, labs[["potassium", "sodium"]]).explain(X[:1])[0].laboratories[0]
    assert (finding.laboratory, finding.direction) == ("potassium", "low")
    assert (finding.low, finding.high, finding.unit) == (3.5, 5.1, "")


def test_two_ranges_of_one_laboratory(classifier, X, labs, ranges):
    twice = pd.concat([ranges, ranges.loc[["potassium"]]])
    with pytest.raises(ValueError, match="one reference range per laboratory; potassium has sev"):
        LabAbnormalityExplainer(classifier, reference_ranges=twice).fit(X, labs)


def test_default_encoder_is_a_pretrainer():
    model = clone(LabAbnormalityExplainer())
    assert model.encoder is None
    assert not issubclass(
        LabAbnormalityExplainer, (ECGDiagnosisClassifier, JointEmbeddingPretrainer)
    )
