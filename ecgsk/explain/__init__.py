"""What a model says of an ECG, as values, text and pictures."""

from ecgsk.explain._explanation import Diagnosis, Explanation, Explanations, LabFinding

__all__ = ["Diagnosis", "Explanation", "Explanations", "LabFinding"]
