"""What a model says of an ECG, as values, text, pictures and a page."""

from ecgsk.explain._explanation import Explanation, Explanations
from ecgsk.explain._parts import Attribution, Diagnosis, Evidence, LabFinding, SimilarPatient
from ecgsk.explain._report import Section, write_report

__all__ = [
    "Attribution",
    "Diagnosis",
    "Evidence",
    "Explanation",
    "Explanations",
    "LabFinding",
    "Section",
    "SimilarPatient",
    "write_report",
]
