"""aggregate_windows against its definition, group by group."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import AlignmentError, ECGError
from ecgsk.metrics import aggregate_windows

PROBABILITY = st.floats(0, 1) | st.just(np.nan)
BY_DEFINITION = {
    "mean": lambda p: p.mean(),
    "max": lambda p: p.max(),
    "noisy_or": lambda p: 1 - np.prod(1 - p),
}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), PROBABILITY, PROBABILITY), min_size=1, max_size=30),
    st.sampled_from(list(BY_DEFINITION)),
)
def test_each_label_of_each_group_is_aggregated_by_itself(rows, how):
    groups = np.array([group for group, *_ in rows])
    P = pd.DataFrame([p for _, *p in rows], columns=["AF", "MI"])
    out = aggregate_windows(P, groups, how)
    assert out.index.tolist() == list(dict.fromkeys(groups))
    assert list(out) == ["AF", "MI"]
    for group in out.index:
        for label in P:
            known = P.loc[groups == group, label].dropna().to_numpy()
            expected = BY_DEFINITION[how](known) if len(known) else np.nan
            np.testing.assert_allclose(out.loc[group, label], expected, atol=1e-12)


def test_arrays_and_series_keep_their_dimension_and_names():
    groups = pd.Series([2, 2, 1], name="subject_id", index=["x", "y", "z"])
    out = aggregate_windows(np.array([[0.1], [0.3], [0.5]]), groups)
    assert out.index.name == "subject_id"
    assert out.index.tolist() == [2, 1]
    assert out[0].tolist() == pytest.approx([0.2, 0.5])
    series = aggregate_windows(pd.Series([0.1, 0.3, 0.5], name="AF"), groups.to_numpy())
    assert series.name == "AF"
    assert series.tolist() == pytest.approx([0.2, 0.5])


def test_noisy_or_keeps_small_probabilities():
    out = aggregate_windows(np.full(8640, 1e-12), np.zeros(8640), "noisy_or")
    assert out.iloc[0] == pytest.approx(8640e-12, rel=1e-6)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"how to be one of .*, got 'median'"):
        aggregate_windows([0.1], ["a"], "median")
    with pytest.raises(ValueError, match=r"expected probabilities from 0 to 1 or NaN, got 1.5"):
        aggregate_windows([0.1, 1.5], ["a", "a"])
    with pytest.raises(ECGError, match="aggregate_windows expected groups of shape"):
        aggregate_windows([0.1, 0.5], ["a"])
    with pytest.raises(AlignmentError, match="aggregate_windows expected groups to have P's row"):
        aggregate_windows(
            pd.Series([0.1, 0.5], index=["x", "y"]), pd.Series([1, 2], index=["y", "x"])
        )
