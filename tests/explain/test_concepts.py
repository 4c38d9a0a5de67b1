"""Concept directions and permutations."""

import numpy as np

from ecgsk.explain import _concepts
from ecgsk.explain._concepts import ConceptSpace, shuffles


def test_shuffles_keep_records_of_a_patient_together():
    patients = np.array([4, 0, 0, 1, 1, 4, 2, 3])
    for order in shuffles(patients, 20, np.random.RandomState(0)):
        assert sorted(order) == list(range(8))
        for patient in (0, 1, 4):
            rows = order[patients == patient]
            assert len(set(patients[rows])) == 1
            assert list(rows) == sorted(rows)  # records keep their order
    assert len({tuple(order) for order in shuffles(patients, 50, np.random.RandomState(0))}) == 12


def test_deletion_removes_the_concept_alone():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))
    space = ConceptSpace.fit(embedding)
    z = space.coordinates(embedding)
    np.testing.assert_allclose(z @ space.back + space.mean, embedding)
    concept = space.concepts(z, (embedding[:, :1] > 0).astype(float))
    score = z @ concept.filters[0]
    deleted = z - np.outer(score, concept.patterns[0])
    np.testing.assert_allclose(deleted.T @ score, 0, atol=1e-8)
    other = rng.normal(size=6)
    other -= concept.filters[0] * (other @ concept.patterns[0])
    np.testing.assert_allclose(deleted @ other, z @ other)  # orthogonal readers are unchanged


def test_wide_embeddings_use_their_largest_axes(monkeypatch):
    """Fewer axes, or fewer records than features, give nearly equal scores."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(300, 10)) * np.geomspace(8, 1, 10)
    embedding = hidden @ rng.normal(size=(10, 400)) + 0.1 * rng.normal(size=(300, 400))
    labels = (hidden[:, :3] + rng.normal(size=(300, 3)) > 0).astype(float)
    found = {}
    for n_axes in (400, 350, 20):
        monkeypatch.setattr(_concepts, "_N_AXES", n_axes)
        space = ConceptSpace.fit(embedding)
        concepts = space.concepts(space.coordinates(embedding), labels)
        found[n_axes] = space.coordinates(embedding) @ concepts.filters.T
        assert len(space.variance) == min(n_axes, 299 if n_axes == 350 else 400)
    np.testing.assert_allclose(found[350], found[400], atol=1e-4)
    np.testing.assert_allclose(found[20], found[400], atol=0.01)
    assert np.abs(found[400]).max() > 1
