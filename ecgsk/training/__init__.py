"""The engine: skorch nets fed with whole batches."""

from ._batches import BatchDataset, SignalReader
from ._device import autocast, forked_rng, resolve_device
from ._modules import Backbone, DiagnosisModule, MeasuredValues, PretrainingModule
from ._net import ECGNet, MeanOutput, history_frame, resolve_batch_size, run, train
from .augmentation import Augmentation, AugmentationModule

__all__ = [
    "Augmentation",
    "AugmentationModule",
    "Backbone",
    "BatchDataset",
    "DiagnosisModule",
    "ECGNet",
    "MeanOutput",
    "MeasuredValues",
    "PretrainingModule",
    "SignalReader",
    "autocast",
    "forked_rng",
    "history_frame",
    "resolve_batch_size",
    "resolve_device",
    "run",
    "train",
]
