"""LabAbnormalityExplainer.calibrate: what held-out patients add to what is said."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.exceptions import CalibrationWarning, ECGError, LeakageWarning
from ecgsk.metrics import masked_roc_auc
from ecgsk.preprocessing import LabAbnormality

pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")

LABS = ["potassium", "creatinine", "haemoglobin", "troponin"]
DIAGNOSES = ["hyperkalaemia", "chronic kidney disease", "acute myocardial infarction"]


@pytest.fixture(scope="module")
def sides():
    """Three cohorts of other patients: to train on, to calibrate on, to explain."""
    cohort = make_clinical_ecg(1000, random_state=0)
    number = cohort.groups.rank(method="dense").astype(int).to_numpy()
    parts = {}
    for name, chosen in (("train", number % 2 == 0), ("held", number % 4 == 1)):
        parts[name] = (
            cohort.X[chosen],
            cohort.labs.loc[chosen, LABS],
            cohort.Y.loc[chosen, DIAGNOSES],
        )
    chosen = number % 4 == 3
    parts["new"] = cohort.X[chosen], cohort.labs.loc[chosen, LABS], cohort.Y.loc[chosen, DIAGNOSES]
    parts["ranges"] = cohort.reference_ranges
    return parts


@pytest.fixture(scope="module")
def classifier(sides):
    X, _, Y = sides["train"]
    encoder = ecgsk.encoders.ResNet1d(width=8)
    model = ECGDiagnosisClassifier(encoder, max_epochs=4, random_state=0, verbose=False)
    return model.fit(X, Y)


@pytest.fixture(scope="module")
def fitted(sides, classifier):
    """Fitted, not calibrated. Tests that calibrate it take a copy."""
    X, labs, Y = sides["train"]
    explainer = LabAbnormalityExplainer(
        classifier, reference_ranges=sides["ranges"], keep_patients=True, random_state=0
    )
    return explainer.fit(X, labs, diagnoses=Y)


@pytest.fixture
def copied(fitted):
    return pickle.loads(pickle.dumps(fitted))


@pytest.fixture(scope="module")
def explainer(fitted, sides):
    return pickle.loads(pickle.dumps(fitted)).calibrate(*sides["held"])


@pytest.fixture(scope="module")
def explained(explainer, sides):
    X = sides["new"][0][["ecg"]]
    return explainer.explain(X.iloc[:40], prevalence={"potassium high": 0.5}, n_similar=2)


def test_probabilities_are_calibrated_and_rank_as_before(fitted, explainer, sides):
    X = sides["new"][0][["ecg"]].iloc[:100]
    before, after = fitted.predict_proba(X), explainer.predict_proba(X)
    assert not np.allclose(before, after)
    assert (np.argsort(before, axis=0) == np.argsort(after, axis=0)).mean() > 0.99
    np.testing.assert_array_equal(explainer.predict(X), after > explainer.thresholds_)


def test_explanations_say_what_predict_proba_says(explained, explainer, sides):
    P = explainer.predict_proba(sides["new"][0][["ecg"]].iloc[:40])
    said = [[finding.probability for finding in e.laboratories] for e in explained]
    np.testing.assert_allclose(said, P, rtol=1e-6)


def test_diagnoses_have_a_calibrated_threshold_and_a_set(explained):
    for explanation in explained:
        for d in explanation.diagnoses:
            assert d.coverage == 0.9
            assert set(d.answers) <= {False, True}
            expected = {(True,): "present", (False,): "absent"}.get(d.answers, "uncertain")
            assert d.decision in (expected, "uncertain")


def test_sets_hold_the_truth_about_as_often_as_asked(explainer, sides):
    """One sample of calibration patients: the guarantee is an average, so a loose bound."""
    X, _, Y = sides["new"]
    explanations = explainer.explain(X[["ecg"]])
    held = [
        [bool(truth) in d.answers for d, truth in zip(e.diagnoses, row, strict=True)]
        for e, row in zip(explanations, Y.to_numpy(), strict=True)
    ]
    assert np.mean(held) > 0.82


def test_predictive_values_follow_the_prevalence(explained):
    finding = {f.name: f for f in explained[0].laboratories}
    high, low = finding["potassium high"], finding["potassium low"]
    assert high.prevalence == 0.5
    assert low.prevalence == pytest.approx(low.base_rate)
    assert high.ppv == pytest.approx(high.sensitivity / (high.sensitivity + 1 - high.specificity))
    assert high.npv == pytest.approx(high.specificity / (high.specificity + 1 - high.sensitivity))


def test_sensitivity_and_specificity_are_those_of_one_record_a_patient(copied, sides):
    """With one record each, patients' weights are all one."""
    X, labs, _ = sides["held"]
    first = ~X["subject_id"].duplicated()
    again = copied.calibrate(X[first], labs[first])
    j = again.label_names_.index("creatinine high")
    value = labs.loc[first, "creatinine"]
    known, high = value.notna(), value > sides["ranges"].loc["creatinine", "high"]
    called = again.predict(X[first])[:, j] == 1
    assert again.calibration_.sensitivity_[j] == pytest.approx(called[known & high].mean())
    assert again.calibration_.specificity_[j] == pytest.approx((~called)[known & ~high].mean())


def test_evidence_is_of_links_that_held_by_sensitivity(explained, explainer):
    held = explainer.evidence_.held_links_
    pairs = list(zip(held["diagnosis"], held["finding"], strict=True))
    assert ("hyperkalaemia", "potassium high") in pairs
    for explanation in explained:
        told = [pairs.index((e.diagnosis, e.finding)) for e in explanation.evidence]
        assert told == sorted(told)
        assert all(e.odds_ratio > 1 for e in explanation.evidence if e.supports)


def test_no_evidence_before_other_patients_were_asked(fitted, sides):
    explanation = fitted.explain(sides["new"][0].iloc[:1])[0]
    assert explanation.evidence == ()
    assert all(d.answers is None and d.coverage is None for d in explanation.diagnoses)
    assert all(f.ppv is None and f.npv is None for f in explanation.laboratories)


def test_similar_patients_are_of_the_training_and_have_no_name(explained, sides):
    names = set(map(str, sides["train"][0]["subject_id"]))
    for explanation in explained:
        assert len({s.patient for s in explanation.similar}) == 2
        assert not {s.patient for s in explanation.similar} & names
        for similar in explanation.similar:
            assert set(similar.diagnoses) <= set(DIAGNOSES)
            assert not {"ecg", "subject_id"} & set(similar.table)


def test_patients_are_kept_only_if_asked(classifier, sides):
    X, labs, _ = (part.iloc[:60] for part in sides["train"])
    explainer = LabAbnormalityExplainer(classifier, reference_ranges=sides["ranges"]).fit(X, labs)
    with pytest.raises(ValueError, match="keep_patients=True"):
        explainer.explain(X.iloc[:1], n_similar=1)


def test_attributions_are_of_the_most_likely_diagnoses(explainer, sides):
    (explanation,) = explainer.explain(sides["new"][0][["ecg"]].iloc[:1], n_attributions=2)
    likely = sorted(explanation.diagnoses, key=lambda d: -d.probability)[:2]
    assert [a.diagnosis for a in explanation.attributions] == [d.name for d in likely]
    for attribution in explanation.attributions:
        assert sum(attribution.leads.values()) == pytest.approx(1)
        assert attribution.values.shape == (12, 1000)


def test_patients_seen_before_are_warned_of(copied, sides):
    with pytest.warns(LeakageWarning, match="was trained on"):
        copied.calibrate(*(part.iloc[:60] for part in sides["train"]))


def test_other_columns_are_refused(copied, sides):
    X, labs, Y = (part.iloc[:60] for part in sides["held"])
    with pytest.raises(ECGError, match="targets that fit saw"):
        copied.calibrate(X, labs[LABS[::-1]], Y)
    with pytest.raises(ECGError, match="classifier's labels"):
        copied.calibrate(X, labs, Y[DIAGNOSES[::-1]])


def test_diagnoses_need_a_classifier(sides):
    X, labs, Y = (part.iloc[:60] for part in sides["train"])
    pretrainer = JointEmbeddingPretrainer(max_epochs=1, random_state=0, verbose=False).fit(X)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(pretrainer), reference_ranges=sides["ranges"]
    )
    with pytest.raises(ECGError, match="tells none"):
        explainer.fit(X, labs, diagnoses=Y)


@pytest.mark.parametrize(
    ("prevalence", "message"),
    [(20, "from 0 to 1"), ({"potassium high": -0.1}, "from 0 to 1"), ({"kalium": 0.1}, "kalium")],
)
def test_a_prevalence_is_a_share_of_a_target(explainer, sides, prevalence, message):
    with pytest.raises(ValueError, match=message):
        explainer.explain(sides["new"][0].iloc[:1], prevalence=prevalence)


def test_a_prevalence_needs_calibration(fitted, sides):
    with pytest.raises(ValueError, match="calibrate first"):
        fitted.explain(sides["new"][0].iloc[:1], prevalence=0.1)


def test_what_few_patients_cannot_tell_is_named(copied, sides):
    X, labs, Y = sides["held"]
    rare, rows = DIAGNOSES[0], X[["ecg"]].iloc[:3]
    positive = np.flatnonzero(Y[rare] == 1)
    Y = Y.assign(**{rare: Y[rare].where(~np.isin(np.arange(len(Y)), positive[9:]))})
    with pytest.warns(CalibrationWarning, match="for lack of 10 patients"):
        copied.calibrate(X, labs, Y)
    raw = copied.encoder_.predict_proba(rows)[:, 0]
    for p, explanation in zip(raw, copied.explain(rows), strict=True):
        (few,) = explanation.not_calibrated
        assert few.probability == pytest.approx(p, rel=1e-6)
        assert (few.name, few.threshold, few.answers, few.coverage) == (rare, 0.5, None, None)
        assert few.decision == ("present" if p > 0.5 else "absent")
        assert "not calibrated" in explanation.to_text(n_diagnoses=3)


def test_similar_patients_show_values_or_else_findings(classifier, sides):
    X, labs, _ = (part.iloc[:60] for part in sides["train"])
    targets = LabAbnormality(sides["ranges"]).fit_transform(labs)
    for given, shown in ((X, False), (X.drop(columns="potassium"), True)):
        explainer = LabAbnormalityExplainer(classifier, keep_patients=True).fit(given, targets)
        table = explainer.similar_patients_.table_
        assert ("potassium" in table) is not shown
        assert ("potassium high" in table) is shown
        assert not shown or set(table["potassium high"].dropna()) <= {False, True}


def test_saved_and_loaded_says_the_same(explainer, sides, tmp_path):
    X = sides["new"][0][["ecg"]].iloc[:3]
    ecgsk.save(explainer, tmp_path / "model")
    loaded = ecgsk.load(tmp_path / "model")
    expected = explainer.explain(X, n_similar=1)
    assert loaded.explain(X, n_similar=1).to_dict() == expected.to_dict()


def test_findings_are_told_from_chance(explainer, sides):
    """The model under these tests does know something, so that what they say is of use."""
    X, labs, _ = sides["new"]
    targets = pd.DataFrame(explainer._as_targets(labs, len(labs)))
    assert masked_roc_auc(targets.to_numpy(), explainer.predict_proba(X[["ecg"]])) > 0.55
