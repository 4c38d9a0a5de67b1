"""Per-label calibration, thresholds and conformal prediction sets, by patient."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.calibration._conformal import ConformalSets
    from ecgsk.calibration._multilabel import MultilabelCalibrator
    from ecgsk.calibration._probability import ProbabilityCalibrator
    from ecgsk.calibration._thresholds import choose_thresholds

__all__ = ["ConformalSets", "MultilabelCalibrator", "ProbabilityCalibrator", "choose_thresholds"]
__getattr__, __dir__ = import_on_first_use(__name__)
