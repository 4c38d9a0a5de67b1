"""The filter of training patients: what it detects, and what an attacker learns from it."""

import copy
import pickle
import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk._leakage import (
    SeenPatients,
    hash_patients,
    remember_patients,
    warn_of_seen_patients,
)
from ecgsk.exceptions import LeakageWarning

STRANGERS = hash_patients([f"stranger {i}" for i in range(4000)])


def seen_in_training(patients) -> SeenPatients:
    seen = remember_patients(np.asarray(patients), np.arange(len(patients)))
    assert seen is not None
    return seen


def reloaded(seen: SeenPatients) -> SeenPatients:
    return pickle.loads(pickle.dumps(seen))


def mimic_like_ids(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(10_000_000, n, replace=False) + 10_000_000


@given(st.sets(st.integers(0, 10**10), min_size=1, max_size=300))
def test_training_patients_are_always_reported(patients):
    seen = reloaded(seen_in_training(list(patients)))
    assert seen.reports(hash_patients(list(patients))).all()
    assert seen.n_patients == len(patients)


@given(st.sets(st.integers(0, 10**6), min_size=20, max_size=300))
def test_false_positive_rate_is_that_of_strangers(patients):
    seen = seen_in_training(list(patients))
    assert seen.reports(STRANGERS).mean() == pytest.approx(seen.false_positive_rate, abs=0.05)
    assert 0.15 < seen.false_positive_rate < 0.5


def test_enumeration_of_identifiers_yields_mostly_strangers():
    """All 10-digit numbers, sampled: cost and yield of the attack on a saved model.

    A salted hash of 64 bits gave 200 of 200 patients and no stranger at the same cost.
    """
    n_patients, n_tried = 200, 50_000
    patients = mimic_like_ids(n_patients, seed=0)
    seen = reloaded(seen_in_training(patients))
    tried = np.random.default_rng(1).integers(10**9, 10**10, n_tried)
    start = time.perf_counter()
    n_reported = seen.reports(hash_patients(tried)).sum()
    hours = (time.perf_counter() - start) / n_tried * 9e9 / 3600
    n_candidates = n_reported / n_tried * 9e9
    assert hours > 0.1  # of one core; the filter, not the cost, protects the patients
    assert n_candidates > 1e9
    assert n_patients / n_candidates < 1e-6
    # Eight digits, as in MIMIC-IV: one of 16,000 candidates is a patient.
    tried = np.random.default_rng(2).choice(10_000_000, n_tried, replace=False) + 10_000_000
    share = seen.reports(hash_patients(tried)).mean()
    assert n_patients / (share * 1e7) < 1 / 10_000


def test_odds_of_a_known_identifier_rise_by_the_stated_factor_at_most():
    patients, strangers = np.split(mimic_like_ids(8000, seed=3), 2)
    seen = reloaded(seen_in_training(patients))
    n_false = seen.reports(hash_patients(strangers)).sum()
    assert 4000 / n_false == pytest.approx(1 / seen.false_positive_rate, rel=0.1)
    assert 1 / seen.false_positive_rate < 4.6


def test_two_models_of_one_patient_report_the_same_strangers():
    """With a salt, the strangers left by k models would be a share of rate**k."""
    patients = mimic_like_ids(3000, seed=4)
    strangers = hash_patients(mimic_like_ids(20_000, seed=5))
    models = [seen_in_training(patients), seen_in_training(patients[:2900])]
    both = np.all([reloaded(seen).reports(strangers) for seen in models], axis=0)
    assert both.mean() > 0.9 * models[1].false_positive_rate


@pytest.mark.parametrize("n_seen", [60, 150, 200])
def test_an_overlap_is_estimated_after_loading(n_seen):
    training = mimic_like_ids(5000, seed=6)
    others = [f"another hospital {i}" for i in range(200 - n_seen)]
    n, estimate, is_exact = reloaded(seen_in_training(training)).count(
        [*training[:n_seen].tolist(), *others]
    )
    assert n == 200
    assert not is_exact
    assert estimate == pytest.approx(n_seen, abs=25)


def test_honest_test_sets_are_rarely_warned_about():
    seen = reloaded(seen_in_training(mimic_like_ids(500, seed=7)))
    counts = [
        seen.count([f"set {number}, patient {i}" for i in range(100)])[1] for number in range(200)
    ]
    assert np.count_nonzero(counts) <= 2  # 0.2 expected


def test_one_seen_patient_is_found_in_the_process_of_the_fit_only():
    seen = seen_in_training(np.arange(100))
    test_set = [5, *range(1000, 1100)]
    with pytest.warns(LeakageWarning, match="trained on 1 of the 101 patients"):
        warn_of_seen_patients("Model", test_set, copy.deepcopy(seen))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_seen_patients("Model", test_set, reloaded(seen))


def test_a_loaded_filter_says_that_its_count_is_an_estimate():
    seen = reloaded(seen_in_training(np.arange(100)))
    with pytest.warns(LeakageWarning, match="trained on about 100 of the 100 calibration patients"):
        warn_of_seen_patients("Model", np.arange(100), seen, use="calibrated")


@given(
    st.sets(st.integers(0, 10**6), min_size=1, max_size=200),
    st.sets(st.integers(0, 10**6), min_size=1, max_size=20),
    st.booleans(),
)
def test_merged_filters_report_the_patients_of_both(first, second, is_loaded):
    later, earlier = (seen_in_training(list(patients)) for patients in (first, second))
    merged = later.merge(reloaded(earlier) if is_loaded else earlier)
    assert merged.reports(hash_patients([*first, *second])).all()
    assert merged.n_records == len(first)
    if is_loaded:
        assert merged.n_patients >= len(first | second)
    else:
        assert merged.n_patients == len(first | second)


def test_pickles_hold_no_hashes():
    patients = mimic_like_ids(300, seed=8)
    content = pickle.dumps(seen_in_training(patients))
    for hashed in hash_patients(patients).tolist():
        assert hashed.to_bytes(8, "big") not in content
        assert hashed.to_bytes(8, "little") not in content
    assert len(content) < 500


def test_a_filter_takes_few_bytes_and_little_time():
    patients = mimic_like_ids(160_000, seed=9)
    start = time.perf_counter()
    seen = seen_in_training(patients)
    assert time.perf_counter() - start < 10  # 0.3 s on one free core
    assert seen.bits.nbytes == 65_536


@pytest.mark.parametrize(
    "bits", [np.zeros(3, np.uint8), np.zeros(0, np.uint8), np.zeros(4), np.zeros((2, 2), np.uint8)]
)
def test_damaged_filters_are_refused(bits):
    with pytest.raises(ValueError, match=r"expected bits as uint8, a power of two of them; got"):
        SeenPatients(2, 3, bits)
