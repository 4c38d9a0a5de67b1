"""Tables of facts in model cards."""

from ecgsk.evaluation._card_parts import TO_FILL, as_table


def test_missing_facts_are_left_to_the_authors():
    table = as_table({"leads": "I, II", "rate": None, "seed": 0, "epochs": ""})
    assert table["fact"].tolist() == ["leads", "rate", "seed", "epochs"]
    assert table["value"].tolist() == ["I, II", TO_FILL, "0", TO_FILL]
