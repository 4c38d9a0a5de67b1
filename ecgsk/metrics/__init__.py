"""Multi-label scores with missing labels, patient-bootstrap intervals and effective rank."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.metrics._bootstrap import paired_difference, patient_bootstrap
    from ecgsk.metrics._calibration_curve import calibration_curve
    from ecgsk.metrics._calibration_slope import calibration_slope
    from ecgsk.metrics._cohorts import combine_cohorts
    from ecgsk.metrics._compare import compare_labels
    from ecgsk.metrics._masked import (
        masked_average_precision,
        masked_average_precision_scorer,
        masked_f_max,
        masked_roc_auc,
        masked_roc_auc_scorer,
    )
    from ecgsk.metrics._net_benefit import net_benefit
    from ecgsk.metrics._probability import masked_brier_score, masked_calibration_error
    from ecgsk.metrics._rank import effective_rank
    from ecgsk.metrics._result import BootstrapResult, GapClosed, gap_closed
    from ecgsk.metrics._subgroups import subgroup_scores
    from ecgsk.metrics._windows import aggregate_windows

__all__ = [
    "BootstrapResult",
    "GapClosed",
    "aggregate_windows",
    "calibration_curve",
    "calibration_slope",
    "combine_cohorts",
    "compare_labels",
    "effective_rank",
    "gap_closed",
    "masked_average_precision",
    "masked_average_precision_scorer",
    "masked_brier_score",
    "masked_calibration_error",
    "masked_f_max",
    "masked_roc_auc",
    "masked_roc_auc_scorer",
    "net_benefit",
    "paired_difference",
    "patient_bootstrap",
    "subgroup_scores",
]
__getattr__, __dir__ = import_on_first_use(__name__)
