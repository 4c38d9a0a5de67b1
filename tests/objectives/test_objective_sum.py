"""ObjectiveSum: weighted sum of losses over shared views."""

import itertools

import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from ecgsk.encoders import ResNet1d
from ecgsk.objectives import ECGContrast, InfoNCE, ObjectiveSum, SIGReg, TablePrediction
from ecgsk.training import Augmentation
from ecgsk.training.modules import Backbone, PretrainingModule

MEMBERS = [InfoNCE(), TablePrediction(), ECGContrast(), SIGReg()]


@pytest.mark.parametrize(("first", "second"), list(itertools.product(MEMBERS, repeat=2)))
def test_losses_add_up(build, batch, loss_of, first, second):
    views, table = batch
    module = build(ObjectiveSum(first, second, weight=0.3))
    patients = torch.tensor([0, 0, 1, 1, 2, 3, 4, 5, 6])
    # The second draws its directions after the first's, if any.
    given = itertools.chain(views)
    torch.manual_seed(1)
    together = module(lambda: next(given), table, patients)
    torch.manual_seed(1)
    apart = []
    for member in (module.first, module.second):
        again = itertools.chain(views)
        apart.append(member(lambda again=again: next(again), table, patients))
    torch.testing.assert_close(together, apart[0] + 0.3 * apart[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("spec", "n_views"),
    [
        (ObjectiveSum(InfoNCE(), TablePrediction()), 1),
        (ObjectiveSum(InfoNCE(), ECGContrast()), 2),
        (ObjectiveSum(ECGContrast(), InfoNCE()), 2),
        (ObjectiveSum(ECGContrast(), SIGReg()), 2),
        (ObjectiveSum(ObjectiveSum(InfoNCE(), ECGContrast()), TablePrediction()), 2),
        (ObjectiveSum(TablePrediction(), ObjectiveSum(InfoNCE(), ECGContrast())), 2),
    ],
)
def test_each_view_is_computed_once(build, batch, spec, n_views):
    views, table = batch
    made = []

    def encode():
        made.append(views[len(made)])
        return made[-1]

    module = build(spec)
    module(encode, table, None)
    assert len(made) == n_views
    assert module.compares_views == (n_views == 2)
    assert spec.uses_table == (spec.first.uses_table or spec.second.uses_table)


def test_both_members_send_gradients_into_one_encoder():
    encoder = ResNet1d(10, width=4).build(2, 300)
    augmentation = Augmentation().build(100.0)
    backbone = Backbone(encoder, augmentation, torch.zeros(2).numpy(), torch.ones(2).numpy())
    spec = ObjectiveSum(InfoNCE(), ECGContrast())
    module = PretrainingModule(backbone, spec.build(backbone.n_features, 3)).train()
    loss = module(torch.randn(8, 2, 300), torch.randn(8, 3), torch.arange(8))
    loss.sum().backward()
    for part in (encoder, module.objective.first, module.objective.second):
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())
    assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)


def test_member_parameters_can_be_searched():
    spec = ObjectiveSum(InfoNCE(), ECGContrast())
    grid = ParameterGrid({"first__temperature": [0.1, 0.2], "weight": [0.1, 1.0]})
    for values in grid:
        made = clone(spec).set_params(**values)
        assert made.first.temperature == values["first__temperature"]
        assert made.weight == values["weight"]
    assert spec.first.temperature == 0.14
    spec = spec.set_params(first=TablePrediction(), second__projection_size=7)
    assert repr(spec) == (
        "ObjectiveSum(first=TablePrediction(), second=ECGContrast(projection_size=7))"
    )


def test_build_rejects_wrong_members_and_weights():
    with pytest.raises(TypeError, match=r"first must be an objective such as InfoNCE\(\), got 'c"):
        ObjectiveSum("clip", ECGContrast()).build(4, 4)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="second must be an objective"):
        ObjectiveSum(ECGContrast(), ECGContrast).build(4, 4)  # type: ignore[arg-type]
    for weight in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="ObjectiveSum: weight must be positive, got"):
            ObjectiveSum(InfoNCE(), ECGContrast(), weight=weight).build(4, 4)
