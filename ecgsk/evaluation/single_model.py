"""Scores of one model as a comparison of one arm, for its tables, figures and card."""

import numpy as np
import pandas as pd

from ecgsk.datasets import Cohort
from ecgsk.estimators import ECGDiagnosisClassifier
from ecgsk.evaluation._comparison import ArmsComparison, ArmScore
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.evaluation.arms import JOINT_EMBEDDING, SELF_SUPERVISED, SIGNAL


def score_model(
    classifier: ECGDiagnosisClassifier,
    P: np.ndarray,
    cohort: Cohort,
    Y: pd.DataFrame,
    *,
    train: np.ndarray,
    calibration: np.ndarray,
    test: np.ndarray,
    seconds: float,
    n_resamples: int,
    seed: int,
) -> ArmsComparison:
    """Score the probabilities `P` of the test records as a comparison of one arm.

    `Y` are the classifier's labels of all records of the cohort. At least one label must have
    both classes among the test records of two patients or more.
    """
    patients = cohort.groups.to_numpy()
    held_out = HeldOut.of_records(cohort.X, Y, patients, test, n_resamples, seed)
    auroc, auprc = (
        held_out.bootstrap(P, statistic) for statistic in ("roc_auc", "average_precision")
    )
    known = Y.notna().any(axis=1).to_numpy()
    labelled = train[known[train]]
    arm = SIGNAL
    if classifier.pretraining_history_ is not None:
        arm = JOINT_EMBEDDING if classifier.clinical_columns_ else SELF_SUPERVISED
    score = ArmScore(
        label_fraction=1.0,
        archive=len(train) - len(labelled),
        arm=arm,
        labelled=labelled,
        auroc=auroc,
        auprc=auprc,
        seconds=seconds,
        model=classifier,
        probabilities=P.astype(np.float32),
    )
    n_patients = len(np.unique(patients[test[known[test]]]))
    return ArmsComparison([score], train, test, n_patients, held_out, calibration)
