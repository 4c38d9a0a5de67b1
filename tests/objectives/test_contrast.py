"""InfoNCE, SigLIP and ECGContrast against loops over pairs, written from the papers."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives import ECGContrast, InfoNCE, SigLIP

PATIENTS = torch.tensor([0, 1, 1, 2, 3, 3, 3, 4, 5])


def vectors(module, embedding, table):
    """Return both sides' unit vectors as NumPy arrays."""
    with torch.no_grad():
        of_ecg, of_table, _ = module.joint(embedding, table)
    return tuple((x / x.norm(dim=1, keepdim=True)).numpy() for x in (of_ecg, of_table))


def cross_entropy(one, other, scale, present, patients):
    """Mean over both directions of -log of the own record's share among its candidates."""
    losses = []
    for a, b in ((one, other), (other, one)):
        for i in present:
            candidates = [j for j in present if j == i or patients[j] != patients[i]]
            s = np.array([scale * a[i] @ b[j] for j in candidates])
            losses.append(logsumexp(s) - scale * a[i] @ b[i])
    return np.mean(losses)


def rows_with_table(table):
    return np.flatnonzero(np.isfinite(table.numpy()).any(1))


@pytest.mark.parametrize("temperature", [0.14, 0.05, 1.0])
@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_info_nce_equals_its_equation(build, batch, loss_of, temperature, patients):
    views, table = batch
    module = build(InfoNCE(temperature=temperature))
    numbers = np.arange(9) if patients is None else patients.numpy()
    sides = vectors(module, views[0], table)
    expected = cross_entropy(*sides, 1 / temperature, rows_with_table(table), numbers)
    assert loss_of(module, views, table, patients).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_ecg_contrast_equals_its_equation(build, batch, loss_of, patients):
    views, _ = batch
    module = build(ECGContrast(temperature=0.2), n_columns=0)
    with torch.no_grad():
        one, other = ((x / x.norm(dim=1, keepdim=True)).numpy() for x in module.projection(views))
    numbers = np.arange(9) if patients is None else patients.numpy()
    expected = cross_entropy(one, other, 1 / 0.2, range(9), numbers)
    assert loss_of(module, views, None, patients).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (3.0, 0.5)])
@pytest.mark.parametrize("patients", [None, PATIENTS])
def test_sig_lip_equals_its_equation(build, batch, loss_of, scale, bias, patients):
    views, table = batch
    module = build(SigLIP(scale=scale, bias=bias))
    one, other = vectors(module, views[0], table)
    numbers = np.arange(9) if patients is None else patients.numpy()
    present = rows_with_table(table)
    total = 0.0
    for i in present:
        for j in present:
            if i != j and numbers[i] == numbers[j]:
                continue
            z = 1 if i == j else -1
            total -= np.log(expit(z * (scale * one[i] @ other[j] + bias)))
    expected = total / len(present)
    assert loss_of(module, views, table, patients).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("spec", [InfoNCE(), SigLIP()])
def test_scale_and_bias_are_learned(spec):
    module = spec.build(n_features=3, n_columns=2).eval()
    embedding, table = torch.randn(4, 3), torch.randn(4, 2)
    module(lambda: embedding, table, None).backward()
    learned = [p for name, p in module.named_parameters() if name in ("log_scale", "bias")]
    assert len(learned) == (2 if isinstance(spec, SigLIP) else 1)
    assert all(p.grad is not None and p.grad != 0 for p in learned)


def test_info_nce_learns_its_temperature_up_to_a_bound():
    module = InfoNCE().build(n_features=3, n_columns=2).eval()
    embedding, table = torch.randn(4, 3), torch.randn(4, 2)
    with torch.no_grad():
        module.log_scale.fill_(math.log(100))
        at_bound = module(lambda: embedding, table, None)
        module.log_scale.fill_(50.0)
        torch.testing.assert_close(module(lambda: embedding, table, None), at_bound)


def test_sig_lip_of_large_logits_is_finite(build, batch, loss_of):
    views, table = batch
    module = build(SigLIP(scale=1e4, bias=-1e4))
    loss = loss_of(module, views.requires_grad_(), table)
    loss.backward()
    assert loss.isfinite()
    assert views.grad is not None
    assert views.grad.isfinite().all()


def test_ecg_contrast_of_equal_records_is_the_log_of_their_number():
    module = ECGContrast().build(n_features=5, n_columns=0)
    loss = module(lambda: torch.ones(8, 5), None, None)
    assert loss.item() == pytest.approx(math.log(8), abs=1e-5)


def test_ecg_contrast_does_not_look_at_the_table(build, batch, loss_of):
    views, table = batch
    module = build(ECGContrast())
    assert torch.equal(loss_of(module, views, table), loss_of(module, views))


@pytest.mark.parametrize("spec", [InfoNCE(), SigLIP(), ECGContrast()])
def test_records_of_one_patient_push_nobody_away(build, batch, loss_of, spec):
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
def test_a_table_that_dropout_hides_takes_no_part(spec):
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
