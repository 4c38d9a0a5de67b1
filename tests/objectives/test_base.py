"""Every objective: gradients, missing tables, batches of one, patients and specs."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from ecgsk.encoders import ClinicalMLP, ResNet1d
from ecgsk.objectives import (
    BarlowTwins,
    ECGContrast,
    InfoNCE,
    ObjectiveSum,
    SigLIP,
    TablePrediction,
    VICReg,
)
from ecgsk.objectives.registry import OBJECTIVES
from ecgsk.training import Augmentation
from ecgsk.training.modules import Backbone, PretrainingModule

SPECS = {name: make() for name, make in OBJECTIVES.items()}


SPECS["sum"] = ObjectiveSum(InfoNCE(), TablePrediction(), weight=0.5)


COMPARES_TABLES = ["clip", "siglip", "vicreg", "barlow_twins"]


OF_TABLE = [name for name, spec in SPECS.items() if spec.uses_table]


PATIENTS = torch.tensor([0, 1, 1, 2, 3, 3, 3, 4, 5])


every_objective = pytest.mark.parametrize("name", sorted(SPECS))


@every_objective
def test_gradient_is_that_of_the_loss(build, batch, loss_of, name):
    views, table = batch
    module = build(SPECS[name])
    for p in module.parameters():
        p.requires_grad_(p.ndim == 0)  # learned scales and biases; layers are torch's

    def of_views(x, *_):
        return loss_of(module, x, table, PATIENTS)

    learned = [p for p in module.parameters() if p.requires_grad]
    assert torch.autograd.gradcheck(of_views, (views.requires_grad_(), *learned))


@every_objective
def test_order_of_records_does_not_matter(build, batch, loss_of, name):
    views, table = batch
    module = build(SPECS[name])
    order = torch.randperm(9)
    turned = loss_of(module, views[:, order], table[order], PATIENTS[order])
    torch.testing.assert_close(turned, loss_of(module, views, table, PATIENTS))


@pytest.mark.parametrize("name", ["ecg_contrast", "sigreg"])
def test_order_of_views_does_not_matter(build, batch, loss_of, name):
    views, _ = batch
    module = build(SPECS[name])
    torch.testing.assert_close(loss_of(module, views.flip(0)), loss_of(module, views))


@pytest.mark.parametrize("name", OF_TABLE)
def test_a_record_without_a_table_changes_nothing(build, batch, loss_of, name):
    views, table = batch
    module = build(SPECS[name])
    without = torch.arange(9) != 5
    expected = loss_of(module, views[:, without], table[without], PATIENTS[without])
    torch.testing.assert_close(loss_of(module, views, table, PATIENTS), expected)
    views[:, 5] *= 1e6
    views.requires_grad_()
    loss = loss_of(module, views, table, PATIENTS)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert views.grad is not None
    assert not views.grad[:, 5].any()
    assert views.grad[0, without].any(dim=1).all()


@pytest.mark.parametrize("name", OF_TABLE)
def test_missing_values_get_no_gradient(build, batch, loss_of, name):
    views, table = batch
    module = build(SPECS[name])
    table[0, 0] = torch.inf  # not a measurement either
    measured = table.isfinite()
    table.requires_grad_()
    loss_of(module, views, table, PATIENTS).backward()
    assert table.grad is not None
    assert torch.equal(table.grad != 0, measured)
    assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", OF_TABLE)
def test_batch_without_tables_has_zero_loss_and_gradient(build, batch, loss_of, name):
    views, table = batch
    module = build(SPECS[name])
    views.requires_grad_()
    loss = loss_of(module, views, torch.full_like(table, torch.nan), PATIENTS)
    loss.backward()
    assert loss.item() == 0
    assert views.grad is not None
    assert not views.grad.any()
    assert not any(p.grad.any() for p in module.parameters() if p.grad is not None)


@every_objective
def test_a_batch_of_one_record_is_finite(build, batch, loss_of, name):
    views, table = batch
    views = views[:, :1].requires_grad_()
    module = build(SPECS[name])
    loss = loss_of(module, views, table[:1], PATIENTS[:1])
    loss.backward()
    assert loss.isfinite()
    assert views.grad is not None
    assert views.grad.isfinite().all()


@every_objective
def test_loss_is_float32_where_the_encoder_is_not(name):
    encoder = ResNet1d(10, width=4).build(2, 300)
    backbone = Backbone(encoder, Augmentation().build(100.0), np.zeros(2), np.ones(2))
    objective = SPECS[name].build(backbone.n_features, 3)
    module = PretrainingModule(backbone, objective).train()
    kinds: dict[str, torch.dtype] = {}
    for part in (encoder, *objective.children()):
        part.register_forward_hook(
            lambda m, _, out: kinds.__setitem__(type(m).__name__, getattr(out, "dtype", None))
        )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = module(torch.randn(8, 2, 300), torch.randn(8, 3), torch.arange(8))
    assert loss.dtype == torch.float32
    assert loss.shape == (1,)
    assert kinds.pop("ResNet1dModule") == torch.bfloat16
    assert set(kinds.values()) <= {torch.float32, None}
    loss.sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)


@every_objective
def test_training_steps_reduce_the_loss(name):
    module = SPECS[name].build(n_features=16, n_columns=4)
    encoder = torch.nn.Linear(8, 16)
    x = torch.randn(64, 8)
    table = x[:, :4] + 0.1 * torch.randn(64, 4)
    optimizer = torch.optim.Adam([*module.parameters(), *encoder.parameters()], 3e-3)
    losses = []
    for _ in range(60):
        loss = module(lambda: encoder(x + 0.1 * torch.randn_like(x)), table, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


@every_objective
def test_specs_clone_and_their_modules_keep_their_weights(name):
    spec = SPECS[name]
    assert repr(clone(spec)) == repr(spec)
    module, copy = spec.build(6, 4), clone(spec).build(6, 4)
    copy.load_state_dict(module.state_dict())


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("clip", "temperature"),
        ("ecg_contrast", "temperature"),
        ("siglip", "scale"),
        ("vicreg", "invariance"),
        ("vicreg", "variance"),
        ("vicreg", "covariance"),
        ("barlow_twins", "redundancy"),
    ],
)
@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), float("inf")])
def test_weights_and_temperatures_must_be_positive(name, parameter, wrong):
    kind = OBJECTIVES[name]
    with pytest.raises(ValueError, match=rf"{kind.__name__}: {parameter} must be positive, got"):
        kind(**{parameter: wrong}).build(4, 4)


def test_specs_clone_with_their_table_network():
    for name in COMPARES_TABLES:
        spec = clone(SPECS[name]).set_params(clinical_encoder=None)
        assert spec.build(6, 4).joint.table_encoder.n_features == 128


@pytest.mark.parametrize("spec", [InfoNCE(), SigLIP(), ECGContrast()])
def test_records_of_one_patient_are_not_negatives(build, batch, loss_of, spec):
    views, table = batch
    module = build(spec)
    # With everybody the same patient, only SigLIP has anything left to say: own pairs.
    one_patient = torch.zeros(9, dtype=torch.int64)
    left = loss_of(module, views, table, one_patient)
    assert (left.item() == 0) == (not isinstance(spec, SigLIP))
    # Numbers name patients; they have no order or size.
    torch.testing.assert_close(
        loss_of(module, views, table, PATIENTS),
        loss_of(module, views, table, 1_000_000_007 * (7 - PATIENTS)),
        rtol=0,
        atol=0,
    )
    torch.testing.assert_close(
        loss_of(module, views, table, torch.arange(9)),
        loss_of(module, views, table),
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize("spec", [InfoNCE(), SigLIP(bias=0.0), ECGContrast()])
def test_a_repeated_record_is_no_negative_of_itself(build, batch, loss_of, spec):
    views, table = batch
    keep = torch.tensor([0, 1, 2, 3])
    module = build(spec)
    once = loss_of(module, views[:, keep], table[keep], keep)
    twice = torch.cat([keep, keep])
    repeated = loss_of(module, views[:, twice], table[twice], twice)
    without_numbers = loss_of(module, views[:, twice], table[twice])
    assert not torch.isclose(repeated, without_numbers)
    assert repeated >= once  # the others are there twice
    assert repeated < without_numbers


@pytest.mark.parametrize("spec", [InfoNCE, SigLIP])
def test_dropped_table_is_excluded(spec):
    hides = ClinicalMLP(dropout=0.0, table_dropout=0.6)
    module = spec(clinical_encoder=hides).build(6, 4).double()
    table = torch.randn(40, 4, dtype=torch.float64)
    embedding = torch.randn(40, 6, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    present = module.joint.table_encoder.embed(table)[1]
    assert 5 < present.sum() < 30
    torch.manual_seed(3)
    loss = module(lambda: embedding, table, None)
    loss.backward()
    assert embedding.grad is not None
    assert torch.equal(embedding.grad.any(dim=1), present)
    kept = module.eval()(lambda: embedding[present], table[present], None)
    torch.testing.assert_close(loss, kept)


@pytest.mark.parametrize("spec", [VICReg(projection_size=5), BarlowTwins(projection_size=5)])
def test_collapse_is_no_minimum(build, loss_of, spec):
    module = build(spec)
    table = torch.randn(30, 4, dtype=torch.float64)
    spread = torch.randn(1, 30, 6, dtype=torch.float64)
    collapsed = torch.ones(1, 30, 6, dtype=torch.float64)
    assert loss_of(module, collapsed, table) > loss_of(module, spread, table)


@pytest.mark.parametrize("spec", [VICReg(projection_size=5), BarlowTwins(projection_size=5)])
def test_loss_of_one_record_is_zero(build, batch, loss_of, spec):
    views, table = batch
    module = build(spec)
    assert loss_of(module, views[:, :1], table[:1]).item() == 0
    alone = torch.full_like(table, torch.nan)
    alone[3] = table[3]
    assert loss_of(module, views, alone).item() == 0


def test_patients_do_not_matter_without_negatives(build, batch, loss_of):
    views, table = batch
    for spec in (VICReg(projection_size=5), BarlowTwins(projection_size=5)):
        module = build(spec)
        named = loss_of(module, views, table, torch.zeros(9, dtype=torch.int64))
        assert torch.equal(named, loss_of(module, views, table))


def test_clone_keeps_parameters_of_the_table_encoder():
    spec = InfoNCE(clinical_encoder=ClinicalMLP(n_features=7))
    copy = clone(spec).set_params(clinical_encoder__n_features=9)
    assert (spec.clinical_encoder.n_features, copy.clinical_encoder.n_features) == (7, 9)
    assert repr(copy) == "InfoNCE(clinical_encoder=ClinicalMLP(n_features=9))"
