"""Encoders: one architecture a file, each a torch module and the spec that builds it."""

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._registry import ENCODERS, resolve_encoder
from ecgsk.encoders.clinical import ClinicalMLP, ClinicalMLPModule
from ecgsk.encoders.inception_time import InceptionTime, InceptionTimeModule
from ecgsk.encoders.net1d import Net1D, Net1DModule
from ecgsk.encoders.pretrained import PretrainedEncoder, RecordScaled, RecordScaledModule
from ecgsk.encoders.random_convolution import RandomConvolution, RandomConvolutionModule
from ecgsk.encoders.resnet1d import ResNet1d, ResNet1dModule
from ecgsk.encoders.s4 import S4, S4Module
from ecgsk.encoders.vit1d import ViT1d, ViT1dModule
from ecgsk.encoders.xresnet1d import XResNet1d, XResNet1dModule

__all__ = [
    "ENCODERS",
    "S4",
    "ClinicalMLP",
    "ClinicalMLPModule",
    "Encoder",
    "EncoderModule",
    "InceptionTime",
    "InceptionTimeModule",
    "Net1D",
    "Net1DModule",
    "PretrainedEncoder",
    "RandomConvolution",
    "RandomConvolutionModule",
    "RecordScaled",
    "RecordScaledModule",
    "ResNet1d",
    "ResNet1dModule",
    "S4Module",
    "ViT1d",
    "ViT1dModule",
    "XResNet1d",
    "XResNet1dModule",
    "resolve_encoder",
]
