"""choose_thresholds against brute force."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.calibration import choose_thresholds
from ecgsk.exceptions import CalibrationWarning, ECGError


@st.composite
def samples(draw):
    """Labels of both classes, probabilities with ties, patients with several records."""
    n = draw(st.integers(2, 25))
    column = lambda elements: st.lists(elements, min_size=n, max_size=n)  # noqa: E731
    y = np.array([0, 1, *draw(column(st.sampled_from([0, 1, np.nan])))], dtype=float)
    p = np.array(draw(st.lists(st.integers(1, 9), min_size=n + 2, max_size=n + 2))) / 10
    groups = np.array(draw(st.lists(st.integers(0, 5), min_size=n + 2, max_size=n + 2)))
    return y, p, groups


def weigh(y, groups):
    """Return the weights that the docstring defines."""
    weight = np.zeros(len(y))
    for patient in np.unique(groups):
        measured = (groups == patient) & ~np.isnan(y)
        weight[measured] = 1 / max(measured.sum(), 1)
    return weight


def youden(y, predicted, weight):
    sensitivity = np.average(predicted[y == 1], weights=weight[y == 1])
    return sensitivity - np.average(predicted[y == 0], weights=weight[y == 0])


def f1(y, predicted, weight):
    return 2 * weight @ (y * predicted) / (weight @ y + weight @ predicted)


def ppv(y, predicted, weight):
    return np.average(y[predicted], weights=weight[predicted])


@pytest.mark.parametrize(("rule", "score"), [("f1", f1), ("youden", youden)])
@given(sample=samples())
def test_no_other_threshold_scores_higher(rule, score, sample):
    y, p, groups = sample
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # of labels that are not ranked
        threshold = choose_thresholds(y, p, rule, groups=groups)[0]
    seen, weight = ~np.isnan(y), weigh(y, groups)
    got = score(y[seen], p[seen] > threshold, weight[seen])
    # Predicting all records is among them; predicting none scores 0.
    every = [score(y[seen], p[seen] > t, weight[seen]) for t in np.arange(20) / 20]
    assert got == pytest.approx(max(every))


@given(sample=samples(), target=st.sampled_from([0.2, 0.5, 0.8]))
def test_ppv_rule_chooses_the_most_sensitive_threshold(sample, target):
    y, p, groups = sample
    seen, weight = ~np.isnan(y), weigh(y, groups)
    y, p, weight = y[seen], p[seen], weight[seen]
    candidates = [t for t in np.arange(20) / 20 if (p > t).any()]
    keeping = [t for t in candidates if ppv(y, p > t, weight) >= target - 1e-9]
    if not keeping:
        with pytest.warns(CalibrationWarning, match="no threshold reaches a PPV"):
            threshold = choose_thresholds(*sample[:2], ("ppv", target), groups=groups)[0]
        assert threshold == 1
        return
    threshold = choose_thresholds(*sample[:2], ("ppv", target), groups=groups)[0]
    assert ((p > threshold) == (p > min(keeping))).all()


def test_patients_weigh_equally():
    y = np.array([1, 1, 0, *[0] * 97])
    p = np.array([0.9, 0.5, 0.1, *[0.7] * 97])
    alone = choose_thresholds(y, p, "youden")[0]
    by_patient = choose_thresholds(y, p, "youden", groups=[0, 1, 2, *[3] * 97])[0]
    assert alone == pytest.approx(0.8)
    assert by_patient in (pytest.approx(0.3), pytest.approx(0.8))  # equal Youden indices
    f1_alone, f1_by_patient = (
        choose_thresholds(y, p, "f1", groups=groups)[0] for groups in (None, [0, 1, 2, *[3] * 97])
    )
    assert f1_alone == pytest.approx(0.8)
    assert f1_by_patient == pytest.approx(0.3)


def test_neighbouring_floats_are_separated():
    low = 0.3
    high = np.nextafter(low, 1)
    threshold = choose_thresholds([0, 1], [low, high])[0]
    assert low <= threshold < high


def test_labels_of_a_single_class_get_one_half():
    Y = np.array([[0, np.nan, 1], [0, np.nan, 1]])
    P = np.full_like(Y, 0.2)
    with pytest.warns(CalibrationWarning, match=r"single class: 0, 1, 2\."):
        assert (choose_thresholds(Y, P, "youden") == 0.5).all()
    with pytest.warns(CalibrationWarning, match=r"single class: 0, 1\."):
        assert choose_thresholds(Y, P, "f1") == pytest.approx([0.5, 0.5, 0.1])


def test_number_is_the_threshold_of_all_labels():
    assert choose_thresholds([[0, 1], [1, 0]], [[0.1, 0.2], [0.3, 0.4]], 0.3).tolist() == [0.3, 0.3]


@pytest.mark.parametrize("rule", ["F1", 0, 1.5, True, ("ppv", 2), ("npv", 0.5), None, ("ppv", "a")])
def test_unknown_rule_is_refused(rule):
    with pytest.raises(ECGError, match="expected a rule of"):
        choose_thresholds([0, 1], [0.1, 0.2], rule)


def test_logits_are_refused():
    with pytest.raises(ECGError, match="probabilities from 0 to 1"):
        choose_thresholds([0, 1], [-3.0, 2.0])


@pytest.mark.parametrize("P", [[0.3, 0.3, 0.3, 0.3], [0.9, 0.8, 0.2, 0.1]])
def test_youden_predicts_nobody_where_no_threshold_is_better_than_chance(P):
    """All tied, as after a calibration that is flat, or ranked the wrong way round."""
    with pytest.warns(CalibrationWarning, match="no threshold is better than chance, so nobody"):
        assert choose_thresholds([0, 0, 1, 1], P, "youden") == [1]
