"""Use of a fitted model: predictions for many records, and its export to other runtimes."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.deployment._bulk import predict_records, write_predictions
    from ecgsk.deployment._onnx import export

__all__ = ["export", "predict_records", "write_predictions"]
__getattr__, __dir__ = import_on_first_use(__name__)
