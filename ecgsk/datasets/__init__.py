"""Cohorts of ECGs with their clinical tables: synthetic ones, and loaders of public ones."""

from ._cohort import Cohort, assign_folds

__all__ = ["Cohort", "assign_folds"]
