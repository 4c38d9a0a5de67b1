"""Training engine: a skorch net over whole batches, its settings and its augmentation."""

from ecgsk.training.augmentation import Augmentation
from ecgsk.training.trainer import Trainer

__all__ = ["Augmentation", "Trainer"]
