"""Titles of ICD-10 codes."""

import gzip


def test_titles_of_the_codes_and_their_ancestors(hospital):
    path = hospital.folder / "hosp" / "d_icd_diagnoses.csv.gz"
    rows = "I48,10,Atrial fibrillation and flutter\nI4801,9,wrong version\nI48.0,10, Paroxysmal\n"
    path.write_bytes(gzip.compress(f"icd_code,icd_version,long_title\n{rows}".encode()))
    cohort = hospital.load(targets={"icd_digits": 5})
    titles = cohort.label_titles
    assert titles.index.equals(cohort.Y.columns)
    assert titles["I48"] == "Atrial fibrillation and flutter"
    assert titles["I4801"] == ""
    assert titles["I480"].strip() == "Paroxysmal"


def test_no_titles_without_the_table(hospital):
    assert (hospital.load().label_titles == "").all()
