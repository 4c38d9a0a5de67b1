"""Backbone (augmentation, scaling, encoder): building and initialising."""

import numpy as np

from ecgsk.encoders import Encoder, EncoderModule
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.estimators._inputs import Signature
from ecgsk.training import Augmentation
from ecgsk.training.batches import BatchDataset
from ecgsk.training.modules import Backbone

_CALIBRATION_RECORDS = 256


def check_encoder(encoder: Encoder | str, signature: Signature) -> Encoder:
    """Check an encoder against the signals of a fit; return the spec to build."""
    spec = resolve_encoder(encoder)
    spec.check_signal(signature.leads, signature.sampling_rate)
    return spec.architecture()


def build_augmentation(augmentation: Augmentation | None, sampling_rate: float | None):
    """Build the augmentation module; the default for None."""
    return (Augmentation() if augmentation is None else augmentation).build(sampling_rate)


def build_backbone(
    encoder: Encoder,
    augmentation: Augmentation | None,
    signature: Signature,
    scale: tuple[np.ndarray, np.ndarray],
) -> Backbone:
    """Build a backbone with fresh weights for records of a signature and scale."""
    augment = build_augmentation(augmentation, signature.sampling_rate)
    if encoder.scales_itself:
        scale = np.zeros_like(scale[0]), np.ones_like(scale[1])
    return Backbone(encoder.build(*signature.shape), augment, *scale)


def initialise_backbone(backbone: Backbone, encoder: Encoder | str, data: BatchDataset) -> None:
    """Load published weights; set untrained thresholds from some training records."""
    resolve_encoder(encoder).load_weights(backbone.encoder)
    if type(backbone.encoder).set_thresholds is EncoderModule.set_thresholds:
        return
    some = np.linspace(0, len(data) - 1, min(len(data), _CALIBRATION_RECORDS))
    backbone.set_thresholds(data.__getitems__(some.round().astype(int))[0]["ecg"])
