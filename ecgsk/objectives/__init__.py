"""Self-supervised objectives, one a file: each a torch module and the spec that builds it."""

from collections.abc import Callable

from ecgsk.objectives._base import Objective, ObjectiveModule
from ecgsk.objectives.ecg_contrast import ECGContrast, ECGContrastModule
from ecgsk.objectives.info_nce import InfoNCE, InfoNCEModule
from ecgsk.objectives.supervised import MaskedBCE
from ecgsk.objectives.table_prediction import TablePrediction, TablePredictionModule

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "clip": InfoNCE,
    "table_prediction": TablePrediction,
    "ecg_contrast": ECGContrast,
}


def resolve_objective(objective: str | Objective) -> Objective:
    """Return the objective a parameter stands for.

    Parameters
    ----------
    objective : {"clip", "table_prediction", "ecg_contrast"} or Objective
        A name or a spec.

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
    "ECGContrast",
    "ECGContrastModule",
    "InfoNCE",
    "InfoNCEModule",
    "MaskedBCE",
    "Objective",
    "ObjectiveModule",
    "TablePrediction",
    "TablePredictionModule",
    "resolve_objective",
]
