"""Comparison of training arms on one patient split: scores, tables, figures and model card."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.evaluation._compare import compare_arms
    from ecgsk.evaluation._comparison import ArmsComparison, ArmScore
    from ecgsk.evaluation._curves import MultilabelCalibrationDisplay, NetBenefitDisplay
    from ecgsk.evaluation._forests import LabelScoresDisplay, SubgroupDisplay
    from ecgsk.evaluation.arms import ARMS, JOINT_EMBEDDING
    from ecgsk.evaluation.cards import model_card
    from ecgsk.evaluation.tables import write_tables

__all__ = [
    "ARMS",
    "JOINT_EMBEDDING",
    "ArmScore",
    "ArmsComparison",
    "LabelScoresDisplay",
    "MultilabelCalibrationDisplay",
    "NetBenefitDisplay",
    "SubgroupDisplay",
    "compare_arms",
    "model_card",
    "write_tables",
]
__getattr__, __dir__ = import_on_first_use(__name__)
