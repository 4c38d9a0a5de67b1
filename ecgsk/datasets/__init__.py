"""Synthetic cohorts, loaders and downloads of public ECG databases."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.datasets._brugada import load_brugada_huca
    from ecgsk.datasets._challenge import load_challenge
    from ecgsk.datasets._code15 import load_code15
    from ecgsk.datasets._cohort import Cohort
    from ecgsk.datasets._cohort_folder import read_cohort, write_cohort
    from ecgsk.datasets._cohort_report import write_cohort_report
    from ecgsk.datasets._csv import load_csv
    from ecgsk.datasets._fetch import (
        fetch_mimic_iv_demo,
        fetch_ptbxl,
        fetch_vitaldb,
        get_data_home,
    )
    from ecgsk.datasets._join import join_table
    from ecgsk.datasets._ludb import load_ludb
    from ecgsk.datasets._mimic_iv._load import load_mimic_iv
    from ecgsk.datasets._mimic_iv._options import MimicFolds, MimicInputs, MimicTargets
    from ecgsk.datasets._music import load_music
    from ecgsk.datasets._ptbxl import load_ptbxl
    from ecgsk.datasets._vitaldb._load import load_vitaldb
    from ecgsk.datasets.clinical.cohort import make_clinical_ecg, synthesize_ecg

__all__ = [
    "Cohort",
    "MimicFolds",
    "MimicInputs",
    "MimicTargets",
    "fetch_mimic_iv_demo",
    "fetch_ptbxl",
    "fetch_vitaldb",
    "get_data_home",
    "join_table",
    "load_brugada_huca",
    "load_challenge",
    "load_code15",
    "load_csv",
    "load_ludb",
    "load_mimic_iv",
    "load_music",
    "load_ptbxl",
    "load_vitaldb",
    "make_clinical_ecg",
    "read_cohort",
    "synthesize_ecg",
    "write_cohort",
    "write_cohort_report",
]
__getattr__, __dir__ = import_on_first_use(__name__)
