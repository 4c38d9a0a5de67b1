"""Option specs of `load_mimic_iv`: inputs, targets and folds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._mimic_iv._labs import AGGREGATES
from ecgsk.exceptions import ECGError

Window = str | tuple[str, str]

#: Column of MIMIC-IV-ECG-Ext-ICD for each setting.
SETTINGS = {"ed": "ed_diag_ed", "hospital": "all_diag_hosp", "both": "all_diag_all"}
#: Characters of an ICD-10 category, such as I48, and of the longest ICD-10-CM code.
CATEGORY_LENGTH, MAX_CODE_LENGTH = 3, 7
_BOOLEANS = (True, False)


@dataclass(frozen=True, kw_only=True)
class MimicInputs:
    """Select the clinical columns of ``X`` in `load_mimic_iv`.

    .. versionadded:: 0.1

    Parameters
    ----------
    lab_window, vitals_window : str or (str, str), default="24h"
        How long before the ECG a laboratory or vital sign input may have been taken
        (``charttime``). Two times are the start and end of the window, counted from
        the ECG.
    lab_aggregates : str or sequence of str, default="nearest"
        How to reduce the values within `lab_window` to one: of ``"nearest"`` (in the
        column ``potassium``), ``"first"``, ``"last"``, ``"min"``, ``"max"``,
        ``"mean"`` and ``"slope"`` (units per hour, for values at two or more times;
        in columns such as ``potassium slope``).
    biometrics_window : str or (str, str), default="30D"
        How far from the ECG, on either side, height and weight may have been
        taken. They have dates, not times; ``("-30D", "0D")`` selects only days
        before the day of the ECG.
    machine_measurements : bool, default=False
        Add the recorder's intervals (ms) and axes (degrees). At inference the table
        must then have them too.
    time_leak : {"error", "allow"}, default="error"
        Whether to raise when `lab_window` or `vitals_window` ends after the ECG.

    Raises
    ------
    ECGError
        When a value is out of range.

    Examples
    --------
    >>> from ecgsk.datasets import MimicInputs
    >>> MimicInputs(lab_window=("-24h", "2h"))
    Traceback (most recent call last):
    ...
    ecgsk.exceptions.ECGError: MimicInputs: lab_window ends 7200 s after the ECG, ...
    """

    lab_window: Window = "24h"
    lab_aggregates: str | Sequence[str] = "nearest"
    vitals_window: Window = "24h"
    biometrics_window: Window = "30D"
    machine_measurements: bool = False
    time_leak: Literal["error", "allow"] = "error"

    def __post_init__(self) -> None:
        _check_choice("MimicInputs", "time_leak", self.time_leak, ("error", "allow"))
        _check_choice("MimicInputs", "machine_measurements", self.machine_measurements, _BOOLEANS)
        if not self.aggregates or not set(self.aggregates) <= set(AGGREGATES):
            raise ECGError(
                f"MimicInputs: lab_aggregates must be of {', '.join(AGGREGATES)}; got "
                f"{self.lab_aggregates!r}. Give one or several, such as ['nearest', 'slope']."
            )
        _ = self.biometrics_seconds
        for name, window in (
            ("lab_window", self.lab_seconds),
            ("vitals_window", self.vitals_seconds),
        ):
            if window[1] > 0 and self.time_leak == "error":
                raise ECGError(
                    f"MimicInputs: {name} ends {window[1]:g} s after the ECG, so inputs could be "
                    "measured after it. End it at '0h', or pass time_leak='allow'."
                )

    @property
    def aggregates(self) -> list[str]:
        """Names in `lab_aggregates`, without repetitions."""
        names: Any = self.lab_aggregates
        several = isinstance(names, Iterable) and not isinstance(names, str)
        return list(dict.fromkeys(names if several else [names]))

    @property
    def lab_seconds(self) -> tuple[float, float]:
        """First and last second of `lab_window`, counted from the ECG."""
        return window_seconds(self.lab_window, "MimicInputs: lab_window")

    @property
    def vitals_seconds(self) -> tuple[float, float]:
        """First and last second of `vitals_window`, counted from the ECG."""
        return window_seconds(self.vitals_window, "MimicInputs: vitals_window")

    @property
    def biometrics_seconds(self) -> tuple[float, float]:
        """First and last second of `biometrics_window`, counted from the ECG."""
        name = "MimicInputs: biometrics_window"
        return window_seconds(self.biometrics_window, name, around=True)


@dataclass(frozen=True, kw_only=True)
class MimicTargets:
    """Define the diagnoses ``Y`` and the laboratory targets of `load_mimic_iv`.

    .. versionadded:: 0.1

    Parameters
    ----------
    target_window : str or (str, str), default="60min"
        How far from the ECG, on either side, a laboratory target may have been
        taken, as in CardioLab [2]_.
    diagnoses : str, optional
        A column of ``records_w_diag_icd10.csv``, such as ``"all_diag_all"``, or
        ``"diagnoses_icd"``, MIMIC's own discharge codes. By default that file's
        column for `setting` where the file exists, else ``"diagnoses_icd"``.
    setting : {"both", "hospital", "ed"}, default="both"
        Which codes label an ECG: the hospital's (``hosp/diagnoses_icd``; for an
        emergency stay, those of the admission that followed), the emergency
        department's (``ed/diagnosis``), or the hospital's and, where it has none,
        the department's: columns ``all_diag_hosp``, ``ed_diag_ed`` and
        ``all_diag_all``.
    icd9 : {"map", "leave"}, default="map"
        Map ICD-9 codes of ``diagnoses_icd`` to ICD-10 by the general equivalence
        mappings, or leave stays with ICD-9 codes alone unlabelled. ``DESCR`` counts
        both.
    icd_digits : int, default=5
        Number of characters to truncate ICD-10 codes to, 3 to 7; each code also
        counts as its ancestors (I48.01 as I4801, I480 and I48) [1]_.
    min_count : int, default=10
        Minimum number of ECGs per diagnosis, after truncation and propagation.

    Raises
    ------
    ECGError
        When a value is out of range.

    References
    ----------
    .. [1] Strodthoff, Lopez Alcaraz and Haverkamp, "Prospects for artificial
       intelligence-enhanced electrocardiogram as a unified screening tool for
       cardiac and non-cardiac conditions", European Heart Journal - Digital
       Health, 2024 (MIMIC-IV-ECG-Ext-ICD).
    .. [2] Lopez Alcaraz and Strodthoff, "CardioLab: Laboratory values estimation
       and monitoring from electrocardiogram signals", 2024 (abnormality within
       60 minutes).

    Examples
    --------
    >>> from ecgsk.datasets import MimicTargets
    >>> MimicTargets(icd_digits=3) == MimicTargets(icd_digits=3, min_count=10)
    True
    """

    target_window: Window = "60min"
    diagnoses: str | None = None
    setting: Literal["both", "hospital", "ed"] = "both"
    icd9: Literal["map", "leave"] = "map"
    icd_digits: int = 5
    min_count: int = 10

    def __post_init__(self) -> None:
        _check_choice("MimicTargets", "setting", self.setting, tuple(SETTINGS))
        _check_choice("MimicTargets", "icd9", self.icd9, ("map", "leave"))
        _ = self.target_seconds
        digits = range(CATEGORY_LENGTH, MAX_CODE_LENGTH + 1)
        if self.icd_digits not in digits:
            raise ECGError(
                f"MimicTargets: icd_digits must be {digits[0]} to {digits[-1]}, "
                f"got {self.icd_digits!r}."
            )
        if not _is_count(self.min_count) or self.min_count < 1:
            raise ECGError(
                f"MimicTargets: min_count must be a positive integer, got {self.min_count!r}."
            )

    @property
    def target_seconds(self) -> tuple[float, float]:
        """First and last second of `target_window`, counted from the ECG."""
        return window_seconds(self.target_window, "MimicTargets: target_window", around=True)


@dataclass(frozen=True, kw_only=True)
class MimicFolds:
    """Split the patients of `load_mimic_iv` into training, validation and test folds.

    .. versionadded:: 0.1

    Parameters
    ----------
    split : (int, int, int), default=(18, 1, 1)
        Numbers of folds for training, validation and test. For twenty folds in
        total, those stated in ``records_w_diag_icd10.csv`` are used where that file
        has them.
    stratify : bool, default=True
        Balance diagnoses, sex and age across folds; otherwise assign patients to
        folds at random.
    first_per_stay : bool, default=True
        Keep, in validation and test, only the first ECG of each stay: several of
        one stay share its codes. ECGs outside every stay are kept.
    random_state : int, default=0
        Seeds the folds where none are stated.

    Raises
    ------
    ECGError
        When a value is out of range.

    Examples
    --------
    >>> from ecgsk.datasets import MimicFolds
    >>> MimicFolds(split=(8, 1, 1))
    MimicFolds(split=(8, 1, 1), stratify=True, first_per_stay=True, random_state=0)
    """

    split: tuple[int, int, int] = (18, 1, 1)
    stratify: bool = True
    first_per_stay: bool = True
    random_state: int = 0

    def __post_init__(self) -> None:
        _check_choice("MimicFolds", "stratify", self.stratify, _BOOLEANS)
        _check_choice("MimicFolds", "first_per_stay", self.first_per_stay, _BOOLEANS)
        if not _is_count(self.random_state):
            raise ECGError(
                f"MimicFolds: random_state must be 0 or a positive integer, got "
                f"{self.random_state!r}."
            )
        counts = self.split if isinstance(self.split, Sequence) else ()
        if len(counts) != 3 or not all(map(_is_count, counts)) or counts[0] < 1:
            raise ECGError(
                "MimicFolds: split must be three numbers of folds, for training, validation and "
                f"test; got {self.split!r}. Give such as (18, 1, 1)."
            )


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and number >= 0


def _check_choice(spec: str, name: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        raise ECGError(
            f"{spec}: {name} must be one of {', '.join(map(repr, known))}; got {value!r}."
        )


def window_seconds(window: Window, name: str, *, around: bool = False) -> tuple[float, float]:
    """Convert a window to its first and last second, counted from the ECG.

    One time is that long before the ECG, or with `around` also after it. Two times are
    start and end, negative before the ECG.
    """
    try:
        if isinstance(window, str):
            length = pd.Timedelta(window).total_seconds()
            start, end = -length, (length if around else 0.0)
        else:
            start, end = (pd.Timedelta(end).total_seconds() for end in window)
    except (ValueError, TypeError) as error:
        raise ECGError(
            f"{name}={window!r} is not a time: {error}. "
            "Give one such as '24h', or two such as ('-24h', '0h')."
        ) from error
    if not start <= end:
        raise ECGError(
            f"{name}={window!r} ends before it starts. "
            "Give times after the ECG as positive, those before it as negative."
        )
    return start, end
