"""Cohorts of ECGs with their clinical tables: synthetic ones, and loaders of public ones."""

from ecgsk.datasets._clinical.cohort import make_clinical_ecg, synthesize_ecg
from ecgsk.datasets._cohort import Cohort, assign_folds
from ecgsk.datasets._cohort_folder import read_cohort, write_cohort
from ecgsk.datasets._mimic_iv._load import load_mimic_iv
from ecgsk.datasets._ptbxl import load_ptbxl

__all__ = [
    "Cohort",
    "assign_folds",
    "load_mimic_iv",
    "load_ptbxl",
    "make_clinical_ecg",
    "read_cohort",
    "synthesize_ecg",
    "write_cohort",
]
