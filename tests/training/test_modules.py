"""Backbone in evaluation mode: whole records or the mean over crops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.encoders import ResNet1d
from ecgsk.training import Augmentation
from ecgsk.training.modules import Backbone
from ecgsk.training.prediction import EMBEDDING_MULTIPLE

_MEAN, _SCALE = np.array([0.1, -0.2]), np.array([2.0, 0.5])


def backbone(**parameters) -> Backbone:
    torch.manual_seed(0)
    encoder = ResNet1d(10, width=2).build(2, 400)
    return Backbone(encoder, Augmentation(**parameters).build(100.0), _MEAN, _SCALE).eval()


def test_embedding_is_the_mean_over_evenly_spaced_crops():
    module, x = backbone(crop=0.5, test_crops=5), torch.randn(3, 2, 1000)
    whole = backbone()
    with torch.no_grad():
        found = module(x, augment=False)
        crops = [whole(x[:, :, i : i + 500], augment=False) for i in (0, 125, 250, 375, 500)]
    torch.testing.assert_close(found, torch.stack(crops).mean(0))
    assert not torch.allclose(found, whole(x, augment=False), atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 450), st.floats(0.05, 1.0), st.integers(1, 9))
def test_crops_have_the_training_length_and_reach_both_ends(n_times, crop, n_crops):
    augmentation = Augmentation(crop=crop, test_crops=n_crops).build(100.0)
    x = torch.arange(float(n_times)).expand(2, 1, -1)
    crops = augmentation.crops(x)
    assert len(crops) in (1, n_crops)
    if len(crops) == 1:
        torch.testing.assert_close(crops[0], x)
    else:
        assert {part.shape for part in crops} == {augmentation(x).shape}
        assert crops[0][0, 0, 0] == 0
        assert crops[-1][0, 0, -1] == n_times - 1


def test_a_record_of_crops_does_not_depend_on_its_neighbours():
    module = backbone(crop=0.25, test_crops=5)
    x = torch.randn(2 * EMBEDDING_MULTIPLE, 2, 1000)
    with torch.no_grad():
        among = module(x, augment=False)[:1]
        alone = module(x[:1].expand(EMBEDDING_MULTIPLE, -1, -1), augment=False)[:1]
    assert torch.equal(alone, among)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, None])
def test_number_of_crops_is_checked(wrong):
    with pytest.raises(ValueError, match=r"Augmentation: test_crops must be a positive int, got"):
        Augmentation(test_crops=wrong).build(100.0)
