"""LabAbnormalityExplainer.explain: records, probabilities, ranges, evidence."""

import copy
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from ecgsk import LabAbnormalityExplainer
from ecgsk.exceptions import SignalQualityWarning
from ecgsk.preprocessing import LabAbnormality
from ecgsk.signals import ECGArray
from ecgsk.signals.storage import ArrayStorage

pytestmark = pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")

LABS = ["potassium", "creatinine", "haemoglobin", "ph", "troponin"]


@pytest.fixture(scope="module")
def labs(cohort):
    return cohort.labs[LABS]


@pytest.fixture(scope="module")
def targets(labs, ranges):
    return LabAbnormality(ranges).fit_transform(labs)


@pytest.fixture(scope="module")
def explainer(frozen, X, labs, ranges):
    return LabAbnormalityExplainer(frozen, reference_ranges=ranges).fit(X, labs)


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
def test_explains_frames_series_and_ecg_arrays(explainer, X, what):
    ecgs = {"frame": X[:2], "series": X["ecg"][:2], "array": X["ecg"].array[:2]}[what]
    first = explainer.explain(ecgs)[0]
    assert first.ecg == X["ecg"].iloc[0]
    assert first.laboratories == explainer.explain(X[:2])[0].laboratories


def test_explain_needs_a_fit_and_named_laboratories(frozen, X):
    with pytest.raises(NotFittedError):
        LabAbnormalityExplainer(frozen).explain(X)
    binary = LabAbnormalityExplainer(frozen).fit(X, (X["age"] > 60).astype(int))
    with pytest.raises(
        ValueError, match="fitted on a y that does not name laboratories; explain needs"
    ):
        binary.explain(X)


def test_explain_refuses_targets_without_names(frozen, X, targets):
    model = LabAbnormalityExplainer(frozen).fit(X, targets.to_numpy())
    with pytest.raises(ValueError, match="fitted on a y that does not name laboratories"):
        model.explain(X)


@pytest.mark.parametrize(
    "ranges",
    [{"potassium": (3.5, 5.1)}, (3.5, 5.1)],
    ids=["mapping", "pair"],
)
def test_reference_ranges_as_mapping_or_pair(frozen, X, labs, ranges):
    model = LabAbnormalityExplainer(frozen, reference_ranges=ranges)
    finding = model.fit(X, labs[["potassium"]]).explain(X[:1])[0].laboratories[0]
    assert (finding.laboratory, finding.direction) == ("potassium", "low")
    assert (finding.low, finding.high, finding.unit) == (3.5, 5.1, "")


def predictions(explanation):
    """Everything but the record's name and its signal."""
    return explanation.diagnoses, explanation.laboratories


INDEXES = {
    "other numbers": lambda n: pd.Index(range(100, 100 - n, -1)),
    "names": lambda n: pd.Index([f"visit {i}" for i in range(n)]),
    "repeated names": lambda n: pd.Index(["visit"] * n),
    "patient and visit": lambda n: pd.MultiIndex.from_arrays([[7] * n, range(n)]),
    "times": lambda n: pd.date_range("2020-01-01", periods=n, freq="h"),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
def test_records_are_named_by_the_index(explainer, X, index):
    plain = X[["ecg"]].iloc[3:7]
    frame = plain.set_axis(index(4))
    explained = explainer.explain(frame)
    assert [e.record for e in explained] == frame.index.tolist()
    assert [predictions(e) for e in explained] == [predictions(e) for e in explainer.explain(plain)]
    assert [e.ecg for e in explained] == list(frame["ecg"])
    assert explained.to_frame()["record"].drop_duplicates().tolist() == list(
        dict.fromkeys(frame.index)
    )
    json.dumps(explained.to_dict(), allow_nan=False)


def test_probabilities_equal_predict_proba_of_both_models(explainer, classifier, X):
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


def test_predicted_equals_predict(classifier, X, labs, ranges):
    frame = X[["ecg"]]
    model = copy.deepcopy(classifier)
    # Thresholds that predict some labels and not others.
    model.thresholds_ = np.sort(model.predict_proba(frame), axis=0)[14:16].mean(axis=0)
    explained = (
        LabAbnormalityExplainer(FrozenEstimator(model), reference_ranges=ranges)
        .fit(X, labs)
        .explain(frame)
    )
    predicted = [[d.predicted for d in e.diagnoses] for e in explained]
    np.testing.assert_array_equal(predicted, model.predict(frame).astype(bool))
    assert 0 < np.mean(predicted) < 1
    assert [d.threshold for d in explained[0].diagnoses] == model.thresholds_.tolist()


def test_single_and_batch_explanations_agree(explainer, X):
    frame = X[["ecg"]].iloc[:5]
    among, alone = explainer.explain(frame)[2], explainer.explain(frame.iloc[[2]])[0]
    assert (among.record, among.ecg) == (alone.record, alone.ecg)
    for one, other in zip(predictions(among), predictions(alone), strict=True):
        assert [item.name for item in one] == [item.name for item in other]
        assert [item.probability for item in one] == pytest.approx(
            [item.probability for item in other], abs=1e-6
        )


def test_table_changes_no_prediction(explainer, X):
    shuffled = X[:4].drop(columns="ecg").iloc[::-1].set_axis(X.index[:4])
    other_table = pd.concat([shuffled, X[["ecg"]].iloc[:4]], axis=1)
    bare = explainer.explain(X[["ecg"]].iloc[:4])
    for table in (X.iloc[:4], other_table):
        both = zip(explainer.explain(table), bare, strict=True)
        assert [replace(e, patient=alone.patient) for e, alone in both] == list(bare)


def test_age_sex_and_heart_rate_are_shown(explainer, X):
    table = X[["ecg"]].iloc[:2].assign(age=[61.4, np.nan], male=1.0)
    first, second = explainer.explain(table)
    assert first.patient["age"] == "61 years"
    assert first.patient["sex"] == second.patient["sex"] == "male"
    assert "age" not in second.patient
    assert re.fullmatch(r"heart rate \d+/min", first.patient["heart rate"])
    for shown in (first.to_text(), first.to_html()):
        assert f"ECG {first.record}: 61 years, male, heart rate" in shown
    assert first.to_dict()["patient"] == first.patient


def test_what_is_recorded_stands_beside_the_predictions(explainer, X, labs, targets):
    asked = X[["ecg"]].iloc[:4]
    explained = explainer.explain(asked, labs.iloc[:4])
    for e, (_, known) in zip(explained, targets.iloc[:4].iterrows(), strict=True):
        for f in e.laboratories:
            assert f.recorded == (None if np.isnan(known[f.name]) else bool(known[f.name]))
        is_measured = any(f.recorded is not None for f in e.laboratories)
        assert ("recorded: " in e.to_text(n_laboratories=99)) is is_measured
        assert ("Recorded" in e.to_html()) is is_measured
    assert any(f.recorded is not None for e in explained for f in e.laboratories)
    for nothing in (None, labs.iloc[:4] * np.nan):
        assert "Recorded" not in explainer.explain(asked, nothing)[0].to_html()


def test_recorded_diagnoses_and_titles_are_shown(explainer, X, Y):
    name = Y.columns[0]
    (explained,) = explainer.explain(
        X[["ecg"]].iloc[:1], diagnoses=Y.iloc[:1], titles={name: "Title <of> it"}
    )
    assert [d.recorded for d in explained.diagnoses] == [bool(v) for v in Y.iloc[0]]
    assert "Title <of> it" in explained.to_text(n_diagnoses=99)
    assert "Title &lt;of&gt; it" in explained.to_html()
    assert explained.to_dict()["diagnoses"][0]["name"] == name


def test_population_of_the_training_is_said_everywhere(make_classifier, X, Y, labs, ranges):
    X = X.copy()
    X.attrs["population"] = "simulated patients"
    model = make_classifier().fit(X, Y)
    explainer = LabAbnormalityExplainer(FrozenEstimator(model), reference_ranges=ranges)
    (explained,) = explainer.fit(X, labs).explain(X[["ecg"]].iloc[:1])
    assert model.training_population_ == "simulated patients"
    assert explained.to_dict()["model"]["training_population"] == "simulated patients"
    assert "Training population: simulated patients" in explained.to_text()
    assert "Nothing here says anything about a real patient" in explained.to_html()


def test_plain_arrays_get_row_numbers_and_no_signal(make_classifier, X, Y, labs, ranges):
    x = X["ecg"].ecg.to_numpy()
    model = make_classifier().fit(x, Y)
    explainer = LabAbnormalityExplainer(FrozenEstimator(model), reference_ranges=ranges).fit(
        x, labs
    )
    explained = explainer.explain(x[4:7])
    assert [e.record for e in explained] == [0, 1, 2]
    assert [e.ecg for e in explained] == [None] * 3
    p = model.predict_proba(x[4:7])
    listed = [[d.probability for d in e.diagnoses] for e in explained]
    np.testing.assert_allclose(listed, p, rtol=1e-6)
    p = explainer.predict_proba(x[4:7])
    assert [[f.probability for f in e.laboratories] for e in explained] == p.tolist()
    with pytest.raises(ValueError, match="expected a signal; got none"):
        explained[0].plot()
    # The same samples with lead names: equal predictions, and a picture.
    named = explainer.explain(X[["ecg"]].iloc[4:7])
    assert [predictions(e) for e in named] == [predictions(e) for e in explained]
    assert named[0].plot().axes


def test_models_of_values_and_targets_explain_equally(explainer, frozen, X, labs, ranges):
    targets = LabAbnormality(ranges).fit_transform(labs)
    frame = X[["ecg"]].iloc[:3]
    from_targets = LabAbnormalityExplainer(frozen, reference_ranges=ranges).fit(X, targets)
    assert list(from_targets.explain(frame)) == list(explainer.explain(frame))
    without_ranges = LabAbnormalityExplainer(frozen).fit(X, targets).explain(frame)
    for without, with_ranges in zip(without_ranges, explainer.explain(frame), strict=True):
        assert without.diagnoses == with_ranges.diagnoses
        assert {f.reference for f in without.laboratories} == {""}
        assert "reference" not in without.to_text()
        for one, other in zip(without.laboratories, with_ranges.laboratories, strict=True):
            assert (one.name, one.probability, one.base_rate) == (
                other.name,
                other.probability,
                other.base_rate,
            )


def test_findings_show_their_reference_range(explainer, X):
    by_name = {f.name: f for f in explainer.explain(X[["ecg"]].iloc[:1])[0].laboratories}
    assert by_name["potassium high"].reference == "3.5-5.1 mmol/L"
    assert by_name["creatinine high"].reference == "up to 1.25 mg/dL"
    assert by_name["haemoglobin low"].reference == "from 11.5 g/dL"
    assert by_name["ph low"].reference == "7.33-7.45"
    assert "creatinine low" not in by_name


@pytest.mark.parametrize("unit", ["missing", "no column"])
def test_range_without_unit(frozen, X, labs, ranges, unit):
    ranges = ranges.assign(unit=np.nan) if unit == "missing" else ranges[["low", "high"]]
    model = LabAbnormalityExplainer(frozen, reference_ranges=ranges).fit(X, labs)
    explanation = model.explain(X[["ecg"]].iloc[:1])[0]
    by_name = {f.name: f.reference for f in explanation.laboratories}
    assert by_name["potassium high"] == "3.5-5.1"
    assert {f.unit for f in explanation.laboratories} == {""}
    assert "nan" not in explanation.to_text()


@pytest.mark.filterwarnings("ignore:.*no record has a value:UserWarning")
def test_unmeasured_target_is_not_named_in_text(frozen, X, labs, ranges):
    model = LabAbnormalityExplainer(frozen, reference_ranges=ranges)
    model.fit(X, labs.assign(potassium=np.nan))
    explanation = model.explain(X[["ecg"]].iloc[:1])[0]
    findings = {f.name: f for f in explanation.laboratories}
    assert np.isnan(findings["potassium high"].base_rate)
    assert "potassium" not in explanation.to_text(n_laboratories=50)
    rates = {f["laboratory"]: f["base_rate"] for f in explanation.to_dict()["laboratories"]}
    assert rates["potassium"] is None
    json.dumps(explanation.to_dict(), allow_nan=False)
    explanation.plot()


def test_picture_shows_the_explained_record(explainer, X):
    frame = X[["ecg"]].iloc[[6, 3]]
    figure = explainer.explain(frame)[1].plot()
    line = next(line for line in figure.axes[0].lines if line.get_gid() == "lead-II-row3")
    leads = list(X["ecg"].ecg.leads)
    signal = frame["ecg"].iloc[1].signal[leads.index("II")]
    drawn = line.get_ydata()
    np.testing.assert_allclose(drawn - drawn[0], 10 * (signal - signal[0]), atol=1e-4)


def test_explainer_without_classifier_has_no_diagnoses(make_pretrainer, X, cohort):
    ranges = cohort.reference_ranges
    targets = LabAbnormality(ranges).fit_transform(cohort.labs[["potassium", "ph"]])
    explainer = LabAbnormalityExplainer(make_pretrainer(), reference_ranges=ranges).fit(X, targets)
    explanation = explainer.explain(X[["ecg"]].iloc[[3]])[0]
    assert explanation.diagnoses == ()
    assert [f.name for f in explanation.laboratories] == list(targets)
    p = explainer.predict_proba(X[["ecg"]].iloc[[3]])[0]
    assert [f.probability for f in explanation.laboratories] == p.tolist()
    assert explanation.to_text().splitlines()[2].startswith("Laboratory abnormalities")
    assert len(explanation.plot().axes) == 2


class CountingStorage(ArrayStorage):
    """Counts the reads of each row."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reads = np.zeros(len(self), dtype=int)

    def read(self, rows):
        np.add.at(self.reads, rows, 1)
        return super().read(rows)

    def read_raw(self, rows):
        np.add.at(self.reads, rows, 1)
        return super().read_raw(rows)


@pytest.mark.parametrize("form", ["frame", "series", "array"])
def test_each_signal_is_read_once(explainer, X, form):
    ecg = X["ecg"].array
    storage = CountingStorage(ecg.read(), ecg.leads, ecg.sampling_rate, gain=1.0)
    ecg = ECGArray(storage)[[5, 2, 9, 7]]
    frame = pd.DataFrame({"ecg": ecg}, index=list("abcd"))
    given = {"frame": frame, "series": frame["ecg"], "array": ecg}[form]
    storage.reads[:] = 0  # pandas reads to print, not here
    explained = explainer.explain(given, n_attributions=1)
    explained.to_html()
    explained[0].plot()
    assert storage.reads[[5, 2, 9, 7]].tolist() == [1, 1, 1, 1]
    assert storage.reads.sum() == 4
    assert [e.ecg for e in explained] == list(ecg)


def test_explain_leaves_x_unchanged(explainer, X):
    frame = X.iloc[:3].copy()
    before = frame["ecg"].array.storage
    explainer.explain(frame)
    assert frame["ecg"].array.storage is before


def test_flat_leads_and_other_orders_are_attributed_as_predicted(explainer, classifier, X):
    """A flat lead counts as missing; leads are found by name."""
    signal = X["ecg"].ecg.to_numpy()[:1].copy()
    signal[:, 4] = 0.1
    leads = list(X["ecg"].ecg.leads)
    order = np.random.default_rng(0).permutation(len(leads))
    explained = []
    for numbers in (np.arange(len(leads)), order):
        ecg = ECGArray.from_numpy(
            signal[:, numbers], leads=[leads[i] for i in numbers], sampling_rate=100
        )
        with pytest.warns(SignalQualityWarning):
            explained += explainer.explain(pd.DataFrame({"ecg": ecg}), n_attributions=1)
    (one,), (other,) = (e.attributions for e in explained)
    np.testing.assert_array_equal(one.values, other.values)
    assert one.leads == other.leads
    assert one.leads[leads[4]] == 0
    assert np.abs(one.values).max() > 0
