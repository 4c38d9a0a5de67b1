"""Cohorts of ECGs with their clinical tables: synthetic ones, and loaders of public ones."""

from ecgsk.datasets._clinical.cohort import make_clinical_ecg, synthesize_ecg
from ecgsk.datasets._cohort import Cohort, assign_folds

__all__ = ["Cohort", "assign_folds", "make_clinical_ecg", "synthesize_ecg"]
