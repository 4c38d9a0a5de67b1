"""Loader of the PhysioNet/CinC Challenges on made and real records."""

import re

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import load_challenge
from ecgsk.exceptions import DurationError, ECGError, SamplingRateError

AF, RBBB, COMPLETE_RBBB, NOT_SCORED = "164889003", "59118001", "713427006", "413844008"


@pytest.fixture
def tree(tmp_path, write_record):
    for name, comments in {
        "cpsc/A0001": ["Age: 74", "Sex: Male", f"Dx: {AF},{RBBB}"],
        "georgia/E00001": ["Age: NaN", "Sex: Unknown", f"Dx: {COMPLETE_RBBB}"],
        "georgia/E00002": ["Age: 31", "Sex: Female", f"Dx: {NOT_SCORED}"],
        "georgia/E00003": ["Age: 55", "Sex: F", "Dx: Unknown"],
    }.items():
        write_record(name, comments=comments)
    return tmp_path


def test_scored_labels_merge_equal_classes(tree):
    cohort = load_challenge(tree)
    nan = np.nan
    assert cohort.Y.columns.tolist() == ["AF", "RBBB"]  # complete RBBB is RBBB
    np.testing.assert_array_equal(cohort.Y, [[1, 1], [0, 1], [0, 0], [nan, nan]])
    records = ["cpsc/A0001", "georgia/E00001", "georgia/E00002", "georgia/E00003"]
    assert cohort.X.index.tolist() == cohort.groups.tolist() == records
    np.testing.assert_array_equal(cohort.X["age"], [74, nan, 31, 55])
    assert cohort.X["sex"].isna().tolist() == [False, True, False, False]
    assert cohort.X["sex"].dropna().tolist() == ["M", "F", "F"]
    assert cohort.codes["code"].tolist() == [AF, COMPLETE_RBBB, RBBB]
    assert "each record counts as its own" in cohort.DESCR


def test_all_labels_are_codes(tree):
    X, Y = load_challenge(tree, labels="all", return_X_y=True)
    assert X.attrs["population"] == "patients of the PhysioNet/CinC Challenge"
    assert Y.columns.tolist() == sorted([AF, RBBB, COMPLETE_RBBB, NOT_SCORED])
    assert Y[NOT_SCORED].tolist()[:3] == [0, 0, 1]
    assert Y.index.equals(X.index)
    assert load_challenge(tree, labels="all").codes["name"].tolist() == [
        "atrial fibrillation",
        "complete right bundle branch block",
        "right bundle branch block",
    ]


def test_class_that_a_source_never_states_is_nan(tmp_path, write_record):
    sinus, bradycardia, poor_r_wave = "426783006", "426177001", "365413008"
    for name in ["JS10646", "JS10647", "A0001", "PATIENT7", "x12"]:
        write_record(name, comments=[f"Dx: {sinus}"])
    write_record("A0002", comments=[f"Dx: {bradycardia}"])  # CPSC has none in the table of codes
    write_record("JS20000", comments=[f"Dx: {AF},{poor_r_wave}"])
    cohort = load_challenge(tmp_path)
    records = ["A0001", "A0002", "JS10646", "JS10647", "JS20000", "PATIENT7", "x12"]
    assert cohort.Y.index.tolist() == records
    sources = ["CPSC", "CPSC", "Chapman-Shaoxing", "Ningbo", "Ningbo"]
    assert cohort.source.tolist()[:5] == sources
    assert cohort.source[5:].isna().all()
    nan = np.nan
    expected = {
        "AF": [0, 0, 0, nan, 1, 0, 0],
        "NSR": [1, 0, 1, 1, 0, 1, 1],
        "PRWP": [nan, nan, nan, 0, 1, 0, 0],
        "SB": [nan, 1, 0, 0, 0, 0, 0],
    }
    pd.testing.assert_frame_equal(cohort.Y, pd.DataFrame(expected, cohort.Y.index, dtype=float))
    negative = load_challenge(tmp_path, unstated="negative").Y
    assert negative.equals(cohort.Y.fillna(0))


def test_other_rates_and_lengths_need_parameters(tree, write_record):
    write_record("ptb/S0001", rate=1000, seconds=2, comments=[f"Dx: {AF}"])
    with pytest.raises(SamplingRateError, match=r"500 Hz \(4 records\), 1000 Hz \(1 records\)"):
        load_challenge(tree)
    with pytest.raises(DurationError, match="Pass duration=1"):
        load_challenge(tree, sampling_rate=500)
    cohort = load_challenge(tree, sampling_rate=500, duration=2)
    signals = cohort.X["ecg"].ecg.to_numpy()
    assert signals.shape == (5, 12, 1000)
    missing = np.isnan(signals).all(axis=1)
    assert missing[0].tolist() == [False] * 500 + [True] * 500  # one second is padded
    assert not missing[4].any()


def test_headers_may_lack_age_and_sex(tmp_path, write_record):
    write_record("A0001", comments=[f"Dx: {AF}"])
    X = load_challenge(tmp_path).X
    assert X[["age", "sex"]].isna().all(axis=None)
    assert X["sex"].dtype == pd.CategoricalDtype(["F", "M"])


def test_invalid_input_is_rejected(tree, write_record):
    with pytest.raises(ECGError, match="expected labels='scored' or 'all', got 'rhythm'"):
        load_challenge(tree, labels="rhythm")
    with pytest.raises(ECGError, match="unstated='missing' or 'negative', got 'zero'"):
        load_challenge(tree, unstated="zero")
    with pytest.raises(ECGError, match="no label has min_count=3 ECGs; the most frequent has 2"):
        load_challenge(tree, min_count=3)
    write_record("other/1", comments=["Age: 55"])
    with pytest.raises(ECGError, match=r"no header in .*other has a line '#Dx:'"):
        load_challenge(tree / "other")


@pytest.mark.real_data
def test_real_records(real_data):
    folder = real_data / "cinc2021"
    cohort = load_challenge(folder, labels="all", sampling_rate=500, duration=10)
    assert str(cohort.X["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    headers = sorted(folder.rglob("*.hea"))
    assert cohort.broken == []
    assert len(cohort.X) == len(headers) == 70
    for header in headers:
        text = header.read_text()
        codes = re.findall(r"\d{6,}", re.search(r"# ?Dx: (.*)", text)[1])
        row = cohort.Y.loc[header.relative_to(folder).with_suffix("").as_posix()]
        assert sorted(row.index[row == 1]) == sorted(set(codes))
        age = re.search(r"# ?Age: (\d+)", text)
        assert age is None or cohort.X.loc[row.name, "age"] == float(age[1])
    scored = load_challenge(folder, unstated="negative", sampling_rate=500, duration=10)
    pd.testing.assert_series_equal(scored.Y["AF"], cohort.Y[AF], check_names=False)
    masked = load_challenge(folder, sampling_rate=500, duration=10).Y
    assert masked.fillna(0).equals(scored.Y)
    assert masked["AF"].isna().equals(scored.source == "Ningbo")
    assert scored.source.value_counts().to_dict() == {
        "CPSC": 10, "CPSC-Extra": 10, "Chapman-Shaoxing": 10, "Ningbo": 10,
        "Georgia": 10, "PTB": 10, "PTB-XL": 10,
    }  # fmt: skip
    signals = cohort.X["ecg"].ecg.to_numpy()
    # Einthoven's law holds in mV.
    first = signals[0]
    assert np.nanmax(np.abs(first[0] + first[2] - first[1])) < 0.01
    assert 0.1 < np.nanmax(np.abs(first)) < 5
