"""Explanations of a model's predictions: values, text, pictures and HTML."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.explain._assemble import assemble_explanations
    from ecgsk.explain._evidence import LabEvidence
    from ecgsk.explain._explanation import Explanation, Explanations
    from ecgsk.explain._faithfulness import deletion_faithfulness
    from ecgsk.explain._neighbours import SimilarPatients
    from ecgsk.explain._parts import Attribution, Diagnosis, Evidence, LabFinding, SimilarPatient
    from ecgsk.explain._report import Section, write_report
    from ecgsk.explain._schema import explanation_schema
    from ecgsk.explain.attribution import attribute

__all__ = [
    "Attribution",
    "Diagnosis",
    "Evidence",
    "Explanation",
    "Explanations",
    "LabEvidence",
    "LabFinding",
    "Section",
    "SimilarPatient",
    "SimilarPatients",
    "assemble_explanations",
    "attribute",
    "deletion_faithfulness",
    "explanation_schema",
    "write_report",
]
__getattr__, __dir__ = import_on_first_use(__name__)
