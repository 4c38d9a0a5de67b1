"""SimilarPatients: nearest patients, anonymous."""

import json

import numpy as np
import pandas as pd
import pytest

import ecgsk
from ecgsk.explain import SimilarPatients


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.fixture(scope="module")
def training():
    """Thirty records of ten patients; one patient has half of them."""
    rng = np.random.default_rng(0)
    patients = ["P-hidden"] * 15 + [f"Q-{i % 9}-hidden" for i in range(15)]
    diagnoses = pd.DataFrame({"sepsis": rng.choice([0, 1, np.nan], 30), "COPD": 1})
    table = pd.DataFrame(
        {
            "potassium": np.where(np.arange(30) % 3, rng.normal(4, 1, 30), np.nan),
            "sex": pd.Categorical(rng.choice(["female", "male"], 30)),
            "smoker": pd.array([True, None] * 15, dtype="boolean"),
            "name": [f"name of {patient}" for patient in patients],
            "born": pd.Timestamp("1950-01-01"),
        },
        index=range(100, 130),
    )
    return rng.normal(size=(30, 6)), patients, diagnoses, table


@pytest.fixture(scope="module")
def similar(training):
    return SimilarPatients().fit(*training)


def test_each_patient_is_found_once_by_the_nearest_record(similar, training):
    embedding, patients, _, table = training
    query = embedding[3] + 0.1
    found = similar.find(query[None], n_patients=10)[0]
    by_patient = pd.Series([cosine(query, e) for e in embedding]).groupby(patients).max()
    expected = by_patient.sort_values(ascending=False)
    np.testing.assert_allclose([f.similarity for f in found], expected, atol=2e-3)
    assert len({f.patient for f in found}) == 10
    assert found[0].table["sex"] == table["sex"].iloc[3]


def test_patient_with_many_records_does_not_hide_others(similar, training):
    query = np.mean(training[0][:15], axis=0)[None]
    assert [len(similar.find(query, n)[0]) for n in (1, 2, 5, 10, 50)] == [1, 2, 5, 10, 10]


def test_shows_present_diagnoses_and_measured_values(similar, training):
    embedding, _, diagnoses, table = training
    for row in (0, 1, 2, 20):
        nearest = similar.find(embedding[[row]], 1)[0][0]
        assert nearest.similarity == pytest.approx(1, abs=1e-3)
        known = ("sepsis", "COPD") if diagnoses["sepsis"].iloc[row] == 1 else ("COPD",)
        assert nearest.diagnoses == known
        assert set(nearest.table) <= {"potassium", "sex", "smoker"}
        assert ("potassium" in nearest.table) == (row % 3 != 0)
        assert ("smoker" in nearest.table) == (row % 2 == 0)
        json.dumps(nearest.table)  # plain values
    assert list(table.columns) == ["potassium", "sex", "smoker", "name", "born"]  # as it was


def test_hashes_differ_between_fits_and_names_are_not_kept(similar, training):
    assert "hidden" not in repr(similar.__getstate__())
    again = SimilarPatients().fit(*training)
    assert not set(again.patients_) & set(similar.patients_)


def test_saved_and_loaded_is_equal(similar, training, tmp_path):
    ecgsk.save(similar, tmp_path / "similar")
    loaded = ecgsk.load(tmp_path / "similar")
    assert loaded.find(training[0][:4]) == similar.find(training[0][:4])


def test_embeddings_alone_are_enough():
    nearest = SimilarPatients().fit(np.eye(3), [1, 2, 3]).find(np.eye(3)[:1], 1)[0][0]
    assert (nearest.diagnoses, nearest.table) == ((), {})
    assert SimilarPatients().fit(np.eye(3), [1, 2, 3]).find(np.empty((0, 3))) == []


@pytest.mark.parametrize(
    ("embedding", "patients", "message"),
    [
        (np.eye(3), [1, 2], "equal numbers of rows"),
        (np.eye(3)[:0], [], "at least one"),
        (np.full((2, 3), np.nan), [1, 2], "finite"),
    ],
)
def test_invalid_training_records_are_refused(embedding, patients, message):
    with pytest.raises(ValueError, match=message):
        SimilarPatients().fit(embedding, patients)


@pytest.mark.parametrize(
    ("embedding", "n_patients", "message"),
    [
        (np.eye(3), 2, "6 features"),
        (np.ones((1, 6)), 0, ">= 1"),
        (np.full((1, 6), np.inf), 2, "finite"),
    ],
)
def test_invalid_queries_are_refused(similar, embedding, n_patients, message):
    with pytest.raises(ValueError, match=message):
        similar.find(embedding, n_patients)


def test_nearest_rows_equal_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    from ecgsk.explain._neighbours import _nearest_rows

    rng = np.random.default_rng(0)
    known, new = (rng.normal(size=(n, 8)).astype(np.float32) for n in (200, 7))
    search = NearestNeighbors(metric="cosine", algorithm="brute").fit(known)
    for n in (1, 12, 200):
        for found, expected in zip(
            _nearest_rows(new, known, n), search.kneighbors(new, n), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
