"""Fit each arm on the training patients of one split and score it on the test patients."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state

from ecgsk._alignment import check_row_order
from ecgsk._patients import find_patients, number_patients
from ecgsk._progress import progress_bar
from ecgsk.checks.fitting import check_column_names, check_training_table
from ecgsk.checks.roles import split_roles
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.estimators.recipe import Recipe, Task, resolve_recipe
from ecgsk.evaluation._arms import ARMS, JOINT_EMBEDDING, WITH_TABLE, ArmSetting
from ecgsk.evaluation._comparison import ArmsComparison, ArmScore
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.exceptions import TableWarning
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import check_patient_split, patient_split
from ecgsk.preprocessing import LabAbnormality
from ecgsk.signals.columns import find_ecg_column


def compare_arms(
    X: pd.DataFrame,
    Y: pd.DataFrame,
    labs: pd.DataFrame | None = None,
    groups: Any = None,
    *,
    reference_ranges: pd.DataFrame | None = None,
    pretrainer: JointEmbeddingPretrainer | None = None,
    classifier: ECGDiagnosisClassifier | None = None,
    arms: Sequence[str] | None = None,
    label_fractions: Sequence[float] = (1.0,),
    archive_sizes: Sequence[int | None] = (None,),
    test_size: float = 0.25,
    split: tuple[np.ndarray, np.ndarray] | None = None,
    n_resamples: int = 1000,
    random_state: Any = None,
    verbose: int = 1,
) -> ArmsComparison:
    """Compare the joint embedding with baselines and an upper bound, on one split by patient.

    The arms are a random encoder with a linear head; the table alone; the signal
    alone; the signal alone, trained on as many records as pre-training and
    fine-tuning together; self-supervision from the ECG alone; the joint embedding;
    and, as the upper bound, ECG and table at inference. All arms share one
    encoder, the training rows of their setting and the test patients.

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
    arms : sequence of str or None
        Names of arms in :data:`ecgsk.evaluation.ARMS`; None takes all.
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
    verbose : int, default=1
        0 is silent, 1 shows progress over the arms, 2 the epochs of each fit too. Estimators
        that are given have their own.

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
        :func:`ecgsk.check_table`.
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
    rng = check_random_state(random_state)
    seed = int(rng.randint(2**31 - 1))
    pretrainer = _seeded(JointEmbeddingPretrainer(verbose=verbose >= 2), pretrainer, seed)
    classifier = _seeded(ECGDiagnosisClassifier(verbose=verbose >= 2), classifier, seed)
    names = _check_arms(arms)
    check_column_names("compare_arms", X, pretrainer.group_column, has_groups=groups is not None)
    groups = find_patients(X, groups, pretrainer.group_column)
    numbers, names_of_patients = number_patients("compare_arms", groups, len(X))
    patients = names_of_patients[numbers]
    columns = _clinical_columns(X, pretrainer, classifier)
    if set(names) & set(WITH_TABLE):
        meant = [*(classifier.clinical_columns or ()), *(pretrainer.clinical_columns or ())]
        check_training_table("compare_arms", X, columns, meant=meant, patients=numbers, y=Y)
    train, test = _split(patients, Y, split, test_size, seed)
    targets = _lab_targets(labs, reference_ranges)
    settings = list(_settings(Y, patients, train, label_fractions, archive_sizes, rng))
    held_out = HeldOut.of_records(X, Y, patients, test, n_resamples, seed)
    comparer = _Comparer(X, Y, targets, patients, held_out, test, pretrainer, classifier)
    scores = []
    jobs = [(setting, name) for setting in settings for name in names]
    for setting, name in (bar := progress_bar(jobs, unit="arm", show=verbose > 0)):
        bar.set_description_str(f"{setting.label_fraction:.0%} of labels, {name}")
        scores.append(comparer.score(setting, name))
    known = held_out.Y.notna().any(axis=1).to_numpy()
    return ArmsComparison(scores, train, test, len(np.unique(held_out.patients[known])), held_out)


@dataclass(frozen=True)
class _Setting:
    """Rows with labels and rows of stage (i) for one label fraction and archive size."""

    label_fraction: float
    archive: int
    labelled: np.ndarray
    pretraining: np.ndarray


@dataclass
class _Comparer:
    """Data of a comparison and the fitted pretrainers that its settings share."""

    X: pd.DataFrame
    Y: pd.DataFrame
    labs: pd.DataFrame | None
    patients: np.ndarray
    held_out: HeldOut
    test: np.ndarray
    pretrainer: JointEmbeddingPretrainer
    classifier: ECGDiagnosisClassifier
    pretrained: dict[tuple[str, bytes], JointEmbeddingPretrainer] = field(default_factory=dict)

    def score(self, setting: _Setting, arm: str) -> ArmScore:
        """Fit one arm in one setting and score it on the test patients."""
        start = time.perf_counter()
        model = ARMS[arm](self._arm_setting(setting))
        X = self.X if arm in WITH_TABLE else self.X[[find_ecg_column(self.X)]]
        # The joint embedding may distil from the tables of rows without labels.
        rows = setting.pretraining if arm == JOINT_EMBEDDING else setting.labelled
        Y = self.Y.iloc[rows].copy()
        Y[~np.isin(rows, setting.labelled)] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)  # compare_arms warned of all rows
            model.fit(X.iloc[rows], Y, groups=self.patients[rows])
            seconds = time.perf_counter() - start
            P = model.predict_proba(self.X.iloc[self.test])
        auroc, auprc = (
            self.held_out.bootstrap(P, statistic) for statistic in ("roc_auc", "average_precision")
        )
        return ArmScore(
            setting.label_fraction,
            setting.archive,
            arm,
            setting.labelled,
            auroc,
            auprc,
            seconds,
            model,
            self._laboratories(model, setting),
            P.astype(np.float32),
        )

    def _arm_setting(self, setting: _Setting) -> ArmSetting:
        def pretrain(pretrainer: JointEmbeddingPretrainer) -> JointEmbeddingPretrainer:
            key = (repr(pretrainer.objective), setting.pretraining.tobytes())
            if key not in self.pretrained:
                rows = setting.pretraining
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", TableWarning)
                    pretrainer.fit(self.X.iloc[rows], groups=self.patients[rows])
                self.pretrained[key] = pretrainer
            return self.pretrained[key]

        return ArmSetting(
            self.pretrainer,
            self.classifier,
            pretrain,
            len(setting.pretraining),
            len(setting.labelled),
            self._joint_recipe(setting),
        )

    def _joint_recipe(self, setting: _Setting) -> Recipe:
        """Resolve how the joint embedding is fine-tuned, as its classifier does."""
        task = Task(
            encoder=resolve_encoder(self.pretrainer.encoder),
            is_pretrained=True,
            has_table=bool(_clinical_columns(self.X, self.classifier)),
            is_multilabel=True,
            n_labelled=len(setting.labelled),
            n_labelled_patients=len(np.unique(self.patients[setting.labelled])),
        )
        return resolve_recipe(clone(self.classifier).set_params(inputs="ecg"), task)

    def _laboratories(self, model: ECGDiagnosisClassifier, setting: _Setting) -> pd.Series | None:
        if self.labs is None or model.inputs != "ecg":
            return None
        ecg = self.X[[find_ecg_column(self.X)]]
        rows = setting.pretraining
        explainer = LabAbnormalityExplainer(FrozenEstimator(model))
        explainer.fit(ecg.iloc[rows], self.labs.iloc[rows], groups=self.patients[rows])
        Y = self.labs.iloc[self.test]
        per_target = masked_roc_auc(
            Y.to_numpy(), explainer.predict_proba(ecg.iloc[self.test]), None
        )
        return pd.Series(per_target, index=explainer.label_names_)


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


def _check_arms(arms: Sequence[str] | None) -> list[str]:
    names = list(ARMS) if arms is None else list(arms)
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise ValueError(f"compare_arms: expected arms among {list(ARMS)}; got {unknown}.")
    return list(dict.fromkeys(names))


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
            yield _Setting(fraction, size, labelled, rows)


def _distinct_sizes(archive_sizes, n_archive: int) -> list[int]:
    negative = [size for size in archive_sizes if size is not None and size < 0]
    if negative:
        raise ValueError(
            f"compare_arms: expected archive_sizes of 0 or more, or None for all; "
            f"got {negative[0]!r}."
        )
    sizes = [n_archive if size is None else min(size, n_archive) for size in archive_sizes]
    return list(dict.fromkeys(sizes))
