"""What a model says of an ECG, as values, text, pictures and a page."""

from ecgsk.explain._explanation import Diagnosis, Explanation, Explanations, LabFinding
from ecgsk.explain._report import Section, write_report

__all__ = ["Diagnosis", "Explanation", "Explanations", "LabFinding", "Section", "write_report"]
