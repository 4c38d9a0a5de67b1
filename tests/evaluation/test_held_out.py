"""Test records of a comparison: counts, p-values and default edges of age."""

import numpy as np
import pandas as pd

from ecgsk.evaluation._held_out import HeldOut, age_edges


def test_counts_are_records_and_patients_of_each_label(comparison, X, Y):
    table = comparison.per_label().groupby("label").first()
    rows = comparison.test
    for label, y in Y.iloc[rows].items():
        patients = X["subject_id"].iloc[rows]
        expected = [len(y), y.sum(), patients.nunique(), patients[y == 1].nunique()]
        counts = ["n_records", "n_positive", "n_patients", "n_positive_patients"]
        assert table.loc[label, counts].tolist() == expected


def test_rare_labels_have_no_p_value_and_do_not_enter_the_correction():
    rng = np.random.default_rng(0)
    n = 120
    Y = pd.DataFrame(
        {"rare": np.arange(n) < 9, "common": np.arange(n) % 2, "other": np.arange(n) < 60}
    )
    held_out = HeldOut(Y.astype(float), np.arange(n), pd.DataFrame(index=Y.index), 200)
    good = Y.to_numpy() * 0.5 + rng.random(Y.shape) * 0.5
    table = held_out.compare(good, rng.random(Y.shape), "roc_auc", "benjamini_hochberg")
    assert table["p_value"].isna().tolist() == [True, False, False]
    tested = table.drop("rare")
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    assert tested["p_adjusted"].max() <= 2 * tested["p_value"].max()
    assert (tested["p_adjusted"] < 0.05).all()
    assert table.loc["rare", "difference"] > 0


def test_numeric_age_has_default_edges():
    assert age_edges(pd.DataFrame({"age": [50.0], "sex": ["F"]})) == {"age": (40, 65)}
    assert age_edges(pd.DataFrame({"age": ["old"]})) == age_edges(pd.DataFrame()) == {}
