"""Items of TRIPOD+AI."""

from ecgsk.evaluation._tripod import checklist

TO_FILL = "To be filled in by the authors."


def test_checklist_has_all_items_and_leaves_them_to_the_authors():
    table = checklist(set()).table
    assert (table["in this card"] == TO_FILL).all()
    numbers = table["item"].str.extract(r"(\d+)")[0].astype(int)
    assert numbers.tolist() == sorted(numbers)
    assert set(numbers) == set(range(1, 28))
    assert len(table) == 52
