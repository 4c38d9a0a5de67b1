"""Latent state of the simulator: subjects and visits."""

import pytest


def test_visits_share_chronic_causes_and_differ_in_acute_ones(cohort):
    visits = cohort.groups.value_counts()
    assert visits.min() == 1
    assert 4 <= visits.max() <= 8
    assert visits.mean() == pytest.approx(1.82, abs=0.15)
    assert cohort.groups.nunique() == 600
    by_subject = cohort.latent.groupby(cohort.groups)
    for name in ("age", "male", "old_infarct", "gain_V3", "shape_voltage"):
        assert (by_subject[name].nunique() == 1).all()
    assert (by_subject["potassium"].nunique() == visits.sort_index()).all()
