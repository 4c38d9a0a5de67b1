"""LabAbnormalityExplainer.explain after calibrate: decisions, evidence, similar patients."""

import numpy as np
import pytest

from ecgsk.exceptions import CalibrationWarning

pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")

DIAGNOSES = ["hyperkalaemia", "chronic kidney disease", "acute myocardial infarction"]


@pytest.fixture(scope="module")
def explained(calibrated_explainer, lab_sides):
    X = lab_sides["new"][0][["ecg"]]
    return calibrated_explainer.explain(
        X.iloc[:40], prevalence={"potassium high": 0.5}, n_similar=2
    )


def test_calibrated_probabilities_equal_predict_proba(explained, calibrated_explainer, lab_sides):
    P = calibrated_explainer.predict_proba(lab_sides["new"][0][["ecg"]].iloc[:40])
    said = [[finding.probability for finding in e.laboratories] for e in explained]
    np.testing.assert_allclose(said, P, rtol=1e-6)


def test_decision_is_the_threshold_answer_or_uncertain(explained):
    decisions = set()
    for explanation in explained:
        for d in explanation.diagnoses:
            assert d.coverage == 0.9
            assert set(d.answers) <= {False, True}
            agreed = {(True,): d.probability > d.threshold, (False,): d.probability <= d.threshold}
            expected = "present" if d.probability > d.threshold else "absent"
            assert d.decision == (expected if agreed.get(d.answers, False) else "uncertain")
            decisions.add(d.decision)
    assert decisions == {"present", "absent", "uncertain"}


def test_sets_reach_their_coverage_on_new_patients(calibrated_explainer, lab_sides):
    """The guarantee is an average over calibration sets; this is one, so the bound is loose."""
    X, _, Y = lab_sides["new"]
    explanations = calibrated_explainer.explain(X[["ecg"]])
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


def test_evidence_lists_held_links_by_odds_ratio(explained, calibrated_explainer):
    held = calibrated_explainer.evidence_.held_links_
    pairs = list(zip(held["diagnosis"], held["finding"], strict=True))
    assert ("hyperkalaemia", "potassium high") in pairs
    for explanation in explained:
        order = [pairs.index((e.diagnosis, e.finding)) for e in explanation.evidence]
        assert order == sorted(order)
        assert all(e.odds_ratio > 1 for e in explanation.evidence if e.supports)


def test_evidence_says_what_it_is_adjusted_for(explained, calibrated_explainer):
    covariates = calibrated_explainer.evidence_.covariates_
    laboratories = {name.rpartition(" ")[0] for name in calibrated_explainer.label_names_}
    assert not laboratories & set(covariates)
    words = explained[0].model["evidence adjusted for"]
    assert all(name in words for name in ["the other laboratories", *covariates])


def test_no_evidence_before_calibrate(fitted_explainer, lab_sides):
    explanation = fitted_explainer.explain(lab_sides["new"][0].iloc[:1])[0]
    assert explanation.evidence == ()
    assert all(d.answers is None and d.coverage is None for d in explanation.diagnoses)
    assert all(f.ppv is None and f.npv is None for f in explanation.laboratories)


def test_similar_patients_are_anonymous_training_patients(explained, lab_sides):
    names = set(map(str, lab_sides["train"][0]["subject_id"]))
    for explanation in explained:
        assert len({s.patient for s in explanation.similar}) == 2
        assert not {s.patient for s in explanation.similar} & names
        for similar in explanation.similar:
            assert set(similar.diagnoses) <= set(DIAGNOSES)
            assert not {"ecg", "subject_id"} & set(similar.table)


def test_attributions_of_the_most_probable_diagnoses(calibrated_explainer, lab_sides):
    (explanation,) = calibrated_explainer.explain(
        lab_sides["new"][0][["ecg"]].iloc[:1], n_attributions=2
    )
    likely = sorted(explanation.diagnoses, key=lambda d: -d.probability)[:2]
    assert [a.diagnosis for a in explanation.attributions] == [d.name for d in likely]
    for attribution in explanation.attributions:
        assert sum(attribution.leads.values()) == pytest.approx(1)
        assert attribution.values.shape == (12, 1000)


@pytest.mark.parametrize(
    ("prevalence", "message"),
    [(20, "from 0 to 1"), ({"potassium high": -0.1}, "from 0 to 1"), ({"kalium": 0.1}, "kalium")],
)
def test_invalid_prevalence_is_refused(calibrated_explainer, lab_sides, prevalence, message):
    with pytest.raises(ValueError, match=message):
        calibrated_explainer.explain(lab_sides["new"][0].iloc[:1], prevalence=prevalence)


def test_prevalence_needs_calibration(fitted_explainer, lab_sides):
    with pytest.raises(ValueError, match="calibrate first"):
        fitted_explainer.explain(lab_sides["new"][0].iloc[:1], prevalence=0.1)


def test_diagnosis_of_too_few_patients_is_not_calibrated(copied_explainer, lab_sides):
    X, labs, Y = lab_sides["held"]
    rare, rows = DIAGNOSES[0], X[["ecg"]].iloc[:3]
    positive = np.flatnonzero(Y[rare] == 1)
    Y = Y.assign(**{rare: Y[rare].where(~np.isin(np.arange(len(Y)), positive[9:]))})
    with pytest.warns(CalibrationWarning, match="need 10 patients with and 10 without"):
        copied_explainer.calibrate(X, labs, Y)
    raw = copied_explainer.encoder_.predict_proba(rows)[:, 0]
    for p, explanation in zip(raw, copied_explainer.explain(rows), strict=True):
        (few,) = explanation.not_calibrated
        assert few.probability == pytest.approx(p, rel=1e-6)
        assert (few.name, few.threshold, few.answers, few.coverage) == (rare, 0.5, None, None)
        assert few.decision == ("present" if p > 0.5 else "absent")
        assert "not calibrated" in explanation.to_text(n_diagnoses=3)
