"""Tables and labels shared by the loaders."""

import pandas as pd
import pytest

from ecgsk.datasets._layouts import label_table, read_table
from ecgsk.exceptions import ECGError, RecordReadError


def test_read_table_checks_the_columns(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(RecordReadError, match=r"who: there is no .*Give the folder of Database"):
        read_table(path, ["a"], source="Database", name="who")
    path.write_text("a,b\n1,2\n")
    assert read_table(path, ["b"], source="Database", name="who").shape == (1, 2)
    with pytest.raises(RecordReadError, match="lacks the column c; it has a, b"):
        read_table(path, ["a", "c"], source="Database", name="who")


def test_rare_labels_are_dropped_and_their_records_kept():
    index = pd.Index(["x", "y", "z"])
    Y = label_table([["a", "b"], ["a"], None], index, min_count=2, name="who")
    pd.testing.assert_frame_equal(Y, pd.DataFrame({"a": [1, 1, None]}, index, dtype=float))
    with pytest.raises(ECGError, match=r"who: no label has min_count=3 ECGs.*frequent has 2"):
        label_table([["a"], ["a"]], index[:2], min_count=3, name="who")
