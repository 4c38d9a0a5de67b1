"""Fit each arm on the training patients of one split and score it on the test patients."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import check_random_state

from ecgsk._alignment import check_row_order
from ecgsk._patients import find_patients, number_patients
from ecgsk.checks.fitting import check_column_names, check_training_table
from ecgsk.checks.roles import split_roles
from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.evaluation._comparison import ArmsComparison, ArmScore
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.evaluation._jobs import ArmData, Setting, plan_jobs, run_jobs
from ecgsk.evaluation._table_views import DEMOGRAPHICS, find_demographics
from ecgsk.evaluation.arms import ARMS, DEMOGRAPHICS_ONLY, resolve_arms
from ecgsk.exceptions import ECGError
from ecgsk.model_selection import check_patient_split, patient_split
from ecgsk.preprocessing import LabAbnormality
from ecgsk.signals.columns import find_ecg_column
from ecgsk.signals.missing_records import refuse_missing


def compare_arms(
    X: pd.DataFrame,
    Y: pd.DataFrame,
    labs: pd.DataFrame | None = None,
    groups: Any = None,
    *,
    reference_ranges: pd.DataFrame | None = None,
    pretrainer: JointEmbeddingPretrainer | None = None,
    classifier: ECGDiagnosisClassifier | None = None,
    arms: Sequence[str] | Literal["ablation"] | None = None,
    demographics: Sequence[str] | None = None,
    label_fractions: Sequence[float] = (1.0,),
    archive_sizes: Sequence[int | None] = (None,),
    test_size: float = 0.25,
    split: tuple[np.ndarray, np.ndarray] | None = None,
    n_resamples: int = 1000,
    random_state: Any = None,
    n_jobs: int | None = None,
    callback: Callable[[ArmsComparison, ArmScore], None] | None = None,
    verbose: int = 1,
) -> ArmsComparison:
    """Compare the joint embedding with baselines and a multimodal reference, split by patient.

    The default arms are a random encoder with a linear head; the table alone; the
    signal alone; the signal alone with the epochs of pre-training and fine-tuning
    together, stopped early; self-supervision from the ECG alone; the joint embedding;
    and, as the multimodal reference, ECG and table at inference. ``arms="ablation"``
    adds arms that change one part of the joint embedding at a time. All arms share
    one encoder, the training rows of their setting and the test patients.

    .. versionadded:: 0.1

    Parameters
    ----------
    X : DataFrame
        The ECG column, the clinical columns and ``group_column``.
    Y : DataFrame of shape (n_records, n_labels)
        Labels: 0, 1 or NaN. Rows with NaN alone form the unlabelled archive.
    labs : DataFrame or None
        Laboratory values, or 0/1/NaN targets named ``"... low"`` and
        ``"... high"``: stage (iii) of each arm that embeds the ECG.
    groups : array-like of shape (n_records,) or None
        Patient of each record; None takes the pretrainer's ``group_column`` of X.
    reference_ranges : DataFrame or None
        Columns ``low`` and ``high``, one row per laboratory, where ``labs``
        holds values.
    pretrainer, classifier : unfitted estimators or None
        Parameters of the stages. All arms use the pretrainer's encoder.
    arms : sequence of str, "ablation" or None
        Names of arms in :data:`ecgsk.evaluation.ARMS`, whose values describe them.
        ``"ablation"`` takes all; None takes the default arms.
    demographics : sequence of str or None
        Clinical columns of the arm ``"table only, demographics"``; None takes those named
        age, sex, gender, male, race, ethnicity, height, weight or bmi.
    label_fractions : sequence of float, default=(1.0,)
        Shares of the labelled training patients whose labels are used. The
        rows of the other patients join the archive.
    archive_sizes : sequence of int or None, default=(None,)
        Number of unlabelled records that pre-training uses beside the labelled ones;
        None takes all. Equal sizes are one setting.
    test_size : float, default=0.25
        Approximate share of the records in the test set, which holds whole patients.
    split : tuple of ndarray or None
        Row numbers, or masks, of training and test records, instead of
        ``test_size``.
    n_resamples : int, default=1000
        Number of resamples of the patient bootstrap.
    random_state : int, RandomState or None
        Seed of split, subsets, training and bootstrap.
    n_jobs : int or None, default=None
        Number of processes that fit arms, by joblib; None is 1 outside a
        ``joblib.parallel_config``, and -1 one for each core. Arms that share a pre-training
        wait for it. Scores do not depend on it at one number of torch threads; a process
        beside others has its share of the cores.
    callback : callable or None, default=None
        Called in this process as ``callback(comparison, score)`` when an arm ends, with the
        comparison of the arms so far. The joint embedding is fitted first.
    verbose : int, default=1
        0 is silent, 1 shows one progress bar over all arms, 2 the epochs of each fit too.
        Estimators that are given have their own.

    Returns
    -------
    ArmsComparison
        ``to_frame``, ``differences``, ``gap_closed``, ``per_label``,
        ``label_differences``, ``laboratories``, ``subgroups``, ``summary`` and
        ``plot``; :func:`ecgsk.evaluation.write_tables` writes them.

    Raises
    ------
    PatientLeakageError
        If ``split`` has a patient in both sets.
    ECGError
        If a clinical column is an identifier, a date or free text: see
        :func:`ecgsk.check_table`; or if X lacks the columns that an arm needs.
    SignalQualityError
        If a record is missing.
    ValueError
        If an arm is unknown, a share is outside (0, 1], an archive size is
        negative, or no training record has a label.

    Warns
    -----
    TableWarning
        If a clinical column equals a label, or alone separates one.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, compare_arms
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> cohort = make_clinical_ecg(n_subjects=60, random_state=0)
    >>> comparison = compare_arms(
    ...     cohort.X, cohort.Y, arms=["random encoder + linear", "table only"],
    ...     random_state=0, verbose=False,
    ... )
    >>> comparison.to_frame().arm.tolist()
    ['random encoder + linear', 'table only']
    """
    check_row_order("compare_arms", X, Y=Y, labs=labs, groups=groups)
    refuse_missing("compare_arms", X)  # all arms are scored on the same records
    rng = check_random_state(random_state)
    seed = int(rng.randint(2**31 - 1))
    pretrainer = _seeded(JointEmbeddingPretrainer(verbose=verbose >= 2), pretrainer, seed)
    classifier = _seeded(ECGDiagnosisClassifier(verbose=verbose >= 2), classifier, seed)
    names = resolve_arms(arms)
    check_column_names("compare_arms", X, pretrainer.group_column, has_groups=groups is not None)
    groups = find_patients(X, groups, pretrainer.group_column)
    numbers, names_of_patients = number_patients("compare_arms", groups, len(X))
    patients = names_of_patients[numbers]
    columns = _clinical_columns(X, pretrainer, classifier)
    demographics = find_demographics(columns, demographics)
    if any(ARMS[name].uses_table for name in names):
        _check_columns(names, columns, demographics)
        meant = [*(classifier.clinical_columns or ()), *(pretrainer.clinical_columns or ())]
        check_training_table("compare_arms", X, columns, meant=meant, patients=numbers, y=Y)
    train, test = _split(patients, Y, split, test_size, seed)
    targets = _lab_targets(labs, reference_ranges)
    settings = list(_settings(Y, patients, train, label_fractions, archive_sizes, rng))
    held_out = HeldOut.of_records(X, Y, patients, test, n_resamples, seed)
    jobs = plan_jobs(settings, names, patients, pretrainer, classifier, columns, demographics)
    known = held_out.Y.notna().any(axis=1).to_numpy()
    n_test_patients = len(np.unique(held_out.patients[known]))
    scores: dict[int, ArmScore] = {}

    def comparison() -> ArmsComparison:
        ordered = [scores[number] for number in sorted(scores)]
        return ArmsComparison(ordered, train, test, n_test_patients, held_out)

    data = ArmData(X, columns, Y, targets, patients, held_out, test)
    with closing(run_jobs(data, jobs, n_jobs, show=verbose > 0)) as ended:
        for number, score in ended:
            scores[number] = score
            if callback is not None:
                callback(comparison(), score)
    return comparison()


def _clinical_columns(X: pd.DataFrame, *estimators: Any) -> list[Any]:
    """Return the clinical columns that any of the estimators uses."""
    aside = {find_ecg_column(X), *(estimator.group_column for estimator in estimators)}
    named = [estimator.clinical_columns for estimator in estimators]
    columns, _ = split_roles(X.columns, aside, [name for names in named for name in names or ()])
    if any(names is None for names in named):
        return columns
    return [name for name in columns if any(name in names for names in named)]


def _seeded(default: Any, given: Any, seed: int) -> Any:
    estimator = default if given is None else clone(given)
    if estimator.random_state is None:
        estimator.set_params(random_state=seed)
    return estimator


def _check_columns(
    names: Sequence[str], columns: Sequence[Any], demographics: Sequence[Any]
) -> None:
    """Raise ECGError if X lacks the columns that an arm needs."""
    if not columns:
        needy = [name for name in names if ARMS[name].uses_table]
        others = [name for name, arm in ARMS.items() if not arm.uses_table]
        raise ECGError(
            f"compare_arms: the arms {needy} need clinical columns; X has none. Add them, or pass "
            f"arms among {others}."
        )
    if DEMOGRAPHICS_ONLY in names and not demographics:
        raise ECGError(
            f"compare_arms: the arm {DEMOGRAPHICS_ONLY!r} expected clinical columns among "
            f"{', '.join(DEMOGRAPHICS)}; X has none. Pass demographics=[...], or leave the arm out."
        )


def _split(patients, Y, split, test_size, seed) -> tuple[np.ndarray, np.ndarray]:
    if split is None:
        return patient_split(patients, test_size=test_size, random_state=seed, Y=Y)
    train, test = (np.asarray(rows) for rows in split)
    check_patient_split(patients, train, test)
    rows = [np.flatnonzero(side) if side.dtype == bool else side for side in (train, test)]
    return rows[0], rows[1]


def _lab_targets(labs, reference_ranges) -> pd.DataFrame | None:
    if labs is None or reference_ranges is None:
        return labs
    return LabAbnormality(reference_ranges).fit_transform(labs)


def _settings(Y, patients, train, label_fractions, archive_sizes, rng):
    """Yield a setting for each label fraction and archive size; smaller sets are nested."""
    known = Y.notna().any(axis=1).to_numpy()
    order = rng.permutation(np.unique(patients[train[known[train]]]))
    if len(order) == 0:
        raise ValueError(
            "compare_arms: expected labelled training records; got none. "
            "Pass a split whose training rows have labels in Y."
        )
    for fraction in dict.fromkeys(label_fractions):
        if not 0 < fraction <= 1:
            raise ValueError(
                f"compare_arms: expected label_fractions in (0, 1]; got {fraction!r}. "
                "Pass shares of the labelled training patients."
            )
        chosen = order[: max(1, round(fraction * len(order)))]
        is_labelled = known[train] & np.isin(patients[train], chosen)
        labelled, archive = train[is_labelled], rng.permutation(train[~is_labelled])
        for size in _distinct_sizes(archive_sizes, len(archive)):
            rows = np.sort(np.concatenate([labelled, archive[:size]]))
            yield Setting(fraction, size, labelled, rows)


def _distinct_sizes(archive_sizes, n_archive: int) -> list[int]:
    negative = [size for size in archive_sizes if size is not None and size < 0]
    if negative:
        raise ValueError(
            f"compare_arms: expected archive_sizes of 0 or more, or None for all; "
            f"got {negative[0]!r}."
        )
    sizes = [n_archive if size is None else min(size, n_archive) for size in archive_sizes]
    return list(dict.fromkeys(sizes))
