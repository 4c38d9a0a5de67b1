"""Content of one explanation: its parts and their rankings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecgsk.explain._parts import Attribution, Diagnosis, Evidence, LabFinding, SimilarPatient
from ecgsk.signals import ECGRecord


@dataclass(frozen=True)
class ExplanationContent:
    """Fields of an :class:`~ecgsk.explain.Explanation`, and the rankings that its forms share."""

    record: Any
    diagnoses: tuple[Diagnosis, ...]
    laboratories: tuple[LabFinding, ...]
    ecg: ECGRecord | None
    evidence: tuple[Evidence, ...] = ()
    attributions: tuple[Attribution, ...] = ()
    similar: tuple[SimilarPatient, ...] = ()
    quality: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    patient: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name of the record, and who was recorded as far as it is known."""
        known = ", ".join(str(value) for value in self.patient.values())
        return f"ECG {self.record}" + (f": {known}" if known else "")

    @property
    def training_population(self) -> str:
        """Patients that the model was trained on; empty if not stated."""
        return str(self.model.get("training population", ""))

    def evidence_for(self, diagnosis: str) -> list[Evidence]:
        """Return the evidence for and against one diagnosis, in the order of `evidence`."""
        return [item for item in self.evidence if item.diagnosis == diagnosis]

    def top_diagnoses(self, n: int = 5) -> list[Diagnosis]:
        """Return the first ``n`` diagnoses: predicted ones, then by probability."""
        return sorted(self.diagnoses, key=lambda d: (not d.predicted, -d.probability))[:n]

    def top_laboratories(self, n: int = 5) -> list[LabFinding]:
        """Return the ``n`` abnormalities that exceed their base rate most."""
        known = [finding for finding in self.laboratories if finding.base_rate > 0]
        return sorted(known, key=lambda f: -f.above_base_rate)[:n]

    @property
    def not_calibrated(self) -> list[Diagnosis]:
        """Diagnoses without calibration, if others were calibrated."""
        bare = [d for d in self.diagnoses if d.answers is None]
        return bare if len(bare) < len(self.diagnoses) else []
