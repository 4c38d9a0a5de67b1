"""Names of objectives."""

import pytest

from ecgsk.objectives import InfoNCE, ObjectiveSum, TablePrediction
from ecgsk.objectives.registry import OBJECTIVES, resolve_objective

SPECS = {name: make() for name, make in OBJECTIVES.items()}


SPECS["sum"] = ObjectiveSum(InfoNCE(), TablePrediction(), weight=0.5)


def test_names_resolve_to_specs():
    for name, kind in OBJECTIVES.items():
        assert type(resolve_objective(name)) is kind
    assert [name for name in OBJECTIVES if not SPECS[name].uses_table] == ["ecg_contrast", "sigreg"]
    spec = InfoNCE(temperature=0.3)
    assert resolve_objective(spec) is spec


@pytest.mark.parametrize("wrong", ["simclr", ""])
def test_unknown_objective_lists_names(wrong):
    with pytest.raises(ValueError, match=r"Unknown objective .*'clip', 'ecg_contrast', 'siglip'"):
        resolve_objective(wrong)
