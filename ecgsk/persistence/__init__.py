"""Save and load fitted models as safetensors and JSON, without pickle."""

from ecgsk.persistence._save import load, save

__all__ = ["load", "save"]
