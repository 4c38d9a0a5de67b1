"""Self-supervised objectives: one per file, a torch module and the spec that builds it."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.objectives._base import Objective, ObjectiveModule
    from ecgsk.objectives.barlow_twins import BarlowTwins
    from ecgsk.objectives.ecg_contrast import ECGContrast
    from ecgsk.objectives.info_nce import InfoNCE
    from ecgsk.objectives.objective_sum import ObjectiveSum
    from ecgsk.objectives.sig_lip import SigLIP
    from ecgsk.objectives.sig_reg import SIGReg
    from ecgsk.objectives.table_prediction import TablePrediction
    from ecgsk.objectives.vicreg import VICReg

__all__ = [
    "BarlowTwins",
    "ECGContrast",
    "InfoNCE",
    "Objective",
    "ObjectiveModule",
    "ObjectiveSum",
    "SIGReg",
    "SigLIP",
    "TablePrediction",
    "VICReg",
]
__getattr__, __dir__ = import_on_first_use(__name__)
