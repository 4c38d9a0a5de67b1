"""Run ``ecgsk demo``: all stages and arms on one cohort, and an explanation."""

import shutil
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ecgsk.cli._comparison import comparison_document
from ecgsk.cli._demo_report import (
    PAGE,
    TABLES,
    conclusion,
    limits,
    write_page,
    write_picture,
    write_results,
)
from ecgsk.cli._ending import CHECKPOINTS
from ecgsk.cli._explain import explain_row
from ecgsk.cli._output import finish, say
from ecgsk.cli._preprocessing import preprocessing_steps
from ecgsk.cli._stages import Sides, StageData, StageTargets, fit_explainer, split_rows
from ecgsk.datasets import (
    Cohort,
    MimicFolds,
    MimicTargets,
    fetch_mimic_iv_demo,
    load_mimic_iv,
    make_clinical_ecg,
    write_cohort_report,
)
from ecgsk.encoders import Encoder, ResNet1d
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.evaluation import JOINT_EMBEDDING, ArmsComparison, ArmScore, compare_arms
from ecgsk.explain import Explanation
from ecgsk.persistence import save
from ecgsk.preprocessing import LabAbnormality
from ecgsk.training import Trainer

# Expected time: pre-training passes over the training records to which all arms are equal, of
# which a compute-matched and a self-supervised one are the larger part
# (docs/benchmarks/joint_embedding.md).
_PASSES_PER_RECORD, _N_LONG_ARMS, _N_TIMED = 94, 3, 512
COHORT_REPORT = "cohort"  # folder of the cohort's own report
_FILES = [
    "report.html",
    PAGE,
    "explanation.json",
    "explanation.png",
    *(f"{name}.csv" for name in TABLES),
    "arms.png",
    "model",
]


@dataclass(frozen=True)
class Size:
    """Size of a study: patients, share of labels, test set, encoder and stage (i)."""

    subjects: int
    label_fraction: float
    test_size: float
    encoder: Encoder
    pretraining: dict[str, Any]  # parameters of the pretrainer


# Chosen on the cohorts of seeds 0 to 2 (docs/benchmarks/joint_embedding.md): with 8 epochs the
# gain is not shown in each of them.
QUICK = Size(1500, 0.2, 0.45, ResNet1d(depth=10, width=8), {"max_epochs": 10, "batch_size": 64})
FULL = Size(5000, 0.1, 0.25, ResNet1d(), {})


@dataclass(frozen=True)
class Study:
    """Cohort and settings of one demo run."""

    title: str
    caution: str  # limits of the results, for the head of the report
    cohort: Cohort
    lab_targets: pd.DataFrame  # abnormalities: 0, 1 or NaN
    label_fraction: float  # share of training patients whose labels are used
    size: Size
    simulated: bool  # the model may store the tables of synthetic patients
    few_patients: bool = False  # say what they can and cannot show, and describe the cohort


def synthetic_study(
    size: Size, n_subjects: int | None, label_fraction: float | None, seed: int
) -> Study:
    """Make the study of a synthetic cohort."""
    n_subjects = n_subjects or size.subjects
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    return Study(
        f"Synthetic cohort of {n_subjects:,} patients",
        "The patients are simulated from assumed physiology. The results apply to the method "
        "where ECG and laboratory values share causes; they do not apply to real patients.",
        cohort,
        LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs),
        size.label_fraction if label_fraction is None else label_fraction,
        size,
        simulated=True,
    )


def mimic_study(
    size: Size, ecg: Path, hosp: Path, ed: Path | None, label_fraction: float | None
) -> Study:
    """Make the study of a folder in MIMIC-IV's layout."""
    cohort = load_mimic_iv(
        ecg,
        hosp,
        ed,
        targets=MimicTargets(icd9="leave"),
        folds=MimicFolds(stratify=False, first_per_stay=False),
    )
    return Study(
        f"MIMIC-IV layout: {len(cohort.X):,} ECGs of {cohort.groups.nunique():,} patients",
        "Trained and tested on the patients of this folder only.",
        cohort,
        cohort.lab_abnormalities,
        1.0 if label_fraction is None else label_fraction,
        size,
        simulated=False,
    )


def open_study(
    size: Size, data_home: Path | None, mirror: str | None, label_fraction: float | None
) -> Study:
    """Download the demos of MIMIC-IV-ECG, MIMIC-IV and MIMIC-IV-ED, and make their study."""
    server: dict[str, Any] = {"base_url": mirror} if mirror else {}
    demo = fetch_mimic_iv_demo(data_home, **server)
    cohort = load_mimic_iv(
        demo.ecg,
        demo.hosp,
        demo.ed,
        # Categories, of enough ECGs: longer codes are of one or two patients.
        targets=MimicTargets(icd_digits=3, min_count=20),
        folds=MimicFolds(stratify=False, first_per_stay=False),
    )
    return Study(
        f"Open MIMIC-IV demo: {len(cohort.X):,} ECGs of {cohort.groups.nunique():,} patients",
        "The patients are real and few. See what so few patients can and cannot show, below.",
        cohort,
        cohort.lab_abnormalities,
        1.0 if label_fraction is None else label_fraction,
        size,
        simulated=False,
        few_patients=True,
    )


def run(
    study: Study, out: Path, seed: int, n_jobs: int, *, start: float, open_report: bool = False
) -> None:
    """Run the three stages and all arms; write report, tables, figures and model.

    `start` is the time of the command, by `time.perf_counter`.
    """
    out.mkdir(parents=True, exist_ok=True)
    cohort = study.cohort
    say(f"{study.title}: {cohort.shape[0]:,} records, {cohort.Y.shape[1]} diagnoses")
    files = list(_FILES)
    if study.few_patients:
        say(f"{cohort.DESCR}\n")
        write_cohort_report(cohort, out / COHORT_REPORT, title=study.title)
        files.append(f"{COHORT_REPORT}/report.html")
    steps = make_pipeline(*preprocessing_steps())
    X = steps.fit_transform(cohort.X)
    # A finished fit in the checkpoints is not repeated: the same command goes on from there.
    settings: dict[str, Any] = {
        "trainer": Trainer(checkpoint_folder=out / CHECKPOINTS),
        "verbose": 0,
    }
    pretrainer = JointEmbeddingPretrainer(study.size.encoder, **study.size.pretraining, **settings)
    if study.size is FULL:
        _say_expected_time(study, X, n_jobs)
    course = _Course(study, steps, X, out, start)
    comparison = compare_arms(
        X,
        cohort.Y,
        study.lab_targets,
        cohort.groups,
        label_fractions=(study.label_fraction,),
        test_size=study.size.test_size,
        pretrainer=pretrainer,
        classifier=ECGDiagnosisClassifier(study.size.encoder, **settings),
        random_state=seed,
        n_jobs=n_jobs,
        callback=course.on_score,
    )
    say(f"\n{conclusion(comparison)}")
    assert course.explanation is not None  # the joint embedding is among the arms
    shown = limits(cohort, comparison) if study.few_patients else ""
    if shown:
        say(f"\n{shown}")
    write_results(study.title, study.caution, cohort, comparison, course.explanation, out, shown)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    report, seconds = out.resolve() / "report.html", time.perf_counter() - start
    finish(
        f"\n{seconds:.0f} s. Open {report}\n"
        f"Beside it in {out.resolve()}: {', '.join(file for file in files[1:] if file != 'model')} "
        "and the model.\n"
        f"Explain your own record: ecgsk explain RECORD --model {out / 'model'}",
        comparison_document(comparison, out.resolve(), seconds) | {"files": files},
    )
    if open_report:
        _open(report)


def _say_expected_time(study: Study, X: pd.DataFrame, n_jobs: int) -> None:
    """Estimate the time of all arms from a short pre-training in one thread, and print it."""
    probe = JointEmbeddingPretrainer(study.size.encoder, max_epochs=1, random_state=0, verbose=0)
    rows = X.iloc[:_N_TIMED]
    with threadpool_limits(1):
        probe.fit(rows.iloc[: _N_TIMED // 8])  # the first fit loads libraries
        start = time.perf_counter()
        probe.fit(rows)
        seconds = (time.perf_counter() - start) / len(rows)
    n_passes = _PASSES_PER_RECORD * len(X) * (1 - study.size.test_size)
    minutes = seconds * n_passes / min(n_jobs, _N_LONG_ARMS) / 60
    say(
        f"Expected time: about {max(1, round(minutes))} min in {n_jobs} processes of one thread, "
        f"estimated from one epoch over {len(rows)} records on this machine; more if other "
        "programs run beside."
    )


@dataclass
class _Course:
    """Print scores and write the explanation while the arms are fitted."""

    study: Study
    steps: Pipeline
    X: pd.DataFrame
    out: Path
    start: float
    explanation: Explanation | None = field(default=None, init=False)

    def on_score(self, comparison: ArmsComparison, score: ArmScore) -> None:
        """Print a line for each arm; explain an ECG after the joint embedding."""
        with tqdm.external_write_mode():  # the progress bar stays whole
            say(
                f"{score.arm}: AUROC {score.auroc.estimate:.3f} "
                f"[{score.auroc.low:.3f}, {score.auroc.high:.3f}], {score.seconds:.0f} s"
            )
        if score.arm == JOINT_EMBEDDING:
            with threadpool_limits(1):  # further threads only wait where other arms have the cores
                self._explain(comparison)

    def _explain(self, comparison: ArmsComparison) -> None:
        # One half of the test patients calibrates, an ECG of the other is explained.
        halves = split_rows(self.study.cohort, comparison.test, 0.5, seed=0)
        sides = Sides(comparison.train, *halves, source="the split of the arms")
        score = comparison.score_of(JOINT_EMBEDDING)
        model = _final_model(self.steps, score, self.study, self.X, sides)
        self.explanation = _explain_richest(model, self.study, sides.test)
        write_page(self.explanation, self.out)
        with tqdm.external_write_mode():
            say(
                f"\n{self.explanation.to_text()}\n\n"
                f"After {time.perf_counter() - self.start:.0f} s. The same with the ECG: "
                f"{self.out.resolve() / PAGE}\n"
            )
        write_picture(self.explanation, self.out)
        save(model, self.out / "model", overwrite=True)


def _final_model(
    steps: Pipeline, score: ArmScore, study: Study, X: pd.DataFrame, sides: Sides
) -> Pipeline:
    """Return preprocessing, diagnosis model and laboratory heads as one pipeline."""
    cohort = study.cohort
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(score.model),
        reference_ranges=cohort.reference_ranges,
        keep_patients=study.simulated,
        random_state=0,
    )
    # Stage (iii) uses the same labelled records as stage (ii).
    hidden = np.setdiff1d(sides.train, score.labelled)
    Y = cohort.Y.mask(pd.Series(range(len(X)), cohort.Y.index).isin(hidden))
    measured = study.lab_targets.iloc[sides.train].notna().any()
    labs = study.lab_targets.loc[:, measured]
    targets = StageTargets(Y, labs, cohort.reference_ranges)
    fit_explainer(explainer, X, StageData(cohort, targets, sides))
    return Pipeline([*steps.steps, ("lababnormalityexplainer", explainer)])


def _explain_richest(model: Pipeline, study: Study, rows: np.ndarray) -> Explanation:
    """Explain the record with the most recorded findings, which the prediction has no part in."""
    labs = study.lab_targets[model[-1].label_names_]
    known = labs.iloc[rows], study.cohort.Y.iloc[rows]
    n_found = sum((table == 1).sum(axis=1).to_numpy() for table in known)
    row = rows[[int(np.argmax(n_found))]]
    cohort = study.cohort
    titles = dict(cohort.get("label_titles", {}))
    return explain_row(model, cohort.X.iloc[row], labs.iloc[row], cohort.Y.iloc[row], titles)


def _open(page: Path) -> None:
    """Open a page in the browser, if there is one."""
    try:
        is_open = webbrowser.open(page.as_uri())
    except webbrowser.Error:
        is_open = False
    if not is_open:
        say("No browser was found to open the report in.")
