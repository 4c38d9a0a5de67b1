"""Run ``ecgsk demo``: all stages and arms on one cohort, and an explanation."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from ecgsk._safe_text import write_csv, write_text
from ecgsk.cli._ending import CHECKPOINTS, fit_settings
from ecgsk.cli._explain import explain_row
from ecgsk.cli._output import say
from ecgsk.datasets import Cohort, MimicFolds, MimicTargets, load_mimic_iv, make_clinical_ecg
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.evaluation import JOINT_EMBEDDING, ArmsComparison, compare_arms
from ecgsk.evaluation.rounded_tables import (
    arms_table,
    differences_table,
    gap_closed_table,
    laboratories_table,
)
from ecgsk.explain import Explanation, Section, write_report
from ecgsk.model_selection import patient_split
from ecgsk.persistence import save
from ecgsk.plotting.figures import write_figure
from ecgsk.preprocessing import BandpassFilter, LabAbnormality, Resample


@dataclass(frozen=True)
class Study:
    """Cohort and settings of one demo run."""

    title: str
    caution: str  # limits of the results, for the head of the report
    cohort: Cohort
    lab_targets: pd.DataFrame  # abnormalities: 0, 1 or NaN
    label_fraction: float  # share of training patients whose labels are used
    simulated: bool  # the model may store the tables of synthetic patients


def synthetic_study(n_subjects: int, label_fraction: float, seed: int) -> Study:
    """Make the study of a synthetic cohort."""
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    return Study(
        f"Synthetic cohort of {n_subjects:,} patients",
        "The patients are simulated from assumed physiology. The results show that the method "
        "works where ECG and laboratory values share causes; they do not apply to real patients.",
        cohort,
        LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs),
        label_fraction,
        simulated=True,
    )


def mimic_study(ecg: Path, hosp: Path, ed: Path | None, label_fraction: float) -> Study:
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
        label_fraction,
        simulated=False,
    )


def run(study: Study, out: Path, seed: int) -> None:
    """Run the three stages and all arms; write report, tables, figures and model."""
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    cohort = study.cohort
    say(f"{study.title}: {cohort.shape[0]:,} records, {cohort.Y.shape[1]} diagnoses")
    steps = make_pipeline(Resample(100), BandpassFilter(0.5, 40))
    X = steps.fit_transform(cohort.X)
    comparison = compare_arms(
        X,
        cohort.Y,
        study.lab_targets,
        cohort.groups,
        label_fractions=(study.label_fraction,),
        pretrainer=JointEmbeddingPretrainer(**fit_settings(out / CHECKPOINTS)),
        classifier=ECGDiagnosisClassifier(**fit_settings(out / CHECKPOINTS)),
        random_state=seed,
    )
    say(f"\n{arms_table(comparison.to_frame()).to_string(index=False)}\n\n{comparison.summary()}\n")
    held_out, unseen = _halves(comparison.test, cohort)
    model = _final_model(steps, comparison, study, X, held_out)
    explanation = _explain_highest(model, study, unseen)
    say(explanation.to_text())
    _write(study, comparison, explanation, out)
    save(model, out / "model", overwrite=True)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    say(
        f"\n{time.perf_counter() - start:.0f} s. Written to {out.resolve()}:\n"
        "report.html, arms.csv, arms.png, differences.csv, gap_closed.csv, laboratories.csv, "
        "explanation.html, explanation.json, explanation.png and the model.\n"
        f"Explain your own record: ecgsk explain RECORD --model {out / 'model'}"
    )


def _halves(rows: np.ndarray, cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Split test rows by patient into calibration rows and rows to explain."""
    kept, explained = patient_split(
        cohort.groups.iloc[rows], test_size=0.5, random_state=0, Y=cohort.Y.iloc[rows]
    )
    return rows[kept], rows[explained]


def _final_model(
    steps: Pipeline, comparison: ArmsComparison, study: Study, X: pd.DataFrame, held_out: np.ndarray
) -> Pipeline:
    """Return preprocessing, diagnosis model and laboratory heads as one pipeline."""
    score, cohort, rows = comparison.score_of(JOINT_EMBEDDING), study.cohort, comparison.train
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(score.model),
        reference_ranges=cohort.reference_ranges,
        keep_patients=study.simulated,
        random_state=0,
    )
    # Stage (iii) uses the same labelled records as stage (ii).
    Y = cohort.Y.where(pd.Series(range(len(X)), cohort.Y.index).isin(score.labelled), np.nan)
    explainer.fit(
        X.iloc[rows],
        study.lab_targets.iloc[rows],
        diagnoses=Y.iloc[rows],
        groups=cohort.groups.iloc[rows],
    )
    explainer.calibrate(
        X.iloc[held_out],
        study.lab_targets.iloc[held_out],
        cohort.Y.iloc[held_out],
        groups=cohort.groups.iloc[held_out],
    )
    return Pipeline([*steps.steps, ("lababnormalityexplainer", explainer)])


def _explain_highest(model: Pipeline, study: Study, rows: np.ndarray) -> Explanation:
    """Explain the record with the highest predicted laboratory abnormality, beside its truth."""
    X = study.cohort.X.iloc[rows]
    row = rows[[int(model.predict_proba(X[["ecg"]]).max(axis=1).argmax())]]
    shown = [name for name in ("ecg", "age", "sex", "male") if name in X]
    known = study.lab_targets.iloc[row], study.cohort.Y.iloc[row]
    return explain_row(model, study.cohort.X[shown].iloc[row], *known)


def _write(study: Study, comparison: ArmsComparison, explanation: Explanation, out: Path) -> None:
    frame, arms = comparison.to_frame(), comparison.plot()
    write_csv(frame, out / "arms.csv")
    write_csv(comparison.differences(), out / "differences.csv")
    write_csv(comparison.gap_closed(), out / "gap_closed.csv")
    write_csv(comparison.laboratories(), out / "laboratories.csv")
    write_figure(arms, out / "arms.png")
    write_figure(explanation.plot(), out / "explanation.png")
    write_text(out / "explanation.html", explanation.to_html())
    write_text(out / "explanation.json", json.dumps(explanation.to_dict(), indent=1))
    write_report(
        out / "report.html",
        title=study.title,
        lead=study.caution,
        sections=[
            Section("Cohort", table=_counts(study, comparison), details=study.cohort.DESCR.strip()),
            Section(
                "Arms",
                "All arms share one encoder, one recipe and the same test patients. Confidence "
                "intervals are patient bootstraps; seconds exclude shared pre-training.",
                arms_table(comparison.to_frame()),
                arms,
            ),
            Section(
                "Joint embedding minus each other arm",
                f"Paired over {comparison.n_test_patients:,} test patients with labels. A verdict "
                "needs at least 20 patients and an AUROC interval that excludes zero. The "
                "multimodal arm is the upper bound.",
                differences_table(comparison.differences()),
            ),
            Section(
                "Share of the gap closed",
                "(joint embedding - baseline) / (multimodal - baseline), macro AUROC.",
                gap_closed_table(comparison.gap_closed()),
            ),
            Section(
                "Laboratory abnormalities from the ECG alone: AUROC",
                table=laboratories_table(comparison.laboratories()),
            ),
            Section(
                "Explanation of the test record with the highest laboratory prediction",
                "The full explanation is in explanation.html beside this page.",
                figure=explanation.plot(),
                lines=explanation.to_text(),
            ),
        ],
    )


def _counts(study: Study, comparison: ArmsComparison) -> pd.DataFrame:
    """Return the numbers of records and patients on both sides of the split."""
    groups = study.cohort.groups.to_numpy()
    labelled = comparison.scores[0].n_labelled
    return pd.DataFrame(
        {
            "side": side,
            "records": f"{len(rows):,}",
            "patients": f"{len(np.unique(groups[rows])):,}",
            "with labels": f"{n:,}",
        }
        for side, rows, n in (
            ("training", comparison.train, labelled),
            (
                "test",
                comparison.test,
                int(study.cohort.Y.iloc[comparison.test].notna().any(axis=1).sum()),
            ),
        )
    )
