"""Parts of an explanation: diagnoses, laboratory findings, evidence, attributions."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

# Usual spelling of words in the names of laboratories and diagnoses.
_SPELLING = {
    "alp": "ALP", "alt": "ALT", "ast": "AST", "bmi": "BMI", "bnp": "BNP", "bun": "BUN",
    "ck": "CK", "ckmb": "CK-MB", "copd": "COPD", "crp": "CRP", "d_dimer": "D-dimer",
    "dimer": "dimer", "egfr": "eGFR", "hba1c": "HbA1c", "hdl": "HDL", "inr": "INR", "ldl": "LDL",
    "nt_probnp": "NT-proBNP", "ntprobnp": "NT-proBNP", "pco2": "pCO2", "ph": "pH", "po2": "pO2",
    "ptt": "PTT", "t4": "T4", "tsh": "TSH",
}  # fmt: skip


def display_name(name: str) -> str:
    """Return a name for readers: ``"nt_probnp high"`` is ``"NT-proBNP high"``.

    Names with capitals or spaces of their own keep them.
    """
    words = [_SPELLING.get(word.lower(), word.replace("_", " ")) for word in name.split(" ")]
    return " ".join(words)


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of one record.

    .. versionadded:: 0.1

    Attributes
    ----------
    name : str
        Name of the label.
    probability : float
        Between 0 and 1; calibrated after ``calibrate``.
    threshold : float
        The diagnosis is predicted above it.
    answers : tuple of bool or None
        Conformal prediction set of absent (False) and present (True); None if the
        diagnosis is not calibrated.
    coverage : float or None
        Minimum probability that such sets hold the truth, among patients with and among
        those without the diagnosis; None if not calibrated.
    title : str
        Name to show, such as ``"Atrial fibrillation (I48)"``; by default made from the name.
    recorded : bool or None
        Whether the diagnosis is recorded for this ECG; None if not known.
    """

    name: str
    probability: float
    threshold: float
    answers: tuple[bool, ...] | None = None
    coverage: float | None = None
    title: str = ""
    recorded: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or display_name(self.name))

    @property
    def predicted(self) -> bool:
        """True if the probability is above the threshold."""
        return self.probability > self.threshold

    @property
    def decision(self) -> Literal["present", "absent", "uncertain"]:
        """Decision: "uncertain" unless the set holds the answer of the threshold alone."""
        if self.answers not in (None, (self.predicted,)):
            return "uncertain"
        return "present" if self.predicted else "absent"


@dataclass(frozen=True)
class LabFinding:
    """One laboratory abnormality of one record.

    .. versionadded:: 0.1

    Attributes
    ----------
    laboratory : str
        Name of the laboratory test.
    direction : str
        ``"low"`` or ``"high"``: the side of the reference range.
    probability : float
        Between 0 and 1, that the value is abnormal on this side; calibrated after
        ``calibrate``.
    base_rate : float
        Share of abnormal values among the training records that were measured.
    low, high : float or None
        Reference range, in ``unit``; None if it has no bound or is unknown.
    unit : str
        Unit of the values; empty if unknown.
    threshold : float or None
        The abnormality is predicted above it; None if not calibrated.
    sensitivity, specificity : float or None
        Of that prediction, on the calibrating patients.
    prevalence : float or None
        Prevalence of the abnormality where the model is used.
    title : str
        Name to show, such as ``"NT-proBNP high"``; by default made from the name.
    recorded : bool or None
        Whether the value was measured and abnormal on this side; None if not known.
    """

    laboratory: str
    direction: str
    probability: float
    base_rate: float
    low: float | None
    high: float | None
    unit: str
    threshold: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None
    prevalence: float | None = None
    title: str = ""
    recorded: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or display_name(self.name))

    @property
    def name(self) -> str:
        """Laboratory and direction, such as ``"potassium high"``."""
        return f"{self.laboratory} {self.direction}"

    @property
    def above_base_rate(self) -> float:
        """Probability minus base rate, by which findings are ranked."""
        return self.probability - self.base_rate

    @property
    def lift(self) -> float:
        """Probability divided by base rate."""
        return self.probability / self.base_rate if self.base_rate > 0 else float("nan")

    @property
    def ppv(self) -> float | None:
        """Positive predictive value at the prevalence (Bayes' rule)."""
        if self.sensitivity is None or self.specificity is None or self.prevalence is None:
            return None
        found = self.sensitivity * self.prevalence
        return _share(found, (1 - self.specificity) * (1 - self.prevalence))

    @property
    def npv(self) -> float | None:
        """Negative predictive value at the prevalence."""
        if self.sensitivity is None or self.specificity is None or self.prevalence is None:
            return None
        cleared = self.specificity * (1 - self.prevalence)
        return _share(cleared, (1 - self.sensitivity) * self.prevalence)

    @property
    def reference(self) -> str:
        """Reference range as text, such as ``"3.5-5.1 mmol/L"``; empty if unknown."""
        if self.low is None and self.high is None:
            return ""
        # Seven digits show cell counts in millions, and float32 5.1 as 5.1.
        low, high = (None if bound is None else f"{bound:.7g}" for bound in (self.low, self.high))
        if low is None:
            bounds = f"up to {high}"
        elif high is None:
            bounds = f"from {low}"
        else:
            # Write negative bounds, as of base excess, as "-2 to 3" instead of "-2-3".
            bounds = f"{low} to {high}" if low.startswith("-") else f"{low}-{high}"
        return f"{bounds} {self.unit}".strip()


@dataclass(frozen=True)
class Evidence:
    """A laboratory finding that supports or contradicts a diagnosis of one record.

    An association that holds in held-out patients, not a cause. Explanations leave out links
    that the model sees the other way round.

    .. versionadded:: 0.1

    Attributes
    ----------
    diagnosis, finding : str
        Their names, such as ``"hyperkalaemia"`` and ``"potassium high"``.
    contribution : float
        Contribution of the finding's direction in the embedding to the diagnosis' log odds,
        relative to the average training record.
    odds_ratio, odds_ratio_low, odds_ratio_high : float
        Of the diagnosis per standard deviation of the laboratory's value towards the finding,
        given all other values and covariates, in the training patients, with its interval.
    crude_odds_ratio, adjusted_odds_ratio : float
        Of the value alone, and given the covariates alone, such as age and sex.
    sensitivity : float
        Log odds of the diagnosis per standard deviation of the finding's direction.
    carried_by_ecg : bool or None
        Whether, in held-out patients, the ECG's score of the finding goes with the finding,
        given covariates and the other laboratories; None with too few patients.
    is_definition : bool
        Whether the laboratory value defines the diagnosis.
    """

    diagnosis: str
    finding: str
    contribution: float
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    crude_odds_ratio: float
    adjusted_odds_ratio: float
    sensitivity: float
    carried_by_ecg: bool | None = None
    is_definition: bool = False

    @property
    def supports(self) -> bool:
        """True if the finding supports the diagnosis; otherwise it contradicts it."""
        return self.contribution > 0

    @property
    def seen(self) -> bool:
        """True if the finding's score is above that of the average training record."""
        return self.contribution * self.sensitivity > 0


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attribution of one diagnosis to leads and beats.

    .. versionadded:: 0.1

    Attributes
    ----------
    diagnosis : str
        Name of the diagnosis.
    values : ndarray of shape (n_leads, n_samples)
        Effect of each sample on the diagnosis' log odds; samples after preprocessing.
    leads : dict of str to float
        Share of each lead in the absolute values; shares sum to 1.
    beats : tuple of (float, float, float)
        Start and end of each beat in s, and its share.
    randomisation : float
        Rank correlation with the map of a network with shuffled weights; near 0 if the map
        depends on the training.
    """

    diagnosis: str
    values: np.ndarray = field(repr=False)
    leads: dict[str, float]
    beats: tuple[tuple[float, float, float], ...]
    randomisation: float


@dataclass(frozen=True)
class SimilarPatient:
    """A training patient with a similar ECG embedding.

    .. versionadded:: 0.1

    Attributes
    ----------
    patient : str
        Salted hash, which does not identify the patient.
    similarity : float
        Cosine similarity of the embeddings, at most 1.
    diagnoses : tuple of str
        Present diagnoses.
    table : dict
        Measured values of the patient's table.
    """

    patient: str
    similarity: float
    diagnoses: tuple[str, ...]
    table: dict[str, Any]


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest > 0 else None
