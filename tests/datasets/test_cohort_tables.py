"""Tables that describe a cohort."""

import numpy as np

from ecgsk.datasets.cohort_tables import characteristics, missingness, part_table, prevalences


def test_part_table_counts_records_and_subjects(small_cohort):
    table = part_table(small_cohort)
    assert table["records"].to_dict() == {"train": 2, "validation": 1, "test": 1}
    assert table["subjects"].tolist() == [1, 1, 1]
    del small_cohort["split"]
    assert part_table(small_cohort).empty


def test_missingness_counts_every_column(small_cohort):
    table = missingness(small_cohort).set_index(["kind", "name"])
    assert table.loc[("input", "age"), "missing"] == 0.25
    assert table.loc[("input", "age"), "missing in test"] == 1
    assert table.loc[("laboratory target", "potassium"), "known"] == 1
    assert table.loc[("diagnoses", "any diagnosis known"), "known"] == 3


def test_prevalences_are_of_known_labels_in_parts_and_folds(small_cohort):
    labs = prevalences(small_cohort, small_cohort.lab_abnormalities).set_index("label")
    assert labs.loc["potassium low", ["positive", "known", "prevalence"]].tolist() == [1, 1, 1]
    labels = prevalences(small_cohort, small_cohort.Y).set_index("label")
    assert labels.index.tolist() == ["<b>", "I48"]  # the most frequent first
    assert labels.loc["I48", ["positive", "known"]].tolist() == [1, 3]
    np.testing.assert_allclose(labels.loc["I48", "prevalence"], 1 / 3)
    columns = ["train", "validation", "test", "fold 1", "fold 2", "fold 3"]
    assert labels.columns.tolist()[3:] == columns
    expected = [0.5, 0, np.nan, 0.5, 0, np.nan]
    np.testing.assert_allclose(labels.loc["I48", columns].astype(float), expected)


def test_characteristics_are_medians_and_counts(small_cohort):
    table = characteristics(small_cohort).set_index("characteristic")
    assert table.loc["records"].tolist() == ["4", "2", "1", "1"]
    assert table.loc["age, median [quartiles]", "all"] == "60 [52, 60.5]"
    assert table.loc["sex: F, n (%)", "all"] == "2 (66.7%)"
    assert table.loc["smoker: True, n (%)", "train"] == "1 (50.0%)"
    assert table.loc["smoker: True, n (%)", "test"] == ""  # no record has a value


def test_characteristics_of_flags_are_counts(small_cohort):
    small_cohort["X"] = small_cohort.X.assign(diabetes=[1.0, 0.0, np.nan, 1.0])
    table = characteristics(small_cohort).set_index("characteristic")
    assert table.loc["diabetes, n (%)", "all"] == "2 (66.7%)"
    assert "diabetes, median [quartiles]" not in table.index
