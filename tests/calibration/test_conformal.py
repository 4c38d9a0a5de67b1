"""ConformalSets against the definition, and coverage of new patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.calibration import ConformalSets
from ecgsk.exceptions import ECGError


def in_set(score, scores, whose, coverage):
    """Mass 1 / (K + 1) per patient, divided among records, and at infinity."""
    patients = np.unique(whose)
    masses = {patient: 1 / (len(patients) + 1) / np.sum(whose == patient) for patient in patients}
    mass_up_to = {s: sum(masses[w] for w in whose[scores <= s]) for s in scores}
    candidates = [s for s, mass in mass_up_to.items() if mass >= coverage - 1e-9]
    return score <= min(candidates, default=np.inf)


@given(
    records=st.lists(
        st.tuples(st.integers(0, 10), st.sampled_from([0, 1, np.nan]), st.integers(0, 6)),
        min_size=1,
        max_size=30,
    ),
    coverage=st.sampled_from([0.5, 0.625, 0.75, 0.9]),
)
def test_equals_the_definition(records, coverage):
    p, y, groups = np.array(records, dtype=float).T
    p = p / 10
    grid = np.linspace(0, 1, 21)
    sets = ConformalSets(coverage).fit(p, y, groups).predict_sets(grid)[:, 0]
    for value, score_of in ((0, lambda p: p), (1, lambda p: -p)):
        rows = y == value
        expected = [in_set(score_of(q), score_of(p[rows]), groups[rows], coverage) for q in grid]
        assert sets[:, value].tolist() == expected


def draw(rng, n_patients):
    """Patients of one class: clear ones have many records, doubtful ones two."""
    ease = rng.normal(size=n_patients)
    groups = np.repeat(np.arange(n_patients), np.where(ease > 0, 20, 2))
    return 1 / (1 + np.exp(-ease[groups] - 0.3 * rng.normal(size=len(groups)))), groups


@pytest.mark.parametrize("value", [0, 1])
def test_coverage_holds_by_patient_and_fails_by_record(value):
    hits = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        (P, groups), (P_test, test_groups) = draw(rng, 30), draw(rng, 100)
        if value == 0:
            P, P_test = 1 - P, 1 - P_test
        weight = 1 / np.bincount(test_groups)[test_groups]
        for by in (groups, None):
            conformal = ConformalSets(0.9).fit(P, np.full(len(P), value), by)
            covered = conformal.predict_sets(P_test)[:, 0, value]
            hits.append(np.average(covered, weights=weight))
    by_patient, by_record = np.reshape(hits, (-1, 2)).mean(axis=0)
    # The guarantee is from 0.9 to 0.9 + 1 / (K + 1) without ties.
    assert 0.895 < by_patient < 0.95
    assert by_record < 0.7


def test_sets_hold_a_class_of_too_few_patients():
    P, Y = np.linspace(0.01, 0.99, 108), np.append(np.zeros(100), np.ones(8))
    groups = np.arange(108)
    sets = ConformalSets(0.9).fit(P, Y, groups)
    assert sets.n_patients_.tolist() == [[100, 8]]
    assert sets.predict_sets(P)[:, 0, 1].all()
    assert not sets.predict_sets(P)[:, 0, 0].all()
    assert not sets.predict_sets(P, coverage=0.8)[:, 0, 1].all()
    # A coverage of 0.9 needs nine patients.
    nine = ConformalSets(0.9).fit(np.append(P, 0.5), np.append(Y, 1))
    assert not nine.predict_sets(P)[:, 0, 1].all()


def test_unmeasured_label_gets_both_answers():
    Y = np.column_stack([np.full(4, np.nan), [0, 1, 0, 1]])
    P = np.tile([[0.2], [0.8]], (2, 2))
    assert ConformalSets(0.5).fit(P, Y).predict_sets(P)[:, 0].all()


def test_strictly_rising_maps_change_no_set():
    rng = np.random.default_rng(0)
    P = rng.random((300, 2))
    Y = (rng.random(P.shape) < P).astype(float)
    groups = rng.integers(60, size=300)
    sets, of_cubes = (ConformalSets(0.8).fit(p, Y, groups).predict_sets(p) for p in (P, P**3))
    np.testing.assert_array_equal(sets, of_cubes)
    assert not sets.all()


def test_more_coverage_gives_larger_sets():
    rng = np.random.default_rng(0)
    P = rng.random((500, 1))
    conformal = ConformalSets(0.6).fit(P, rng.random(P.shape) < P)
    low, high = conformal.predict_sets(P), conformal.predict_sets(P, 0.95)
    assert (high >= low).all()
    assert high.sum() > low.sum()
    np.testing.assert_array_equal(low, conformal.predict_sets(P, 0.5951))  # rounded up


@pytest.mark.parametrize("coverage", [0, 1, 90, -0.1, 0.999])
def test_invalid_coverage_is_refused(coverage):
    with pytest.raises(ECGError, match="coverage above 0 and up to"):
        ConformalSets(coverage).fit([0.1, 0.2], [0, 1])
    with pytest.raises(ECGError, match="expected a coverage"):
        ConformalSets().fit([0.1, 0.2], [0, 1]).predict_sets([0.5], coverage)
