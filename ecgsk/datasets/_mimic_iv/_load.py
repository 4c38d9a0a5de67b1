"""MIMIC-IV without choices of split and labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._mimic_iv._build import build_mimic_iv_cohort
from ecgsk.datasets._mimic_iv._windows import Window
from ecgsk.signals import STANDARD_12_LEADS


def load_mimic_iv(
    ecg: str | Path,
    hosp: str | Path,
    ed: str | Path | None = None,
    *,
    labs: Sequence[str] | pd.DataFrame | None = None,
    lab_window: Window = "24h",
    target_window: Window = "60min",
    vitals_window: Window = "24h",
    biometrics_window: Window = "30D",
    time_leak: Literal["error", "allow"] = "error",
    diagnoses: str | None = None,
    icd_digits: int = 5,
    min_count: int = 10,
    leads: Sequence[str] = STANDARD_12_LEADS,
    sampling_rate: float | None = None,
    errors: Literal["list", "raise"] = "list",
    random_state: int = 0,
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load every readable ECG of MIMIC-IV-ECG joined to MIMIC-IV and MIMIC-IV-ED.

    `build_mimic_iv_cohort` with all ECGs kept, folds drawn by subject alone where
    none are stated, and stays coded in ICD-9 left unlabelled.

    Parameters
    ----------
    ecg, hosp, ed : path-like
        Folders as PhysioNet ships them; `ed` may be left out.
    labs, lab_window, target_window, vitals_window, biometrics_window, time_leak
        See `build_mimic_iv_cohort`.
    diagnoses, icd_digits, min_count, leads, sampling_rate, errors
        See `build_mimic_iv_cohort`; ``"diagnoses_icd"`` means the hospital's codes.
    random_state, return_X_y, progress
        See `build_mimic_iv_cohort`.

    Returns
    -------
    Cohort
        See `build_mimic_iv_cohort`.

    See Also
    --------
    build_mimic_iv_cohort : The same with every choice.

    Examples
    --------
    >>> from ecgsk.datasets import load_mimic_iv
    >>> load_mimic_iv("ecg", "nowhere")
    Traceback (most recent call last):
    ...
    ecgsk.exceptions.RecordReadError: build_mimic_iv_cohort: ecg='ecg' is no folder. ...
    """
    return build_mimic_iv_cohort(
        ecg,
        hosp,
        ed,
        labs=labs,
        lab_window=lab_window,
        target_window=target_window,
        vitals_window=vitals_window,
        biometrics_window=biometrics_window,
        time_leak=time_leak,
        diagnoses=diagnoses,
        setting="hospital" if diagnoses == "diagnoses_icd" else "both",
        icd9="leave",
        icd_digits=icd_digits,
        min_count=min_count,
        stratify=False,
        first_per_stay=False,
        leads=leads,
        sampling_rate=sampling_rate,
        errors=errors,
        random_state=random_state,
        return_X_y=return_X_y,
        progress=progress,
    )
