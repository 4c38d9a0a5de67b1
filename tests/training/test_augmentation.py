"""Windows, gains, wander, noise and missing leads, in millivolts; none of it in evaluation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest
from sklearn.base import clone

from ecgsk.encoders import ResNet1d
from ecgsk.objectives import ECGContrast, TablePrediction
from ecgsk.training import Augmentation
from ecgsk.training.modules import Backbone, DiagnosisModule, PretrainingModule

NAN = float("nan")
NOTHING = {
    "crop": 1.0,
    "time_shift": 0.0,
    "amplitude": 0.0,
    "baseline_wander": 0.0,
    "noise": 0.0,
    "lead_dropout": 0.0,
}


def make(sampling_rate: float | None = 100.0, **changes) -> torch.nn.Module:
    return Augmentation(**{**NOTHING, **changes}).build(sampling_rate)


def backbone(n_leads: int = 2, **changes) -> Backbone:
    torch.manual_seed(0)
    encoder = ResNet1d(10, width=4).build(n_leads, 400)
    return Backbone(encoder, make(**changes), np.zeros(n_leads), np.ones(n_leads)).eval()


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@settings(max_examples=30)
@given(
    st.floats(0.01, 1),
    st.integers(1, 1500),
    st.integers(1, 3),
    st.sampled_from([None, 100.0, 250.0, 333.3]),
)
def test_crop_length(crop, n_times, n_leads, sampling_rate):
    out = make(sampling_rate, crop=crop)(torch.zeros(2, n_leads, n_times))
    two_seconds = 200 if sampling_rate is None else math.ceil(2 * sampling_rate)
    assert out.shape == (2, n_leads, max(round(crop * n_times), min(n_times, two_seconds)))


def test_crop_is_one_window_of_all_leads():
    time = torch.arange(1000.0).expand(50, 3, 1000) + 2000 * torch.arange(3.0)[:, None]
    out = make(crop=0.3)(time)
    assert (out.diff(dim=-1) == 1).all()
    assert (out.diff(dim=1) == 2000).all()


def test_crop_starts_anywhere_alike():
    time = torch.arange(212.0).expand(6500, 1, 212)
    starts = make(crop=0.1)(time)[:, 0, 0].int()  # 200 of 212: starts 0 to 12
    counts = np.bincount(starts, minlength=13)
    assert len(counts) == 13
    assert chisquare(counts).pvalue > 1e-4


@settings(max_examples=30)
@given(st.sampled_from([0.5, 1.0]), st.floats(0.0, 0.9), st.sampled_from([30.0, 100.0]))
def test_what_a_shift_moves_in_from_outside_is_absent(crop, time_shift, sampling_rate):
    x = torch.arange(400.0).expand(64, 2, 400)
    out = make(sampling_rate, crop=crop, time_shift=time_shift)(x)
    furthest = round(time_shift * sampling_rate)
    recorded = out.isfinite()
    assert (recorded[:, 0] == recorded[:, 1]).all()
    assert (~recorded).sum(-1).max() <= furthest
    # Neighbours stay neighbours, and what is absent lies at one end.
    steps = out.diff(dim=-1)
    assert (steps[steps.isfinite()] == 1).all()
    assert (recorded.int().diff(dim=-1).abs().sum(-1) <= 1).all()


def test_shifts_are_uniform_both_ways():
    x = torch.arange(300.0).expand(4200, 1, 300)
    out = make(100.0, time_shift=0.1)(x)[:, 0]
    shift = (out - torch.arange(300.0)).nanmean(dim=1).round().int() + 10
    assert chisquare(np.bincount(shift, minlength=21)).pvalue > 1e-4


def test_a_shift_that_could_leave_nothing_is_refused():
    with pytest.raises(ValueError, match=r"time_shift=3 s is 300 samples, .* of a window of 200"):
        make(100.0, crop=0.5, time_shift=3)(torch.zeros(1, 1, 300))


def test_share_of_leads_dropped():
    out = make(lead_dropout=0.3)(torch.ones(2000, 12, 4))
    gone = out.isnan()
    assert (gone == gone[..., :1]).all()  # a lead is there or not, at every sample
    assert gone[..., 0].float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_share_of_leads_dropped_is_drawn_per_record_from_a_range():
    out = make(lead_dropout=(0, 1))(torch.ones(13_000, 12, 2))
    n_kept = out.isfinite().all(-1).sum(-1).numpy()
    counts = np.bincount(n_kept, minlength=13)
    assert counts[0] == 0
    # Every number from 0 to 12 is alike; of a record without any, one lead stays.
    assert chisquare(counts[1:], [2000, *[1000] * 11]).pvalue > 1e-4


@settings(max_examples=30)
@given(
    st.integers(1, 4),
    st.floats(0, 0.99) | st.sampled_from([(0, 1), (0.5, 0.5), (1, 1)]),
    st.integers(0, 2**31),
)
def test_one_of_the_leads_that_are_there_is_never_dropped(n_leads, share, seed):
    torch.manual_seed(seed)
    x = torch.ones(50, n_leads, 6)
    x[torch.rand(50, n_leads) < 0.5] = NAN
    x[:, :, :2] = NAN  # a gap is no missing lead
    some = x.isfinite().any(-1).any(-1)
    out = make(lead_dropout=share)(x)
    assert (out.isfinite().any(-1).any(-1) == some).all()
    assert (out.isnan() | (out == x)).all()
    assert out[x.isnan()].isnan().all()


def test_gain_is_shared_by_a_record_and_log_normal():
    out = make(amplitude=0.2)(torch.ones(4000, 2, 3))
    assert (out == out[:, :1, :1]).all()
    log_gain = out[:, 0, 0].log().numpy()
    assert kstest(log_gain / 0.2, "norm").pvalue > 1e-4


def test_noise_is_white_and_at_most_at_its_level():
    out = make(noise=0.02)(torch.zeros(200, 2, 2000))
    level = out.std(dim=(1, 2))
    assert level.max() < 0.0208
    assert kstest(level.numpy() / 0.02, "uniform").pvalue > 1e-4
    assert out.mean().abs() < 0.001
    spectrum = torch.fft.rfft(out / level[:, None, None]).abs().square().mean(dim=(0, 1))[1:]
    low, high = spectrum[:500].mean(), spectrum[500:].mean()
    assert (low / high).item() == pytest.approx(1, abs=0.02)


def test_wander_is_one_slow_sinusoid_of_up_to_its_peak():
    rate, seconds = 50.0, 200
    out = make(rate, baseline_wander=0.3)(torch.zeros(100, 3, int(rate * seconds))).double()
    peak = out.abs().amax(-1)
    assert peak.max() <= 0.3
    assert kstest(peak.flatten().numpy() / 0.3, "uniform").pvalue > 1e-4
    # Leads are multiples of one another, of either sign.
    turned = (out[:, 0] * out[:, 1]).sum(-1).sign()
    assert set(turned.tolist()) == {-1.0, 1.0}
    ratio = (out[:, 0] * out[:, 1]).sum(-1) / out[:, 0].square().sum(-1)
    assert (out[:, 1] - ratio[:, None] * out[:, 0]).abs().max() < 1e-5
    # All its power lies within 0.05-0.5 Hz, but for what a finite record leaks.
    window = torch.hann_window(out.shape[-1], dtype=torch.float64)
    spectrum = torch.fft.rfft(out * window).abs().square().sum(1)
    frequency = torch.fft.rfftfreq(out.shape[-1], 1 / rate)
    strongest = frequency[spectrum.argmax(-1)]
    assert (strongest >= 0.04).all()
    assert (strongest <= 0.51).all()
    assert strongest.std() > 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"amplitude": 0.2},
        {"noise": 0.1},
        {"baseline_wander": 0.5},
        {"lead_dropout": 0.5},
        {"crop": 0.5, "time_shift": 0.5},
    ],
)
def test_absent_stays_absent(changes):
    x = torch.randn(20, 3, 400)
    x[:, 1] = NAN
    out = make(**changes)(x)
    assert out[:, 1].isnan().all()
    assert out[:, 0].isfinite().any()
    assert not out.isinf().any()


def test_records_differ_from_one_another_and_from_call_to_call():
    module = make(crop=0.5, amplitude=0.1, noise=0.01, baseline_wander=0.1)
    x = torch.randn(1, 2, 400).expand(8, 2, 400)
    one, other = module(x), module(x)
    assert len(torch.unique(one[:, 0, 0])) == 8
    assert not torch.equal(one, other)


def test_equal_seeds_give_equal_changes():
    module, x = (
        Augmentation(baseline_wander=0.1, time_shift=0.1).build(100.0),
        torch.ones(3, 2, 500),
    )
    outs = []
    for _ in range(2):
        torch.manual_seed(3)
        outs.append(module(x))
    torch.testing.assert_close(*outs, rtol=0, atol=0, equal_nan=True)


def test_nothing_asked_for_changes_nothing():
    x = torch.randn(3, 2, 500)
    assert torch.equal(make()(x), x)
    assert torch.equal(make(None)(x), x)


def test_input_is_left_as_it_is():
    x = torch.randn(3, 2, 500)
    before = x.clone()
    Augmentation(baseline_wander=0.2, time_shift=0.5).build(100.0)(x)
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


def test_missing_samples_are_the_mean_after_everything_else():
    body = backbone(baseline_wander=1.0, noise=1.0, amplitude=1.0)
    body.mean.fill_(0.3)
    at_mean = torch.full((1, 2, 400), 0.3)
    absent = torch.full((1, 2, 400), NAN)
    for augment in (False, True):  # noise does not fill what was not recorded
        torch.testing.assert_close(body(absent, augment), body(at_mean, False), rtol=0, atol=0)


def test_levels_are_in_millivolts_whatever_the_scale():
    seen = []

    class Seen(torch.nn.Module):
        n_features = 1

        def forward(self, x):
            seen.append(x)
            return x[:, 0, :1]

    for scale in (0.1, 10.0):
        body = Backbone(Seen(), make(noise=0.02), np.zeros(1), np.full(1, scale))  # type: ignore[arg-type]
        torch.manual_seed(0)
        body(torch.zeros(50, 1, 400), augment=True)
    torch.testing.assert_close(seen[0] * 0.1, seen[1] * 10.0)


@pytest.mark.parametrize("changes", [{"time_shift": 0.1}, {"baseline_wander": 0.1}])
def test_seconds_and_hertz_need_a_sampling_rate(changes):
    with pytest.raises(ValueError, match=r"has no sampling rate.*ECGArray\.from_numpy"):
        make(None, **changes)
    make(100.0, **changes)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"crop": 0.0}, r"crop must be in \(0, 1\].* got crop=0.0"),
        ({"crop": 1.1}, "got crop=1.1"),
        ({"lead_dropout": 1.0}, r"lead_dropout in \[0, 1\), got .*lead_dropout=1.0"),
        ({"lead_dropout": -0.1}, "lead_dropout=-0.1"),
        ({"lead_dropout": (0.5, 0.1)}, r"lead_dropout=\(0.5, 0.1\)\. A range of shares is a pair"),
        ({"amplitude": -1}, "amplitude must be finite and not negative, got -1"),
        ({"noise": -0.5}, "noise must be .* got -0.5"),
        ({"time_shift": math.inf}, "time_shift must be .* got inf"),
        ({"baseline_wander": NAN}, "baseline_wander must be .* got nan"),
        ({"crop": NAN}, "crop=nan"),
        ({"noise": NAN}, "noise must be .* got nan"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        clone(Augmentation(**parameters)).build(100.0)
