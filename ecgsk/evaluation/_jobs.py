"""Jobs of a comparison: plan, fit and score each arm, in one process or in several."""

import sys
import time
import warnings
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from joblib.externals.loky import process_executor
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk._tally import TallyBar, tallied
from ecgsk.encoders.registry import resolve_encoder
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.estimators.recipe import Recipe, Task, resolve_recipe
from ecgsk.evaluation._comparison import ArmScore
from ecgsk.evaluation._held_out import HeldOut
from ecgsk.evaluation.arms import ARMS, JOINT_EMBEDDING, Arm, ArmSetting
from ecgsk.exceptions import TableWarning
from ecgsk.metrics import masked_roc_auc
from ecgsk.signals.columns import find_ecg_column


@dataclass(frozen=True)
class Setting:
    """Rows with labels and rows of stage (i) for one label fraction and archive size."""

    label_fraction: float
    archive: int
    labelled: np.ndarray
    pretraining: np.ndarray


@dataclass(frozen=True)
class Job:
    """An arm in a setting: its unfitted classifier, and the pretrainer to fit before it.

    `n_passes` is the expected number of records that training goes through, each as often as
    it is used.
    """

    setting: Setting
    name: str
    model: ECGDiagnosisClassifier
    pretrainer: JointEmbeddingPretrainer | None
    n_passes: int

    @property
    def arm(self) -> Arm:
        """Arm of this name."""
        return ARMS[self.name]

    @property
    def n_pretraining_passes(self) -> int:
        """Part of `n_passes` that pre-training takes."""
        if self.pretrainer is None:
            return 0
        return len(self.setting.pretraining) * self.pretrainer.max_epochs

    @property
    def shared(self) -> tuple[str, bytes] | None:
        """Key of the pre-training; jobs with equal keys share it.

        Stage (i) sees no labels, so settings with equal rows share it, at any label fraction.
        """
        if self.pretrainer is None:
            return None
        return repr(self.pretrainer.objective), self.setting.pretraining.tobytes()


def plan_jobs(
    settings: Sequence[Setting],
    arms: Sequence[str],
    patients: np.ndarray,
    pretrainer: JointEmbeddingPretrainer,
    classifier: ECGDiagnosisClassifier,
    columns: Sequence[Any],
    demographics: Sequence[Any],
) -> list[Job]:
    """Make the job of each setting and arm; raise before the first fit if one is impossible.

    `columns` are the clinical columns, of which `demographics` are a part.
    """
    jobs: list[Job] = []
    for setting in settings:
        task = Task(
            encoder=resolve_encoder(pretrainer.encoder),
            is_pretrained=True,
            has_table=len(columns) > 0,
            is_multilabel=True,
            n_labelled=len(setting.labelled),
            n_labelled_patients=len(np.unique(patients[setting.labelled])),
        )
        recipe = resolve_recipe(clone(classifier).set_params(inputs="ecg"), task)
        for arm in arms:
            jobs.append(_plan(setting, arm, pretrainer, classifier, recipe, task, demographics))
    return jobs


def _plan(
    setting: Setting,
    name: str,
    pretrainer: JointEmbeddingPretrainer,
    classifier: ECGDiagnosisClassifier,
    recipe: Recipe,
    task: Task,
    demographics: Sequence[Any],
) -> Job:
    asked: list[JointEmbeddingPretrainer] = []

    def pretrain(pretrainer: JointEmbeddingPretrainer) -> JointEmbeddingPretrainer:
        asked.append(pretrainer)  # it is fitted when the job runs
        return pretrainer

    n_pretraining, n_labelled = len(setting.pretraining), len(setting.labelled)
    model = ARMS[name].make(
        ArmSetting(
            pretrainer,
            classifier,
            pretrain,
            n_pretraining,
            n_labelled,
            task.n_labelled_patients,
            recipe,
            demographics,
        )
    )
    needed = asked[0] if asked else None
    n_passes = 0 if needed is None else n_pretraining * needed.max_epochs
    if model.inputs != "clinical":
        has_table = task.has_table and ARMS[name].uses_table
        task = replace(task, is_pretrained=needed is not None, has_table=has_table)
        own = resolve_recipe(model, task)
        n_passes += own.max_epochs * (n_pretraining if own.has_teacher else n_labelled)
    return Job(setting, name, model, needed, n_passes)


@dataclass(frozen=True)
class ArmData:
    """Data that all jobs of a comparison share; `columns` are the clinical columns of X."""

    X: pd.DataFrame
    columns: Sequence[Any]
    Y: pd.DataFrame
    labs: pd.DataFrame | None
    patients: np.ndarray
    held_out: HeldOut
    test: np.ndarray

    def score(self, job: Job, pretrainer: JointEmbeddingPretrainer | None) -> ArmScore:
        """Fit one arm in one setting and score it on the test patients.

        `pretrainer` is a fitted one, if another job has fitted it.
        """
        start = time.perf_counter()
        setting, arm, model = job.setting, job.arm, clone(job.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)  # compare_arms warned of all rows
            if job.pretrainer is not None:
                model.set_params(encoder=FrozenEstimator(pretrainer or self._pretrain(job)))
            X = self._inputs(arm, setting)
            rows = setting.pretraining if arm.uses_archive else setting.labelled
            Y = self.Y.iloc[rows].copy()
            Y[~np.isin(rows, setting.labelled)] = np.nan
            model.fit(X.iloc[rows], Y, groups=self.patients[rows])
            seconds = time.perf_counter() - start
            P = model.predict_proba(X.iloc[self.test])
            laboratories = self._laboratories(model, setting)
        auroc, auprc = (
            self.held_out.bootstrap(P, statistic) for statistic in ("roc_auc", "average_precision")
        )
        return ArmScore(
            setting.label_fraction,
            setting.archive,
            job.name,
            setting.labelled,
            auroc,
            auprc,
            seconds,
            model,
            laboratories,
            P.astype(np.float32),
        )

    def _inputs(self, arm: Arm, setting: Setting) -> pd.DataFrame:
        """Return X as the arm sees it: with the table, a view of it, or the ECG column alone."""
        if not arm.uses_table:
            return self.X[[find_ecg_column(self.X)]]
        if arm.view is None:
            return self.X
        return arm.view(self.X, self.columns, setting.labelled)

    def _pretrain(self, job: Job) -> JointEmbeddingPretrainer:
        rows = job.setting.pretraining
        return clone(job.pretrainer).fit(self.X.iloc[rows], groups=self.patients[rows])

    def _laboratories(self, model: ECGDiagnosisClassifier, setting: Setting) -> pd.Series | None:
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


def run_jobs(
    data: ArmData, jobs: Sequence[Job], n_jobs: int | None, *, show: bool
) -> Generator[tuple[int, ArmScore]]:
    """Yield the number and the score of each job as it ends.

    Jobs that share a pre-training wait for the first of them.
    """
    first_of = {job.shared: number for number, job in reversed(list(enumerate(jobs)))}
    waits = [job.shared is not None and first_of[job.shared] != n for n, job in enumerate(jobs)]
    fitted: dict[tuple[str, bytes] | None, JointEmbeddingPretrainer] = {}
    with TallyBar(_passes(jobs, waits), kind="arms", unit="records", show=show) as bar:
        for wave in (False, True):
            outcomes = Parallel(n_jobs, batch_size=1, return_as="generator_unordered")(
                delayed(_run)(data, n, jobs[n], fitted.get(jobs[n].shared), bar.path_of(n))
                for n in _in_order(jobs)
                if waits[n] == wave
            )
            with closing(outcomes):  # ends the processes after an error or interrupt
                for number, score, caught in outcomes:
                    bar.end(number)
                    for w in caught:
                        warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
                    job = jobs[number]
                    if job.shared is not None:
                        fitted[job.shared] = score.model.encoder.estimator
                    yield number, score


def _passes(jobs: Sequence[Job], waits: Sequence[bool]) -> list[int]:
    """Return the expected passes of each job; one that waits does no pre-training."""
    return [
        job.n_passes - (job.n_pretraining_passes if is_waiting else 0)
        for job, is_waiting in zip(jobs, waits, strict=True)
    ]


def _in_order(jobs: Sequence[Job]) -> list[int]:
    """Order the joint embedding first; then the longest, so that the processes end together."""

    def rank(number: int) -> float:
        return -inf if jobs[number].name == JOINT_EMBEDDING else -jobs[number].n_passes

    return sorted(range(len(jobs)), key=rank)


def _run(
    data: ArmData,
    number: int,
    job: Job,
    pretrainer: JointEmbeddingPretrainer | None,
    tally_file: Path,
) -> tuple[int, ArmScore, list[warnings.WarningMessage]]:
    """Run a job, perhaps in another process; its warnings come back with the score."""
    # loky takes a process that grew by 300 MB for one that leaks, and starts another; but a
    # longer fit needs more memory than a short one before it.
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    with warnings.catch_warnings(record=True) as caught, tallied(tally_file):
        return number, data.score(job, pretrainer), list(caught)
