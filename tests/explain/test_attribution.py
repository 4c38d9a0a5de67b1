"""attribute: ablation by lead and beat against known effects."""

import numpy as np
import pytest
import torch
from torch import nn

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders.registry import ENCODERS, resolve_encoder
from ecgsk.explain import attribute

RATE, LEADS = 100, ("I", "II", "V1")
BEATS = np.array([0.6, 1.6, 2.4, 3.5, 4.4])


def make_ecg(seed=0, height=1.0):
    """Five narrow beats in three leads with noise, 5 s."""
    times = np.arange(5 * RATE) / RATE
    beats = sum(np.exp(-(((times - beat) / 0.02) ** 2)) for beat in BEATS)
    noise = np.random.default_rng(seed).normal(0, 0.02, (3, len(times)))
    return (noise + height * beats).astype(np.float32)


class OneBeat(nn.Module):
    """Logit 0: height of lead II in the third beat; logit 1: its negative; logit 2: constant."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -1.0, 0.0]))

    def forward(self, ecg):
        return ecg[:, 1, 200:290].nan_to_num(0.0).sum(dim=1, keepdim=True) * self.weight


def test_finds_the_only_effective_beat_and_lead():
    ecg = make_ecg()
    for_it, against = attribute(OneBeat(), ecg, LEADS, RATE, {"a": 0, "b": 1})
    assert for_it.leads == {"I": 0, "II": pytest.approx(1), "V1": 0}
    shares = [share for _, _, share in for_it.beats]
    np.testing.assert_allclose(shares, [0, 0, 1, 0, 0], atol=1e-6)
    # What its samples add is what the logit loses without them.
    np.testing.assert_allclose(for_it.values.sum(), ecg[1, 200:290].sum(), rtol=1e-4)
    np.testing.assert_allclose(against.values, -for_it.values)
    assert (for_it.diagnosis, against.diagnosis) == ("a", "b")


def test_beats_extend_between_midpoints():
    (found,) = attribute(OneBeat(), make_ecg(), LEADS, RATE, {"a": 0})
    edges = np.array([[start, end] for start, end, _ in found.beats])
    midway = (BEATS[1:] + BEATS[:-1]) / 2
    np.testing.assert_allclose(edges[:, 0], [0, *midway], atol=0.03)
    np.testing.assert_allclose(edges[:, 1], [*midway, 5], atol=0.03)
    assert found.values.shape == (3, 500)


def test_record_without_beats_is_cut_into_seconds():
    signal = np.full((3, 450), 0.1)
    (found,) = attribute(OneBeat(), signal, LEADS, RATE, {"a": 0})
    assert [beat[:2] for beat in found.beats] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 4.5)]
    assert [round(share, 6) for _, _, share in found.beats] == [0, 0, 1, 0, 0]


def test_missing_and_irrelevant_samples_have_no_share():
    ecg = make_ecg()
    ecg[1] = np.nan
    missing, nothing = attribute(OneBeat(), ecg, LEADS, RATE, {"missing": 0, "nothing": 2})
    for found in (missing, nothing):
        assert not found.values.any()
        assert set(found.leads.values()) == {0.0}
        assert found.randomisation == 0


def test_map_independent_of_weights_has_high_randomisation():
    class Edges(OneBeat):  # learned weights are of no matter: the same map always
        def forward(self, ecg):
            return ecg.square().nan_to_num(0.0).sum(dim=(1, 2))[:, None] + 0 * self.weight

    (found,) = attribute(Edges(), make_ecg(), LEADS, RATE, {"a": 0})
    assert found.randomisation > 0.99


def test_module_in_training_mode_is_evaluated_and_restored():
    module = nn.Sequential(nn.Dropout(0.5), OneBeat(), nn.BatchNorm1d(3)).train()
    again = [attribute(module, make_ecg(), LEADS, RATE, {"a": 0})[0].values for _ in range(2)]
    np.testing.assert_array_equal(*again)
    assert all(part.training for part in module.modules())
    assert module[2].num_batches_tracked == 0


def test_table_is_held_fixed():
    class WithTable(OneBeat):
        def forward(self, ecg, table):
            return super().forward(ecg) * table[:, :1]

    single, double = (
        attribute(WithTable(), make_ecg(), LEADS, RATE, {"a": 0}, table=np.array([scale, 7.0]))[0]
        for scale in (1, 2)
    )
    np.testing.assert_allclose(double.values, 2 * single.values, rtol=1e-4)


def test_invalid_shapes_are_refused():
    with pytest.raises(ValueError, match="one record at a time"):
        attribute(OneBeat(), make_ecg()[None], LEADS, RATE, {"a": 0})
    with pytest.raises(ValueError, match="2 leads"):
        attribute(OneBeat(), make_ecg(), LEADS[:2], RATE, {"a": 0})


@pytest.mark.parametrize("name", ENCODERS)
def test_all_encoders_are_explained_and_unchanged(name):
    torch.manual_seed(0)
    spec = resolve_encoder(name)
    if {"width", "depth"} <= set(spec.get_params()):
        spec.set_params(width=4)
    encoder = spec.build(3, 500)
    module = nn.Sequential(encoder, nn.Linear(encoder.n_features, 2)).eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    (found,) = attribute(module, make_ecg(), LEADS, RATE, {"a": 1})
    assert sum(found.leads.values()) == pytest.approx(1)
    assert sum(share for _, _, share in found.beats) == pytest.approx(1)
    assert 0 <= found.randomisation <= 1
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


@pytest.fixture(scope="module")
def fitted(tiny):
    """A small model; half of its patients have tall beats in lead II."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = np.stack([make_ecg(seed) for seed in range(60)])
    x *= rng.uniform(0.5, 1.5, (60, 3, 1)).astype(np.float32)
    x[y == 1, 1] *= 3
    model = ECGDiagnosisClassifier(tiny, fine_tune="probe", random_state=0, device="cpu")
    return model.fit(x, y), x[1::2]


def logit(model, x):
    return float(model.decision_function(x[None])[0])


def test_fitted_model_is_attributed_to_the_distinguishing_lead(fitted):
    model, tall = fitted
    found = [attribute(model.net_.module_, x, LEADS, RATE, {"tall": 0})[0] for x in tall[:6]]
    assert np.mean([f.leads["II"] for f in found]) > 0.5
    assert np.mean([f.randomisation for f in found]) < 0.7


def test_ablating_the_top_beats_loses_more_than_random_ones(fitted):
    model, tall = fitted
    rng = np.random.default_rng(0)
    named, random = [], []
    for x in tall[:6]:
        (found,) = attribute(model.net_.module_, x, LEADS, RATE, {"tall": 0})
        starts = [round(start * RATE) for start, _, _ in found.beats]
        effects = np.add.reduceat(found.values, starts, axis=1).ravel()
        segment = np.repeat(np.arange(len(starts)), np.diff([*starts, x.shape[1]]))
        segment = np.arange(3)[:, None] * len(starts) + segment
        n_taken = round(effects.size / 10)

        def lost(taken, x=x, segment=segment):
            return logit(model, x) - logit(model, np.where(np.isin(segment, taken), 0, x))

        named.append(lost(effects.argsort()[-n_taken:]))
        random += [lost(rng.permutation(effects.size)[:n_taken]) for _ in range(5)]
    assert np.mean(named) > 2 * np.mean(random)


@pytest.mark.parametrize("encoder", ["resnet10", "net1d"])
def test_effects_equal_those_of_captum(encoder):
    from captum.attr import FeatureAblation

    torch.manual_seed(0)
    network = resolve_encoder(encoder).build(len(LEADS), 5 * RATE)
    module = nn.Sequential(network, nn.Linear(network.n_features, 3)).eval()
    ecg = make_ecg()
    found = attribute(module, ecg, LEADS, RATE, {"a": 2, "b": 0})
    edges = np.round(np.array([beat[0] for beat in found[0].beats] + [5.0]) * RATE).astype(int)
    n_beats = len(edges) - 1
    beat = np.repeat(np.arange(n_beats), np.diff(edges))
    mask = torch.from_numpy(np.arange(len(LEADS))[:, None] * n_beats + beat)[None]
    for target, part in zip((2, 0), found, strict=True):
        expected = FeatureAblation(module).attribute(
            torch.from_numpy(ecg)[None], target=target, feature_mask=mask, perturbations_per_eval=16
        )[0].numpy()  # fmt: skip
        effects = part.values * np.diff(edges)[beat]
        np.testing.assert_allclose(effects, expected, rtol=1e-5, atol=2e-5)
