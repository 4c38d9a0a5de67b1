"""Names of self-supervised objectives."""

from collections.abc import Callable

from ecgsk.objectives._base import Objective
from ecgsk.objectives.barlow_twins import BarlowTwins
from ecgsk.objectives.ecg_contrast import ECGContrast
from ecgsk.objectives.info_nce import InfoNCE
from ecgsk.objectives.sig_lip import SigLIP
from ecgsk.objectives.sig_reg import SIGReg
from ecgsk.objectives.table_prediction import TablePrediction
from ecgsk.objectives.vicreg import VICReg

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "clip": InfoNCE,
    "siglip": SigLIP,
    "table_prediction": TablePrediction,
    "vicreg": VICReg,
    "barlow_twins": BarlowTwins,
    "ecg_contrast": ECGContrast,
    "sigreg": SIGReg,
}


def resolve_objective(objective: str | Objective) -> Objective:
    """Return the objective of a name in ``OBJECTIVES``, or the given spec."""
    if isinstance(objective, Objective):
        return objective
    if objective not in OBJECTIVES:
        raise ValueError(
            f"Unknown objective {objective!r}; expected one of {sorted(OBJECTIVES)} "
            "or a spec such as InfoNCE()."
        )
    return OBJECTIVES[objective]()
