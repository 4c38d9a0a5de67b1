"""The engine: skorch nets fed with whole batches."""

from ecgsk.training._batches import BatchDataset, SignalReader
from ecgsk.training._callbacks import EffectiveRank
from ecgsk.training._device import autocast, device_at_hand, forked_rng, resolve_device
from ecgsk.training._feed import Feed
from ecgsk.training._modules import Backbone, DiagnosisModule, MeasuredValues, PretrainingModule
from ecgsk.training._net import ECGNet, MeanOutput, history_frame, resolve_batch_size, run, train
from ecgsk.training._sampling import draw
from ecgsk.training._together import Together
from ecgsk.training.augmentation import Augmentation, AugmentationModule

__all__ = [
    "Augmentation",
    "AugmentationModule",
    "Backbone",
    "BatchDataset",
    "DiagnosisModule",
    "ECGNet",
    "EffectiveRank",
    "Feed",
    "MeanOutput",
    "MeasuredValues",
    "PretrainingModule",
    "SignalReader",
    "Together",
    "autocast",
    "device_at_hand",
    "draw",
    "forked_rng",
    "history_frame",
    "resolve_batch_size",
    "resolve_device",
    "run",
    "train",
]
