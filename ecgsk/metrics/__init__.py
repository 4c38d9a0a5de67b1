"""Scores for labels that are partly unmeasured, with intervals by patient; embeddings' rank."""

from ecgsk.metrics._bootstrap import paired_difference, patient_bootstrap
from ecgsk.metrics._masked import (
    masked_average_precision,
    masked_average_precision_scorer,
    masked_roc_auc,
    masked_roc_auc_scorer,
)
from ecgsk.metrics._rank import effective_rank
from ecgsk.metrics._result import BootstrapResult, GapClosed, gap_closed

__all__ = [
    "BootstrapResult",
    "GapClosed",
    "effective_rank",
    "gap_closed",
    "masked_average_precision",
    "masked_average_precision_scorer",
    "masked_roc_auc",
    "masked_roc_auc_scorer",
    "paired_difference",
    "patient_bootstrap",
]
