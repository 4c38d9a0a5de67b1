"""Training engine: a skorch net over whole batches, its settings and its augmentation."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.training.augmentation import Augmentation
    from ecgsk.training.trainer import Trainer

__all__ = ["Augmentation", "Trainer"]
__getattr__, __dir__ = import_on_first_use(__name__)
