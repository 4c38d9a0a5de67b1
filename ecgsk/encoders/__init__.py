"""ECG encoders: one architecture per file, a torch module and the spec that builds it."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.encoders._base import Encoder, EncoderModule
    from ecgsk.encoders.clinical import ClinicalMLP
    from ecgsk.encoders.ensemble import EncoderEnsemble
    from ecgsk.encoders.inception_time import InceptionTime
    from ecgsk.encoders.net1d import Net1D
    from ecgsk.encoders.pretrained import PretrainedEncoder, RecordScaled
    from ecgsk.encoders.random_convolution import RandomConvolution
    from ecgsk.encoders.resnet1d import ResNet1d
    from ecgsk.encoders.s4 import S4
    from ecgsk.encoders.vit1d import ViT1d
    from ecgsk.encoders.xresnet1d import XResNet1d

__all__ = [
    "S4",
    "ClinicalMLP",
    "Encoder",
    "EncoderEnsemble",
    "EncoderModule",
    "InceptionTime",
    "Net1D",
    "PretrainedEncoder",
    "RandomConvolution",
    "RecordScaled",
    "ResNet1d",
    "ViT1d",
    "XResNet1d",
]
__getattr__, __dir__ = import_on_first_use(__name__)
