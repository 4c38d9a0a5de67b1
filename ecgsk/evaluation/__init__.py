"""Does the joint embedding help, and where: all arms on one patient split."""

from ecgsk.evaluation._arms import ARMS, OURS
from ecgsk.evaluation._compare import compare_arms
from ecgsk.evaluation._comparison import ArmsComparison, ArmScore

__all__ = ["ARMS", "OURS", "ArmScore", "ArmsComparison", "compare_arms"]
