"""Stays of ECGs, and the first ECG of each stay."""

import numpy as np
import pytest

from ecgsk.datasets import MimicFolds, MimicTargets, load_mimic_iv


def test_later_ecgs_of_a_stay_are_dropped_outside_training(hospital):
    later = "20,3,3,2150-03-05 08:00:00,files/p20/s3/3\n"
    hospital.rewrite(
        "ecg/record_list", later, later + "10,4,4,2150-01-11 12:00:00,files/p10/s4/4\n"
    )
    hospital.write_record("p10/s4/4")
    split = {"split": (1, 1, 0)}
    seeds = [split | {"stratify": False, "random_state": seed} for seed in range(2)]
    kept = {tuple(hospital.load(folds=folds).study_id) for folds in seeds}
    assert kept == {(1, 2, 3), (1, 2, 3, 4)}  # without the later one where 10 is validation
    cohort = hospital.load(folds=split | {"first_per_stay": False})
    np.testing.assert_array_equal(cohort.ecg_no_within_stay, [0, np.nan, 0, 1])
    assert set(cohort.split[cohort.groups == 10]) != set(cohort.split[cohort.groups == 20])
    flow = hospital.load(folds=split).flow
    assert flow["left_out"].sum() == 4 - flow.loc["in the cohort", "records"]


@pytest.mark.real_data
def test_stays_split_and_flow_of_the_demo(demo, demo_cohort, demo_extension):
    targets = MimicTargets(min_count=5)
    everyone = load_mimic_iv(**demo, targets=targets, folds=MimicFolds(first_per_stay=False))
    number = everyone.ecg_no_within_stay
    assert number.fillna(-1).tolist() == demo_extension["ecg_no_within_stay"].tolist()
    fold = demo_extension["strat_fold"]
    parts = np.select([fold < 18, fold == 18], [0, 1], 2)
    assert everyone.split.cat.codes.tolist() == parts.tolist()
    # No later ECG of a stay lies in the demo's two last folds; with six of them some do.
    smaller = load_mimic_iv(**demo, targets=targets, folds=MimicFolds(split=(14, 3, 3)))
    for n_train, cohort in [(18, demo_cohort), (14, smaller)]:
        kept = demo_extension["study_id"][~((number > 0) & (fold >= n_train))]
        assert cohort.study_id.tolist() == kept.tolist()
        assert cohort.flow["records"].tolist() == [113, 113, len(kept)]
        assert cohort.flow["left_out"].tolist() == [0, 0, 113 - len(kept)]
        assert cohort.flow.loc["in the cohort", "subjects"] == cohort.groups.nunique()
    assert len(kept) < 113
