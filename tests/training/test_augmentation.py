"""Random windows, gains, noise and missing leads; none of it in evaluation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from sklearn.base import clone

from ecgsk.encoders import ResNet1d
from ecgsk.objectives import ECGContrast, TablePrediction
from ecgsk.training import Augmentation, Backbone, DiagnosisModule, PretrainingModule

NOTHING = {"crop": 1.0, "amplitude": 0.0, "noise": 0.0, "lead_dropout": 0.0}


def make(**changes) -> torch.nn.Module:
    return Augmentation(**{**NOTHING, **changes}).build()


def backbone(n_leads: int = 2, **changes) -> Backbone:
    torch.manual_seed(0)
    encoder = ResNet1d(10, width=4).build(n_leads, 400)
    return Backbone(encoder, make(**changes), np.zeros(n_leads), np.ones(n_leads)).eval()


@settings(max_examples=30)
@given(st.floats(0.01, 1), st.integers(1, 1500), st.integers(1, 3))
def test_crop_length(crop, n_times, n_leads):
    out = make(crop=crop)(torch.zeros(2, n_leads, n_times))
    assert out.shape == (2, n_leads, max(round(crop * n_times), min(n_times, 128)))


def test_crop_is_one_window_of_all_leads():
    time = torch.arange(1000.0).expand(50, 3, 1000) + 2000 * torch.arange(3.0)[:, None]
    out = make(crop=0.3)(time)
    assert (out.diff(dim=-1) == 1).all()
    assert (out.diff(dim=1) == 2000).all()


def test_crop_starts_anywhere_alike():
    torch.manual_seed(0)
    time = torch.arange(140.0).expand(6500, 1, 140)
    starts = make(crop=0.1)(time)[:, 0, 0].int()  # 128 of 140: starts 0 to 12
    counts = np.bincount(starts, minlength=13)
    assert len(counts) == 13
    assert chisquare(counts).pvalue > 1e-4


def test_share_of_leads_dropped():
    torch.manual_seed(0)
    out = make(lead_dropout=0.3)(torch.ones(2000, 12, 4))
    whole = (out == out[..., :1]).all()
    assert whole  # a lead is there or not, at every sample
    assert (out[..., 0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_the_only_lead_is_never_dropped():
    assert make(lead_dropout=0.9)(torch.ones(100, 1, 4)).all()


def test_gain_is_shared_by_a_record_and_log_normal():
    torch.manual_seed(0)
    out = make(amplitude=0.2)(torch.ones(4000, 2, 3))
    assert (out == out[:, :1, :1]).all()
    log_gain = out[:, 0, 0].log()
    assert log_gain.mean().item() == pytest.approx(0, abs=0.02)
    assert log_gain.std().item() == pytest.approx(0.2, abs=0.01)


def test_noise_is_white_and_at_most_at_its_level():
    torch.manual_seed(0)
    out = make(noise=0.5)(torch.zeros(200, 2, 2000))
    level = out.std(dim=(1, 2))
    assert level.max() < 0.52
    assert level.mean().item() == pytest.approx(0.25, abs=0.03)
    assert out.mean().abs() < 0.01


def test_nothing_asked_for_changes_nothing():
    x = torch.randn(3, 2, 500)
    assert torch.equal(make()(x), x)


def test_input_is_left_as_it_is():
    x = torch.randn(3, 2, 500)
    before = x.clone()
    Augmentation().build()(x)
    assert torch.equal(x, before)


def test_never_in_evaluation():
    model = DiagnosisModule(backbone(noise=5.0, crop=0.4), None, 3, dropout=0.5)
    x = torch.randn(4, 2, 400)
    model.eval()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_objective_of_one_view_is_not_augmented_in_validation():
    table = torch.randn(4, 3)
    x = torch.randn(4, 2, 400)
    body = backbone(noise=5.0, crop=0.4)
    one_view = PretrainingModule(body, TablePrediction().build(body.n_features, 3)).eval()
    assert torch.equal(one_view(x, table), one_view(x, table))
    two_views = PretrainingModule(body, ECGContrast().build(body.n_features, 0)).eval()
    assert not torch.equal(two_views(x), two_views(x))


def test_missing_samples_are_the_mean_before_anything_else():
    body = backbone()
    body.mean.fill_(0.3)
    x = torch.full((1, 2, 400), 0.3)
    absent = x.clone()
    absent[0, 1] = float("nan")
    assert torch.equal(body(x, augment=False), body(absent, augment=False))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"crop": 0.0}, r"crop must be in \(0, 1\].* got crop=0.0"),
        ({"crop": 1.1}, "got crop=1.1"),
        ({"lead_dropout": 1.0}, r"lead_dropout in \[0, 1\), got .*lead_dropout=1.0"),
        ({"lead_dropout": -0.1}, "lead_dropout=-0.1"),
        ({"amplitude": -1}, "amplitude and noise must not be negative, got amplitude=-1"),
        ({"noise": -0.5}, "noise=-0.5"),
        ({"crop": float("nan")}, "crop=nan"),
        ({"noise": float("nan")}, "noise=nan"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        clone(Augmentation(**parameters)).build()
