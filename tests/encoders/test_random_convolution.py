"""RandomConvolution: MiniRocket's kernels, and thresholds from training records."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution

SMALL = RandomConvolution(84)


def build(spec=SMALL, n_leads=3, n_times=200, seed=0):
    torch.manual_seed(seed)
    return spec.build(n_leads, n_times)


def naive_shares(module, x):
    """Compute the features one by one, from the definition."""
    n_samples, n_leads, n_times = x.shape
    features = []
    n_kernels = len(module.weight) // len(module.dilations)
    for number, (kernel, thresholds) in enumerate(zip(module.weight, module.bias, strict=True)):
        dilation = module.dilations[number // n_kernels]
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (4 * dilation, 4 * dilation)))
        response = np.zeros((n_samples, n_times))
        for lead in range(n_leads):
            for tap in range(9):
                weight = kernel[lead, 0, tap].item()
                response += weight * padded[:, lead, tap * dilation : tap * dilation + n_times]
        features.append([(response > b).mean(axis=1) for b in thresholds.tolist()])
    return np.array(features)  # (kernels, thresholds, records)


@settings(max_examples=15)
@given(st.integers(1, 15), st.integers(1, 300), st.integers(1, 3), st.integers(1, 300))
def test_any_leads_and_length(n_leads, n_times, n_records, n_seen_times):
    module = build(n_leads=n_leads, n_times=n_times)
    embedding = module(torch.randn(n_records, n_leads, n_seen_times))
    assert embedding.shape == (n_records, module.n_features)
    assert ((embedding >= 0) & (embedding <= 1)).all()


def test_kernels_are_those_of_the_paper():
    module = build(n_leads=1)
    kernels = module.weight[:84, 0, 0]
    assert len({tuple(kernel.tolist()) for kernel in kernels}) == 84
    assert ((kernels == 2).sum(dim=1) == 3).all()
    assert ((kernels == -1).sum(dim=1) == 6).all()
    assert module.dilations == (1, 2, 4, 8, 16)  # 8 * 16 fit into 200 samples


def test_kernels_have_few_random_leads():
    module = build(n_leads=12, n_times=1000)
    n_seen = (module.weight[:, :, 0, 0] != 0).sum(dim=1)
    assert n_seen.min() == 1
    assert n_seen.max() <= 9
    assert n_seen.float().mean() < 6
    assert not torch.equal(module.weight, build(n_leads=12, n_times=1000, seed=1).weight)
    torch.testing.assert_close(module.weight, build(n_leads=12, n_times=1000).weight)


@pytest.mark.parametrize("fitted", [False, True])
def test_features_are_shares_of_time(fitted):
    module = build(RandomConvolution(2 * 84 * 5))
    x = torch.randn(4, 3, 200)
    if fitted:
        module.set_thresholds(x)
    expected = naive_shares(module, x)
    # Threshold by threshold within the kernels that are computed together.
    blocks = expected.reshape(-1, 14, *expected.shape[1:]).swapaxes(1, 2)
    # A response that meets a threshold but for rounding is one position.
    np.testing.assert_allclose(module(x), blocks.reshape(-1, 4).T, atol=1.5 / 200)
    torch.testing.assert_close(module.forward_features(x).mean(-1), module(x))


def test_thresholds_are_quantiles_of_the_training_responses():
    module = build(RandomConvolution(3000), n_leads=2, n_times=400)
    x = 50 * torch.randn(32, 2, 400).cumsum(-1)  # far from what is expected of scaled records
    assert module(x).mean(0).std() < 0.1  # every threshold is next to zero there
    module.set_thresholds(x)
    shares = module(x).mean(0).numpy()
    # Levels fill (0, 1) evenly, so the shares above them do.
    np.testing.assert_allclose(np.quantile(shares, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.05)


def test_long_records_use_a_stride():
    module = build(n_times=5000)
    time = torch.linspace(0, 60, 5000)
    x = torch.sin(torch.stack([time, 2.3 * time, 3.1 * time]))[None]
    module.set_thresholds(x)
    assert module.forward_features(x).shape[-1] == 500
    shares = np.concatenate(naive_shares(module, x))[:, 0]
    np.testing.assert_allclose(np.sort(module(x)[0]), np.sort(shares), atol=0.02)


def test_state_dict_holds_all_buffers_and_no_parameter():
    module = build()
    module.set_thresholds(torch.randn(4, 3, 200))
    assert not list(module.parameters())
    other = build(seed=1)
    other.load_state_dict(module.state_dict())
    x = torch.randn(2, 3, 200)
    torch.testing.assert_close(other(x), module(x), atol=0, rtol=0)


def test_missing_lead_gives_finite_features():
    x = torch.randn(4, 3, 200)
    x[:, 1] = 0
    module = build()
    module.set_thresholds(x)
    assert torch.isfinite(module(x)).all()


def test_number_of_features():
    for wanted, got in ((1, 84 * 7), (2500, 84 * 28), (10_000, 84 * 119)):
        module = RandomConvolution(wanted).build(12, 1000)
        assert module.n_features == got
    with pytest.raises(ValueError, match="n_features must be positive, got 0"):
        RandomConvolution(0).build(12, 1000)


def test_classifier_sets_thresholds_and_fits_a_probe():
    X, Y = make_clinical_ecg(n_subjects=30, random_state=0, return_X_y=True)
    Y = Y.loc[:, Y.nunique() == 2]
    model = ECGDiagnosisClassifier(SMALL, random_state=0, verbose=False).fit(X, Y)
    assert model.recipe_.fine_tune == "probe"
    assert len(model.history_) == 0
    shares = model.transform(X)
    np.testing.assert_allclose(np.quantile(shares.mean(axis=0), 0.5), 0.5, atol=0.05)
    again = ECGDiagnosisClassifier(SMALL, random_state=0, verbose=False).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_pretrainer_sets_thresholds():
    X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
    Y = Y.loc[:, Y.nunique() == 2]
    pretrainer = JointEmbeddingPretrainer(SMALL, max_epochs=1, random_state=0, verbose=False)
    model = ECGDiagnosisClassifier(pretrainer, random_state=0, verbose=False).fit(X, Y)
    assert model.recipe_.fine_tune == "probe"
    np.testing.assert_allclose(np.median(model.transform(X).mean(axis=0)), 0.5, atol=0.05)
