"""Encoders: one architecture a file, each a torch module and the spec that builds it."""

from ._base import Encoder, EncoderModule
from ._registry import ENCODERS, resolve_encoder
from .clinical import ClinicalMLP, ClinicalMLPModule
from .resnet1d import ResNet1d, ResNet1dModule

__all__ = [
    "ENCODERS",
    "ClinicalMLP",
    "ClinicalMLPModule",
    "Encoder",
    "EncoderModule",
    "ResNet1d",
    "ResNet1dModule",
    "resolve_encoder",
]
