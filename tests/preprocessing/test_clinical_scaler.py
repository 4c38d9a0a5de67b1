"""The clinical table on one scale: ranks, levels, and NaN that stays NaN."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm, spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import QuantileTransformer

from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import ClinicalScaler

NAN = np.nan


def fit_transform(**columns) -> np.ndarray:
    table = pd.DataFrame(columns)
    return ClinicalScaler().fit(table).transform(table)


@given(
    hnp.arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e9, 1e9) | st.just(NAN)).filter(
        lambda x: np.isfinite(x).any()
    )
)
def test_numbers_keep_order_and_gaps_and_stay_within_three(values):
    out = fit_transform(x=values)[:, 0]
    assert out.dtype == np.float32
    known = ~np.isnan(values)
    if len(values) >= 20 and known.sum() < 5:  # too few patients to keep their values
        known[:] = False
    np.testing.assert_array_equal(~np.isnan(out), known)
    if not known.any():
        return
    assert np.abs(out[known]).max() <= 3
    order = np.argsort(values[known], kind="stable")
    assert (np.diff(out[known][order]) >= 0).all()


@pytest.mark.parametrize(("n", "tolerance"), [(5000, 0.05), (2000, 0.2), (100, 1.1)])
def test_scores_are_normal_whatever_the_distribution(n, tolerance):
    rng = np.random.default_rng(0)
    skewed = np.exp(2 * rng.normal(size=n))
    out = fit_transform(x=skewed)[:, 0]
    assert spearmanr(out, skewed).statistic == pytest.approx(1, abs=1e-3)
    expected = norm.ppf((np.argsort(np.argsort(skewed)) + 0.5) / n)
    np.testing.assert_allclose(out, np.clip(expected, -3, 3), atol=tolerance)
    inner = np.abs(expected) < 1.5
    np.testing.assert_allclose(out[inner], expected[inner], atol=min(tolerance, 0.3))


def test_an_outlier_does_not_move_other_scores():
    values = np.linspace(0, 1, 101)
    extreme = values.copy()
    extreme[-1] = 1e9
    np.testing.assert_array_equal(fit_transform(x=extreme), fit_transform(x=values))


def test_new_patients_are_scored_against_the_fitted_ones():
    scaler = ClinicalScaler().fit(pd.DataFrame({"x": np.arange(101.0)}))
    out = scaler.transform(pd.DataFrame({"x": [-5, 50, 500, NAN]}))
    np.testing.assert_allclose(out[:, 0], [-3, 0, 3, NAN], atol=1e-6)


LEVELS = {
    "category": pd.Categorical(["m", "f", None, "m"]),
    "object": np.array(["m", "f", None, "m"], dtype=object),
    "string": pd.array(["m", "f", None, "m"], dtype="string"),
    "str": pd.Series(["m", "f", None, "m"]),
}


@pytest.mark.parametrize("kind", LEVELS)
def test_each_level_becomes_a_column_of_minus_one_and_one(kind):
    out = fit_transform(sex=LEVELS[kind])
    np.testing.assert_array_equal(out, [[-1, 1], [1, -1], [NAN, NAN], [-1, 1]])


@pytest.mark.parametrize(
    "values",
    [
        pd.array([True, None, False], dtype="boolean"),
        np.array([True, None, False], dtype=object),
        pd.Categorical([True, None, False]),
    ],
)
def test_booleans_may_be_missing(values):
    out = fit_transform(on_ward=values)
    np.testing.assert_array_equal(out, [[-1, 1], [NAN, NAN], [1, -1]])


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([1.0, None, 3.0], dtype="Float64"),
        np.array([1, None, 3.0], dtype=object),
        np.array([1, NAN, 3], dtype=np.float32),
        pd.Series([1, None, 3], dtype="float64[pyarrow]"),
    ],
)
def test_numbers_of_every_dtype(values):
    np.testing.assert_array_equal(fit_transform(x=values), [[-3], [NAN], [3]])


def test_a_level_unseen_in_training_is_missing():
    scaler = ClinicalScaler().fit(pd.DataFrame({"sex": ["m", "f"]}))
    out = scaler.transform(pd.DataFrame({"sex": pd.Categorical(["x", "f"])}))
    np.testing.assert_array_equal(out, [[NAN, NAN], [1, -1]])


def test_names_follow_the_matrix():
    table = pd.DataFrame({"sex": ["m", "f"], "age": [1.0, 2], "ward": [True, False], "k": [3, 4]})
    scaler = ClinicalScaler().fit(table)
    names = ["age", "k", "sex=f", "sex=m", "ward=False", "ward=True"]
    assert scaler.get_feature_names_out().tolist() == names
    assert scaler.transform(table).shape == (2, 6)


def test_columns_are_found_by_name():
    table = pd.DataFrame({"age": [1.0, 2, 3], "sex": ["m", "f", "f"]})
    scaler = ClinicalScaler().fit(table)
    shuffled = table[["sex", "age"]].assign(more=pd.Timestamp("2020-01-01"))
    np.testing.assert_array_equal(scaler.transform(shuffled), scaler.transform(table))


def test_rows_do_not_depend_on_each_other():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=50), "sex": rng.choice(["m", "f"], 50)})
    scaler = ClinicalScaler().fit(table)
    single = np.vstack([scaler.transform(table.iloc[[i]]) for i in range(50)])
    np.testing.assert_array_equal(single, scaler.transform(table))


def test_a_column_never_measured_stays_missing():
    out = fit_transform(x=[NAN, NAN], y=[1.0, 2.0], z=pd.Categorical([None, None]))
    np.testing.assert_array_equal(out, [[NAN, -3], [NAN, 3]])


def test_the_input_table_is_not_changed():
    table = pd.DataFrame({"x": [1.0, NAN], "sex": ["m", None]})
    before = table.copy(deep=True)
    ClinicalScaler().fit(table).transform(table)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.to_datetime(["2020-01-01", None]), "datetime64"),
        (np.array([pd.Timestamp("2020-01-01"), None], dtype=object), "datetime"),
        (pd.to_timedelta([1, 2], unit="s"), "timedelta64"),
        (np.array([1, "a"], dtype=object), "mixed-integer"),
        (pd.Series([[1], [2, 3]]), "mixed"),
    ],
)
def test_columns_that_are_neither_number_nor_category_are_refused(values, kind):
    message = rf"Column 'admitted' has dtype {kind}.*must be numeric, boolean, .*clinical_columns="
    with pytest.raises(TypeError, match=message):
        ClinicalScaler().fit(pd.DataFrame({"admitted": values}))


def test_text_that_is_no_category_is_refused():
    values = ["<3.0", *(f"{i / 7:.2f}" for i in range(30))]
    with pytest.raises(
        ECGError, match=r"ClinicalScaler: .* 'k' holds numbers as text, such as '<3"
    ):
        ClinicalScaler().fit(pd.DataFrame({"k": values}))
    with pytest.raises(ECGError, match="'seen' holds dates or times as text"):
        ClinicalScaler().fit(pd.DataFrame({"seen": ["2020-01-31", "2020-02-01", None]}))


def test_infinity_is_refused():
    table = pd.DataFrame({"x": [1.0, 2.0], "crp": [1.0, np.inf]})
    with pytest.raises(ValueError, match=r"Columns \['crp'\] hold infinity; .* is NaN"):
        ClinicalScaler().fit(table)
    scaler = ClinicalScaler().fit(table.replace(np.inf, 3))
    with pytest.raises(ValueError, match=r"\['crp'\] hold infinity"):
        scaler.transform(table)


def test_absent_columns_are_refused():
    scaler = ClinicalScaler().fit(pd.DataFrame({"x": [1.0, 2], "sex": ["m", "f"]}))
    with pytest.raises(ValueError, match=r"fitted on the columns .*\['sex'\] are not in X. Add"):
        scaler.transform(pd.DataFrame({"x": [1.0]}))


def test_text_in_a_numeric_column_is_refused():
    scaler = ClinicalScaler().fit(pd.DataFrame({"x": [1.0, 2]}))
    with pytest.raises(ValueError, match=r"Columns \['x'\] were numbers when fitted.*to_numeric"):
        scaler.transform(pd.DataFrame({"x": ["1.0", "high"]}))


def test_transform_before_fit_is_refused():
    with pytest.raises(NotFittedError):
        clone(ClinicalScaler()).transform(pd.DataFrame({"x": [1.0]}))


def kept_by(scaler) -> str:
    return " ".join(map(str, [*scaler.quantiles_.quantiles_.ravel(), scaler.levels_]))


def test_a_table_of_5000_patients_is_scaled_as_by_exact_quantiles():
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=5000), rng.poisson(2.0, 5000), np.exp(rng.normal(size=5000))]
    values = np.stack(columns, axis=1)
    values[rng.random(5000) < 0.3, 2] = NAN
    exact = QuantileTransformer(
        n_quantiles=1000, output_distribution="normal", random_state=0
    ).fit_transform(values)
    out = ClinicalScaler().fit_transform(values)
    np.testing.assert_array_equal(out[:, :2], np.clip(exact[:, :2], -3, 3).astype(np.float32))
    np.testing.assert_allclose(out[:, 2], np.clip(exact[:, 2], -3, 3), atol=0.1)


@pytest.mark.parametrize("n", [40, 100, 1000, 6000])
@pytest.mark.parametrize("n_records", [1, 7])
def test_extremes_of_one_patient_are_not_kept(n, n_records):
    rng = np.random.default_rng(0)
    values, patients = rng.normal(5, 1, n), np.arange(n)
    values[:n_records], values[-n_records:] = 987.654, -987.654
    patients[:n_records], patients[-n_records:] = 0, n - 1
    scaler = ClinicalScaler().fit(pd.DataFrame({"crp": values}), groups=patients)
    kept = scaler.quantiles_.quantiles_
    assert kept.min() > 0
    assert kept.max() < 10
    assert scaler.transform(pd.DataFrame({"crp": [987.654, -987.654]})).tolist() == [[3], [-3]]


def test_fewer_quantiles_than_patients_are_kept():
    rng = np.random.default_rng(0)
    values = rng.normal(size=300).round(6)
    kept = ClinicalScaler().fit(pd.DataFrame({"x": values})).quantiles_.quantiles_[:, 0]
    assert np.isin(values, kept).sum() <= 300 / 5
    # A column that few have, in a large table.
    rare = np.full(3000, NAN)
    rare[:300] = values
    kept = ClinicalScaler().fit(pd.DataFrame({"x": rare})).quantiles_.quantiles_[:, 0]
    assert np.isin(values, kept).sum() <= 300 / 5


def test_a_column_of_four_patients_is_missing():
    table = pd.DataFrame({"x": [*[1.5, 2.5, 3.5, 4.5] * 5, *[NAN] * 20]})
    patients = [*[0, 1, 2, 3] * 5, *range(4, 24)]
    scaler = ClinicalScaler().fit(table, groups=patients)
    assert np.isnan(scaler.transform(table)).all()
    assert "3.5" not in kept_by(scaler)
    assert not np.isnan(ClinicalScaler().fit_transform(table)[:20]).any()  # 20 patients


def test_levels_of_few_patients_are_pooled():
    wards = ["a"] * 10 + ["b"] * 8 + [f"Jane Doe, born {year}" for year in range(1950, 1956)]
    table = pd.DataFrame({"ward": wards})
    scaler = ClinicalScaler().fit(table)
    assert scaler.get_feature_names_out().tolist() == ["ward=a", "ward=b", "ward=(rare)"]
    rows = scaler.transform(pd.DataFrame({"ward": ["b", wards[-1], "unseen", None]}))
    np.testing.assert_array_equal(rows, [[-1, 1, -1], [-1, -1, 1], [-1, -1, 1], [NAN] * 3])


def test_a_rare_level_of_fewer_than_five_patients_is_missing():
    table = pd.DataFrame({"ward": ["a"] * 10 + ["b"] * 10 + ["Jane Doe"] * 6 + ["John Doe"]})
    scaler = ClinicalScaler().fit(table, groups=[*range(20), *[20] * 6, 21])
    assert scaler.levels_ == {"ward": ["a", "b"]}
    assert np.isnan(scaler.transform(table)[20:]).all()


def test_true_and_false_are_no_secret():
    table = pd.DataFrame({"on_dialysis": [True] + [False] * 30})
    assert ClinicalScaler().fit(table).levels_ == {"on_dialysis": [False, True]}


def test_groups_of_other_rows_are_refused():
    with pytest.raises(ECGError, match=r"ClinicalScaler.fit expected groups of shape \(3,\)"):
        ClinicalScaler().fit(pd.DataFrame({"x": [1.0, 2, 3]}), groups=[1, 2])
