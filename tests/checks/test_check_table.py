"""The public linter: what it finds, what it leaves alone, and how it tells."""

import numpy as np
import pandas as pd
import pytest

from ecgsk import check_table
from ecgsk.datasets import Cohort, load_brugada_huca, load_ludb
from ecgsk.exceptions import AlignmentError, ECGError
from ecgsk.signals import ECGArray


def found(report):
    """Pairs of kind and columns, without notes."""
    return {
        (finding.kind, *map(str, finding.columns))
        for finding in report.findings
        if finding.severity != "note"
    }


def test_clean_cohort_has_no_finding(clean):
    report = check_table(clean.X, clean.Y, clean.labs, clean.groups)
    assert len(report) == 0
    assert report.to_frame().empty
    assert "nothing found" in str(report)
    assert report.signals_read


def test_cohort_gives_its_own_tables(clean):
    assert len(check_table(clean)) == 0
    ranges = clean.reference_ranges.copy()
    ranges.loc["potassium", ["low", "high"]] = 135, 145  # those of sodium
    bad = Cohort(clean.X, clean.Y, labs=clean.labs, reference_ranges=ranges)
    assert found(check_table(bad)) == {("reference range", "potassium")}


@pytest.mark.real_data
def test_real_databases(real_data):
    assert len(check_table(load_ludb(real_data / "ludb"))) == 0
    # Three pairs of patients of the published files have the same samples.
    (twice,) = check_table(load_brugada_huca(real_data / "brugada_huca")).findings
    assert (twice.kind, twice.n_records) == ("duplicate signal", 3)


def test_scikit_learns_tables_are_clean():
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

    for load in (load_diabetes, load_wine, load_breast_cancer):
        data = load(as_frame=True)
        assert found(check_table(data.data, data.target)) == set(), load.__name__
    # One measurement does separate one of the three irises from the others.
    data = load_iris(as_frame=True)
    petals = {("label", "petal length (cm)"), ("label", "petal width (cm)")}
    assert found(check_table(data.data, data.target)) == petals


def test_all_kinds_at_once_are_shown_as_text_frame_and_html(table):
    bad = table.rename(columns={"subject_id": "patient_id"}).assign(
        **{"<b>": [f"files/p{i}/s{i}" for i in range(len(table))]}
    )
    report = check_table(bad)
    assert found(report) == {("identifier", "patient_id"), ("path", "<b>")}
    frame = report.to_frame()
    assert list(frame) == ["severity", "kind", "columns", "n_records", "message", "mend"]
    assert (frame["severity"] == "error").all()
    assert "group_column='patient_id'" in str(report)
    assert "<b>" not in report._repr_html_()
    assert "&lt;b&gt;" in report._repr_html_()
    assert len(report.errors) == 2
    assert report.warnings == ()


def test_columns_of_our_readers_are_not_clinical(table):
    read = table.assign(
        record=[f"p/{i}" for i in range(len(table))],
        ecg_time=pd.Timestamp("2020-01-01"),
        dx="426783006",
    )
    report = check_table(read)
    assert found(report) == set()
    assert report.clinical_columns == ("age", "sex", "potassium", "visits")
    assert report.left_out == ("record", "ecg_time", "dx")
    assert "4 clinical columns (without record, ecg_time, dx)" in str(report)


def test_a_named_column_is_meant(table):
    ward = table.assign(ward_id=np.arange(len(table)) % 40, answer=np.arange(len(table)) % 3 == 0)
    y = ward["answer"].to_numpy().astype(int)
    assert found(check_table(ward, y)) == {
        ("identifier", "ward_id"),
        ("label", "answer"),
    }
    assert found(check_table(ward, y, clinical_columns=["age", "ward_id", "answer"])) == set()
    # Free text is never meant.
    text = table.assign(report=[f"atrial fibrillation of rate {i}" for i in range(len(table))])
    named = check_table(text, clinical_columns=["age", "report"])
    assert found(named) == {("text", "report")}


def test_labels_by_position_in_another_order_are_refused(table):
    y = pd.DataFrame({"af": np.arange(len(table)) % 2}, index=table.index[::-1])
    with pytest.raises(AlignmentError):
        check_table(table, y)
    with pytest.raises(ECGError, match="expected Y with the 120 rows of X, got 119"):
        check_table(table, np.zeros(119))
    with pytest.raises(ECGError, match="expected X as a DataFrame, got ndarray"):
        check_table(table.to_numpy())


class TestSignals:
    @pytest.fixture
    def ecgs(self, clean):
        return clean.X[["ecg", "subject_id"]].iloc[:40]

    def with_copy(self, ecgs, of, to):
        x = ecgs["ecg"].array.read()
        x[to] = x[of]
        ecg = ecgs["ecg"].array
        copy = ECGArray.from_numpy(x, sampling_rate=ecg.sampling_rate, leads=ecg.leads)
        return ecgs.assign(ecg=copy)

    def test_a_signal_of_two_patients(self, ecgs):
        patients = ecgs["subject_id"].to_numpy()
        of, to = 0, int(np.flatnonzero(patients != patients[0])[0])
        (twice,) = check_table(self.with_copy(ecgs, of, to)).findings
        assert (twice.kind, twice.severity, twice.n_records) == ("duplicate signal", "warning", 1)

    def test_a_signal_twice_in_one_patient_is_a_note(self, ecgs):
        one = ecgs.assign(subject_id=1)
        (twice,) = check_table(self.with_copy(one, 0, 1)).findings
        assert (twice.kind, twice.severity) == ("duplicate signal", "note")

    def test_flat_and_missing_records_are_not_equal_signals(self, ecgs):
        ecg = ecgs["ecg"].array
        x = ecg.read()
        x[:3], x[3:6] = 0, np.nan
        flat = ECGArray.from_numpy(x, sampling_rate=ecg.sampling_rate, leads=ecg.leads)
        assert len(check_table(ecgs.assign(ecg=flat))) == 0

    def test_signals_are_not_read_unless_wanted(self, ecgs, monkeypatch):
        monkeypatch.setattr(ECGArray, "read", lambda *a, **k: pytest.fail("a signal was read"))
        assert not check_table(ecgs, signals=False).signals_read


class TestAgainst:
    @pytest.fixture
    def other(self, table):
        return table.assign(subject_id=table["subject_id"] + 1000)

    def test_clean_sides(self, table, other):
        assert len(check_table(table, against=other)) == 0

    def test_patients_on_both_sides(self, table, other):
        other.loc[3:5, "subject_id"] = table.loc[3:5, "subject_id"]
        (shared,) = check_table(table, against=other).findings
        assert (shared.kind, shared.severity, shared.n_records) == ("shared patients", "error", 3)

    def test_signals_on_both_sides(self, clean):
        X = clean.X[["ecg", "subject_id"]]
        one, other = X.iloc[:20], X.iloc[19:40].assign(subject_id="x")
        assert found(check_table(one, against=other)) == {("shared signals",)}

    def test_unknown_category(self, table, other):
        other["sex"] = other["sex"].astype(str).replace("F", "female")
        assert found(check_table(table, against=other)) == {("unknown category", "sex")}

    def test_missing_column_and_other_unit(self, table, other):
        other = other.drop(columns="sex").assign(potassium=other["potassium"] * 39.1)
        kinds = found(check_table(table, against=other))
        assert kinds == {("missing column", "sex"), ("other range", "potassium")}
