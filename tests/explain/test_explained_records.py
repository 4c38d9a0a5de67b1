"""LabAbnormalityExplainer.explain: whose record, which probability, against which range."""

import copy
import json

import numpy as np
import pandas as pd
import pytest

from ecgsk import LabAbnormalityExplainer
from ecgsk.preprocessing import LabAbnormality

LABS = ["potassium", "creatinine", "haemoglobin", "ph"]


@pytest.fixture(scope="module")
def labs(cohort):
    return cohort.labs[LABS]


@pytest.fixture(scope="module")
def ranges(cohort):
    return cohort.reference_ranges


@pytest.fixture(scope="module")
def explainer(classifier, X, labs, ranges):
    return LabAbnormalityExplainer(classifier, reference_ranges=ranges).fit(X, labs)


def said(explanation):
    """Everything but the record's name and its signal."""
    return explanation.diagnoses, explanation.laboratories


INDEXES = {
    "numbers from elsewhere": lambda n: pd.Index(range(100, 100 - n, -1)),
    "names": lambda n: pd.Index([f"visit {i}" for i in range(n)]),
    "names that repeat": lambda n: pd.Index(["visit"] * n),
    "patient and visit": lambda n: pd.MultiIndex.from_arrays([[7] * n, range(n)]),
    "times": lambda n: pd.date_range("2020-01-01", periods=n, freq="h"),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
def test_records_are_named_by_the_index(explainer, X, index):
    plain = X[["ecg"]].iloc[3:7]
    frame = plain.set_axis(index(4))
    explained = explainer.explain(frame)
    assert [e.record for e in explained] == frame.index.tolist()
    assert [said(e) for e in explained] == [said(e) for e in explainer.explain(plain)]
    assert [e.ecg for e in explained] == list(frame["ecg"])
    assert explained.to_frame()["record"].drop_duplicates().tolist() == list(
        dict.fromkeys(frame.index)
    )
    json.dumps(explained.to_dict(), allow_nan=False)


def test_probabilities_are_those_of_the_two_models(explainer, classifier, X):
    frame = X[["ecg"]].iloc[[8, 1, 4]]
    table = explainer.explain(frame).to_frame()
    for kind, model in (("diagnosis", classifier), ("laboratory", explainer)):
        part = table[table["kind"] == kind].pivot(
            index="record", columns="name", values="probability"
        )
        expected = pd.DataFrame(
            model.predict_proba(frame), frame.index, model.label_names_
        ).sort_index()
        pd.testing.assert_frame_equal(
            part[model.label_names_].rename_axis(index=None, columns=None), expected
        )


def test_predicted_is_what_predict_says(classifier, X, labs, ranges):
    frame = X[["ecg"]]
    model = copy.deepcopy(classifier)
    # Thresholds so that some labels are predicted, and some are not.
    model.thresholds_ = np.sort(model.predict_proba(frame), axis=0)[14:16].mean(axis=0)
    explained = LabAbnormalityExplainer(model, reference_ranges=ranges).fit(X, labs).explain(frame)
    predicted = [[d.predicted for d in e.diagnoses] for e in explained]
    np.testing.assert_array_equal(predicted, model.predict(frame).astype(bool))
    assert 0 < np.mean(predicted) < 1
    assert [d.threshold for d in explained[0].diagnoses] == model.thresholds_.tolist()


def test_one_record_reads_as_among_many(explainer, X):
    frame = X[["ecg"]].iloc[:5]
    among, alone = explainer.explain(frame)[2], explainer.explain(frame.iloc[[2]])[0]
    assert (among.record, among.ecg) == (alone.record, alone.ecg)
    for one, other in zip(said(among), said(alone), strict=True):
        assert [item.name for item in one] == [item.name for item in other]
        assert [item.probability for item in one] == pytest.approx(
            [item.probability for item in other], abs=1e-6
        )


def test_the_table_is_not_looked_at(explainer, X):
    shuffled = X[:4].drop(columns="ecg").iloc[::-1].set_axis(X.index[:4])
    other_table = pd.concat([shuffled, X[["ecg"]].iloc[:4]], axis=1)
    bare = explainer.explain(X[["ecg"]].iloc[:4])
    assert list(explainer.explain(X.iloc[:4])) == list(bare)
    assert list(explainer.explain(other_table)) == list(bare)


def test_plain_arrays_have_numbers_and_no_signal(make_classifier, X, Y, labs, ranges):
    x = X["ecg"].ecg.to_numpy()
    model = make_classifier().fit(x, Y)
    explainer = LabAbnormalityExplainer(model, reference_ranges=ranges).fit(x, labs)
    explained = explainer.explain(x[4:7])
    assert [e.record for e in explained] == [0, 1, 2]
    assert [e.ecg for e in explained] == [None] * 3
    p = model.predict_proba(x[4:7])
    told = [[d.probability for d in e.diagnoses] for e in explained]
    np.testing.assert_allclose(told, p, rtol=1e-6)
    p = explainer.predict_proba(x[4:7])
    assert [[f.probability for f in e.laboratories] for e in explained] == p.tolist()
    with pytest.raises(ValueError, match="no signal to draw"):
        explained[0].plot()
    # The same samples under names and a unit: the same words, and a picture.
    named = explainer.explain(X[["ecg"]].iloc[4:7])
    assert [said(e) for e in named] == [said(e) for e in explained]
    assert named[0].plot().axes


def test_values_and_targets_explain_alike(explainer, classifier, X, labs, ranges):
    targets = LabAbnormality(ranges).fit_transform(labs)
    frame = X[["ecg"]].iloc[:3]
    from_targets = LabAbnormalityExplainer(classifier, reference_ranges=ranges).fit(X, targets)
    assert list(from_targets.explain(frame)) == list(explainer.explain(frame))
    unjudged = LabAbnormalityExplainer(classifier).fit(X, targets).explain(frame)
    for without, with_ranges in zip(unjudged, explainer.explain(frame), strict=True):
        assert without.diagnoses == with_ranges.diagnoses
        assert {f.reference for f in without.laboratories} == {""}
        assert "reference" not in without.to_text()
        for one, other in zip(without.laboratories, with_ranges.laboratories, strict=True):
            assert (one.name, one.probability, one.base_rate) == (
                other.name,
                other.probability,
                other.base_rate,
            )


def test_ranges_stand_with_their_findings(explainer, X):
    by_name = {f.name: f for f in explainer.explain(X[["ecg"]].iloc[:1])[0].laboratories}
    assert by_name["potassium high"].reference == "3.5-5.1 mmol/L"
    assert by_name["creatinine high"].reference == "up to 1.25 mg/dL"
    assert by_name["haemoglobin low"].reference == "from 11.5 g/dL"
    assert by_name["ph low"].reference == "7.33-7.45"
    assert "creatinine low" not in by_name


@pytest.mark.parametrize("unit", ["missing", "no column"])
def test_a_range_without_a_unit(classifier, X, labs, ranges, unit):
    ranges = ranges.assign(unit=np.nan) if unit == "missing" else ranges[["low", "high"]]
    model = LabAbnormalityExplainer(classifier, reference_ranges=ranges).fit(X, labs)
    explanation = model.explain(X[["ecg"]].iloc[:1])[0]
    by_name = {f.name: f.reference for f in explanation.laboratories}
    assert by_name["potassium high"] == "3.5-5.1"
    assert {f.unit for f in explanation.laboratories} == {""}
    assert "nan" not in explanation.to_text()


def test_what_nobody_was_measured_for_is_not_named(classifier, X, labs, ranges):
    model = LabAbnormalityExplainer(classifier, reference_ranges=ranges)
    model.fit(X, labs.assign(potassium=np.nan))
    explanation = model.explain(X[["ecg"]].iloc[:1])[0]
    findings = {f.name: f for f in explanation.laboratories}
    assert np.isnan(findings["potassium high"].base_rate)
    assert "potassium" not in explanation.to_text(n_laboratories=50)
    rates = {f["laboratory"]: f["base_rate"] for f in explanation.to_dict()["laboratories"]}
    assert rates["potassium"] is None
    json.dumps(explanation.to_dict(), allow_nan=False)
    explanation.plot()


def test_the_picture_is_of_the_record_explained(explainer, X):
    frame = X[["ecg"]].iloc[[6, 3]]
    figure = explainer.explain(frame)[1].plot()
    line = next(line for line in figure.axes[0].lines if line.get_gid() == "lead-II-row3")
    leads = list(X["ecg"].ecg.leads)
    signal = frame["ecg"].iloc[1].signal[leads.index("II")]
    drawn = line.get_ydata()
    np.testing.assert_allclose(drawn - drawn[0], 10 * (signal - signal[0]), atol=1e-4)
