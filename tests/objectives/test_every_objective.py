"""What holds of every objective: gradients, order of records, missing values, precision."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from ecgsk.encoders import ResNet1d
from ecgsk.objectives import InfoNCE, ObjectiveSum, TablePrediction
from ecgsk.objectives.registry import OBJECTIVES, resolve_objective
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
def test_what_is_missing_gets_no_gradient(build, batch, loss_of, name):
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
def test_no_table_at_all_is_a_loss_of_zero_and_no_gradient(build, batch, loss_of, name):
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
def test_a_few_steps_make_the_loss_less(name):
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


def test_names_resolve_to_specs():
    for name, kind in OBJECTIVES.items():
        assert type(resolve_objective(name)) is kind
    assert [name for name in OBJECTIVES if not SPECS[name].uses_table] == ["ecg_contrast", "sigreg"]
    spec = InfoNCE(temperature=0.3)
    assert resolve_objective(spec) is spec


@pytest.mark.parametrize("wrong", ["simclr", ""])
def test_unknown_objective_lists_those_there_are(wrong):
    with pytest.raises(ValueError, match=r"Unknown objective .*'clip', 'ecg_contrast', 'siglip'"):
        resolve_objective(wrong)


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
