"""Use of a fitted model: predictions for many records, and its export to other runtimes."""

from ecgsk.deployment._bulk import predict_records, write_predictions

__all__ = ["predict_records", "write_predictions"]
