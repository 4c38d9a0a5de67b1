"""EncoderEnsemble: embeddings of its members side by side."""

import pytest
import torch

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import EncoderEnsemble, RandomConvolution, RecordScaled, ResNet1d

MEMBERS = [ResNet1d(10, width=2), RandomConvolution(84)]


def test_embedding_is_that_of_each_member_side_by_side():
    module = EncoderEnsemble(MEMBERS).build(2, 200).eval()
    x = torch.randn(4, 2, 200)
    module.set_thresholds(x)
    with torch.no_grad():
        first, second = (member(x) for member in module.members)
        assert torch.equal(module(x), torch.cat([first, second], dim=1))


@pytest.mark.parametrize(
    "wrong", [[], [ResNet1d()], ResNet1d(), ["resnet10", "s4"], [EncoderEnsemble(), ResNet1d()]]
)
def test_members_are_two_specs_or_more(wrong):
    with pytest.raises(ValueError, match=r"EncoderEnsemble: encoders must be None or two specs"):
        EncoderEnsemble(wrong).build(2, 200)


def test_members_take_the_same_input():
    with pytest.raises(ValueError, match="either all members scale their input"):
        EncoderEnsemble([RecordScaled(ResNet1d(10)), ResNet1d(10)]).build(2, 200)


def test_pretrainer_refuses_an_ensemble():
    X = make_clinical_ecg(8, random_state=0).X
    with pytest.raises(ValueError, match=r"expected one encoder, got .*n_models"):
        JointEmbeddingPretrainer("ensemble", max_epochs=1, verbose=0).fit(X)
