"""Layout of the flow diagram."""

import pandas as pd

from ecgsk.datasets._cohort_report_flow import flow_diagram


def test_boxes_do_not_overlap():
    flow = pd.DataFrame(
        {"records": [6, 4], "subjects": [3, 3], "left_out": [0, 2], "reason": ["", "a < b & c"]},
        index=["listed", "readable"],
    )
    parts = pd.DataFrame({"records": [2, 1, 1], "subjects": [1, 1, 1]}, index=list("abc"))
    long = flow.assign(reason="because of a long reason of many words " * 5)
    boxes = flow_diagram(pd.concat([long, long.iloc[1:]]), parts).boxes
    assert len(boxes) == 8
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            beside = a.x + a.width <= b.x or b.x + b.width <= a.x
            assert beside or a.bottom < b.y or b.bottom < a.y
    assert all(box.x >= 0 and box.y >= 0 for box in boxes)
