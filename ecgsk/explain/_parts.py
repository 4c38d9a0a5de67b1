"""The parts of an explanation: diagnoses, laboratory findings, and what links them."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of one record.

    Attributes
    ----------
    name : str
        The label's name.
    probability : float
        The model's, between 0 and 1; calibrated where the explainer was.
    threshold : float
        The diagnosis is predicted above it.
    answers : tuple of bool or None
        Conformal prediction set: which of absent (False) and present (True) the
        ECG does not rule out; None where the diagnosis was not calibrated.
    coverage : float or None
        How often such sets hold the truth, at the least, among patients with the
        diagnosis as among those without; None where it was not calibrated.
    """

    name: str
    probability: float
    threshold: float
    answers: tuple[bool, ...] | None = None
    coverage: float | None = None

    @property
    def predicted(self) -> bool:
        """Whether the probability is above the threshold."""
        return self.probability > self.threshold

    @property
    def decision(self) -> Literal["present", "absent", "uncertain"]:
        """What is said of it: "uncertain" where the set isn't the threshold's answer alone."""
        if self.answers not in (None, (self.predicted,)):
            return "uncertain"
        return "present" if self.predicted else "absent"


@dataclass(frozen=True)
class LabFinding:
    """One laboratory abnormality of one record.

    Attributes
    ----------
    laboratory : str
        The test's name.
    direction : str
        ``"low"`` or ``"high"``: on which side of the reference range.
    probability : float
        The model's, between 0 and 1, that the value is abnormal on this side;
        calibrated where the explainer was.
    base_rate : float
        Share of abnormal values among the training records that were measured.
    low, high : float or None
        Reference range, in ``unit``; None where it has no bound or is unknown.
    unit : str
        The laboratory's unit; empty where unknown.
    threshold : float or None
        The abnormality is predicted above it; None where not calibrated.
    sensitivity, specificity : float or None
        Of that prediction, on the patients it was calibrated on.
    prevalence : float or None
        How common the abnormality is where the model is used.
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

    @property
    def name(self) -> str:
        """Laboratory and direction, such as ``"potassium high"``."""
        return f"{self.laboratory} {self.direction}"

    @property
    def lift(self) -> float:
        """Probability over base rate: how much the ECG adds to knowing nothing."""
        return self.probability / self.base_rate if self.base_rate > 0 else float("nan")

    @property
    def ppv(self) -> float | None:
        """Share abnormal among those predicted to be, at the prevalence (Bayes' rule)."""
        if self.sensitivity is None or self.specificity is None or self.prevalence is None:
            return None
        found = self.sensitivity * self.prevalence
        return _share(found, (1 - self.specificity) * (1 - self.prevalence))

    @property
    def npv(self) -> float | None:
        """Share not abnormal among those predicted not to be, at the prevalence."""
        if self.sensitivity is None or self.specificity is None or self.prevalence is None:
            return None
        cleared = self.specificity * (1 - self.prevalence)
        return _share(cleared, (1 - self.sensitivity) * self.prevalence)

    @property
    def reference(self) -> str:
        """The reference range in words, such as ``"3.5-5.1 mmol/L"``; empty where unknown."""
        if self.low is None and self.high is None:
            return ""
        # Seven digits: cells are counted in millions, and 5.1 in single precision is 5.1.
        low, high = (None if bound is None else f"{bound:.7g}" for bound in (self.low, self.high))
        if low is None:
            bounds = f"up to {high}"
        elif high is None:
            bounds = f"from {low}"
        else:
            # A base excess is normal from -2 to 3, which "-2-3" does not say.
            bounds = f"{low} to {high}" if low.startswith("-") else f"{low}-{high}"
        return f"{bounds} {self.unit}".strip()


@dataclass(frozen=True)
class Evidence:
    """A laboratory finding that supports or contradicts a diagnosis of one record.

    An association that held in patients the model had not seen; never a cause. That the ECG
    does not look like a finding which is rarer with the diagnosis supports nothing, and
    explainers leave it out.

    Attributes
    ----------
    diagnosis, finding : str
        Their names, such as ``"hyperkalaemia"`` and ``"potassium high"``.
    contribution : float
        What the finding's direction in the embedding adds to the diagnosis' log
        odds in this record, against the average training record.
    odds_ratio, odds_ratio_low, odds_ratio_high : float
        Of diagnosis and finding in the training patients, with its patient-bootstrap
        interval.
    sensitivity : float
        Log odds of the diagnosis per standard deviation of the finding's direction.
    p_value : float
        Of the sensitivity, against directions of random findings.
    """

    diagnosis: str
    finding: str
    contribution: float
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    sensitivity: float
    p_value: float

    @property
    def supports(self) -> bool:
        """Whether it speaks for the diagnosis; if not, against it."""
        return self.contribution > 0

    @property
    def seen(self) -> bool:
        """Whether the ECG looks more like the finding than the average training record's."""
        return self.contribution * self.sensitivity > 0


@dataclass(frozen=True, eq=False)
class Attribution:
    """Where in the signal the model looked for one diagnosis.

    Attributes
    ----------
    diagnosis : str
        Its name.
    values : ndarray of shape (n_leads, n_samples)
        What each sample adds to the diagnosis' log odds; the samples are those
        the model saw, after preprocessing.
    leads : dict of str to float
        Each lead's share of the absolute values; they sum to 1.
    beats : tuple of (float, float, float)
        Start and end of each beat in s, and its share.
    randomisation : float
        Rank correlation with the map of a network of random weights: near 0, the
        map tells of what was learned.
    """

    diagnosis: str
    values: np.ndarray = field(repr=False)
    leads: dict[str, float]
    beats: tuple[tuple[float, float, float], ...]
    randomisation: float


@dataclass(frozen=True)
class SimilarPatient:
    """A training patient whose ECG is near in the embedding.

    Attributes
    ----------
    patient : str
        A salted hash; whose it is cannot be told from it.
    similarity : float
        Cosine of the embeddings, at most 1.
    diagnoses : tuple of str
        Those known to be present.
    table : dict
        What was measured of this patient's table.
    """

    patient: str
    similarity: float
    diagnoses: tuple[str, ...]
    table: dict[str, Any]


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest > 0 else None
