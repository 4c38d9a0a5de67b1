"""Sides of a cohort and the stages that are fitted on them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.cli._stages import choose_sides, read_targets
from ecgsk.datasets import Cohort
from ecgsk.exceptions import ECGError, PatientLeakageError


def make_cohort(n_patients=40, per_patient=2, **entries):
    """Records without signals: sides and targets need none."""
    patients = np.repeat(np.arange(n_patients), per_patient)
    X = pd.DataFrame({"age": 50.0, "subject_id": patients})
    Y = pd.DataFrame({"a": (patients % 3 == 0) * 1.0, "b": (patients % 2) * 1.0})
    return Cohort(**{"X": X, "Y": Y, **entries})


def patients_of(cohort, rows):
    return set(cohort.groups.iloc[rows])


@given(
    n_patients=st.integers(30, 60),
    per_patient=st.integers(1, 3),
    val_size=st.floats(0.3, 0.8),
    seed=st.integers(0, 9),
)
def test_sides_share_no_patient_and_hold_every_record(n_patients, per_patient, val_size, seed):
    cohort = make_cohort(n_patients, per_patient)
    sides = choose_sides(cohort, val_size=val_size, seed=seed)
    rows = [part for _, part in sides.items()]
    assert sorted(np.concatenate(rows)) == list(range(len(cohort.X)))
    assert sum(len(patients_of(cohort, part)) for part in rows) == n_patients
    assert all(map(len, rows))


def test_one_patient_is_too_few_to_calibrate_on():
    with pytest.raises(ECGError, match="at least 2 patients to calibrate on; got 1"):
        choose_sides(make_cohort(8), val_size=0.25)


def test_equal_seeds_give_equal_sides():
    first, second, other = (choose_sides(make_cohort(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, second.test)
    assert not np.array_equal(first.test, other.test)


def test_named_folds_are_calibration_and_test():
    cohort = make_cohort()
    sides = choose_sides(cohort, val_fold=[9], test_fold=[10])
    assert set(cohort.folds.iloc[sides.calibration]) == {9}
    assert set(cohort.folds.iloc[sides.test]) == {10}
    assert set(cohort.folds.iloc[sides.train]) == set(range(1, 9))


def test_one_named_fold_is_halved_by_patient():
    cohort = make_cohort()
    sides = choose_sides(cohort, val_fold=[9, 10])
    held_out = np.concatenate([sides.calibration, sides.test])
    assert set(cohort.folds.iloc[held_out]) == {9, 10}
    assert not patients_of(cohort, sides.calibration) & patients_of(cohort, sides.test)
    assert "halves" in sides.source


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ({"val_fold": [11]}, "folds of the cohort as val_fold"),
        ({"val_fold": [1], "test_fold": [1]}, "cannot be scored"),
        ({"val_fold": [1, 2], "test_fold": range(3, 11)}, "no fold to train on"),
    ],
)
def test_folds_that_cannot_be_used_are_refused(folds, message):
    with pytest.raises(ECGError, match=message):
        choose_sides(make_cohort(), **folds)


def test_split_of_the_cohort_comes_before_a_random_one(capsys):
    patients = make_cohort().groups
    names = np.select([patients % 5 == 0, patients % 5 == 1], ["val", "test"], "train")
    cohort = make_cohort(split=pd.Series(names))
    sides = choose_sides(cohort)
    assert patients_of(cohort, sides.calibration) == set(range(0, 40, 5))
    assert patients_of(cohort, sides.test) == set(range(1, 40, 5))
    assert capsys.readouterr().out == ""
    again = choose_sides(cohort, val_size=0.5)
    assert patients_of(cohort, again.train) == patients_of(cohort, sides.train)
    assert "--val-size has no effect" in capsys.readouterr().out


def test_only_held_out_part_of_a_split_is_halved():
    patients = make_cohort().groups
    cohort = make_cohort(split=pd.Series(np.where(patients % 4 == 0, "test", "train")))
    sides = choose_sides(cohort)
    both = patients_of(cohort, sides.calibration) | patients_of(cohort, sides.test)
    assert both == set(range(0, 40, 4))
    assert min(len(sides.calibration), len(sides.test)) > 0


def test_split_with_too_few_known_test_patients_is_replaced(capsys):
    cohort = make_cohort()
    names = np.where(cohort.groups == 0, "test", np.where(cohort.groups == 1, "val", "train"))
    sides = choose_sides(make_cohort(split=pd.Series(names)))
    assert len(patients_of(cohort, sides.test)) > 1
    assert "too few patients" in capsys.readouterr().out


def test_split_with_a_patient_on_two_sides_is_refused():
    cohort = make_cohort(per_patient=3)
    names = ["train", "val", "test"] * 40
    with pytest.raises(PatientLeakageError):
        choose_sides(Cohort(**(dict(cohort) | {"split": pd.Series(names)})))


def test_three_patients_are_too_few():
    with pytest.raises(ECGError, match="at least 4 patients"):
        choose_sides(make_cohort(3))


def test_labels_with_one_class_in_training_are_left_out(capsys):
    cohort = make_cohort()
    cohort.Y["never"] = 0.0
    cohort.Y["unknown"] = np.nan
    targets = read_targets(cohort, np.arange(60))
    assert list(targets.diagnoses) == ["a", "b"]
    assert targets.laboratories is None
    assert "2 of 4 diagnoses (never, unknown)" in capsys.readouterr().out


def test_laboratory_values_become_low_and_high():
    labs = pd.DataFrame({"potassium": np.linspace(2.0, 6.0, 80)})
    ranges = pd.DataFrame({"low": 3.5, "high": 5.1, "unit": "mmol/L"}, index=["potassium"])
    targets = read_targets(make_cohort(labs=labs, reference_ranges=ranges), np.arange(80))
    assert list(targets.laboratories) == ["potassium low", "potassium high"]


def test_without_diagnoses_and_pretraining_no_stage_trains_the_encoder():
    labs = pd.DataFrame({"potassium": np.linspace(2.0, 6.0, 80)})
    ranges = pd.DataFrame({"low": 3.5, "high": 5.1, "unit": "mmol/L"}, index=["potassium"])
    Y = pd.DataFrame(index=range(80))
    cohort = make_cohort(Y=Y, labs=labs, reference_ranges=ranges)
    with pytest.raises(ECGError, match="nothing trains the encoder"):
        read_targets(cohort, np.arange(80), pretrain=False)


def test_cohort_without_targets_has_nothing_to_learn():
    cohort = make_cohort(Y=pd.DataFrame(index=range(80)))
    with pytest.raises(ECGError, match="nothing to learn"):
        read_targets(cohort, np.arange(60))
