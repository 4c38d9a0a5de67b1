"""Labels of evidence: 0, 1, NaN and their names."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.explain._labels import read_labels


def test_names_are_those_of_columns():
    labels = pd.DataFrame({"potassium high": [0, 1], 7: [np.nan, 1]})
    values, names = read_labels("caller", labels, "labs")
    assert names == ["potassium high", "7"]
    np.testing.assert_array_equal(values, [[0, np.nan], [1, 1]])


@pytest.mark.parametrize(
    ("labels", "message"),
    [([[4.2], [6.1]], "labs to be 0, 1 or NaN"), ([0.0, 1.0], "one column each")],
)
def test_other_values_are_refused(labels, message):
    with pytest.raises(ECGError, match=message):
        read_labels("caller", labels, "labs")
