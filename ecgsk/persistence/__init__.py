"""Save and load fitted models as safetensors and JSON, without pickle."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.persistence._save import load, save

__all__ = ["load", "save"]
__getattr__, __dir__ = import_on_first_use(__name__)
