"""Self-supervised objectives, one a file: each a torch module and the spec that builds it."""

from collections.abc import Callable

from ecgsk.objectives._base import Objective, ObjectiveModule
from ecgsk.objectives.barlow_twins import BarlowTwins, BarlowTwinsModule
from ecgsk.objectives.ecg_contrast import ECGContrast, ECGContrastModule
from ecgsk.objectives.info_nce import InfoNCE, InfoNCEModule
from ecgsk.objectives.objective_sum import ObjectiveSum, ObjectiveSumModule
from ecgsk.objectives.sig_lip import SigLIP, SigLIPModule
from ecgsk.objectives.sig_reg import SIGReg, SIGRegModule
from ecgsk.objectives.supervised import MaskedBCE
from ecgsk.objectives.table_prediction import TablePrediction, TablePredictionModule
from ecgsk.objectives.vicreg import VICReg, VICRegModule

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
    """Return the objective a parameter stands for.

    Parameters
    ----------
    objective : str or Objective
        A name of ``OBJECTIVES`` or a spec.

    Examples
    --------
    >>> from ecgsk.objectives import resolve_objective
    >>> resolve_objective("clip")
    InfoNCE()
    """
    if isinstance(objective, Objective):
        return objective
    if objective not in OBJECTIVES:
        raise ValueError(
            f"Unknown objective {objective!r}; expected one of {sorted(OBJECTIVES)} "
            "or a spec such as InfoNCE()."
        )
    return OBJECTIVES[objective]()


__all__ = [
    "OBJECTIVES",
    "BarlowTwins",
    "BarlowTwinsModule",
    "ECGContrast",
    "ECGContrastModule",
    "InfoNCE",
    "InfoNCEModule",
    "MaskedBCE",
    "Objective",
    "ObjectiveModule",
    "ObjectiveSum",
    "ObjectiveSumModule",
    "SIGReg",
    "SIGRegModule",
    "SigLIP",
    "SigLIPModule",
    "TablePrediction",
    "TablePredictionModule",
    "VICReg",
    "VICRegModule",
    "resolve_objective",
]
