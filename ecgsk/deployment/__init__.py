"""Use of a fitted model: predictions for many records, and its export to other runtimes."""

from ecgsk.deployment._onnx import export

__all__: list[str] = ["export"]
