"""``ecgsk demo``: cohort, three stages, arms, one patient's explanation."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from ecgsk.cli._explain import explain_row
from ecgsk.datasets import Cohort, load_mimic_iv, make_clinical_ecg
from ecgsk.estimators import LabAbnormalityExplainer
from ecgsk.evaluation import OURS, ArmsComparison, compare_arms
from ecgsk.explain import Explanation, Section, write_report
from ecgsk.persistence import save
from ecgsk.preprocessing import BandpassFilter, LabAbnormality, Resample


@dataclass(frozen=True)
class Study:
    """A cohort, and how the demo runs on it.

    Attributes
    ----------
    title : str
        Heading of the report.
    caution : str
        What its figures may not be taken for.
    cohort : Cohort
        Records, labels and laboratory values.
    lab_targets : DataFrame
        Laboratory abnormalities, 0, 1 or NaN.
    label_fraction : float
        Share of the training patients whose labels are used.
    """

    title: str
    caution: str
    cohort: Cohort
    lab_targets: pd.DataFrame
    label_fraction: float


def synthetic_study(n_subjects: int, label_fraction: float, seed: int) -> Study:
    """Make the synthetic cohort: several times more tables than labels."""
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    return Study(
        f"Synthetic cohort of {n_subjects:,} patients",
        "The patients are simulated, on assumed physiology. The figures show that the method "
        "works where ECG and laboratory values share causes; they say nothing about real patients.",
        cohort,
        LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs),
        label_fraction,
    )


def mimic_study(ecg: Path, hosp: Path, ed: Path | None, label_fraction: float) -> Study:
    """Join a tree in MIMIC-IV's layout."""
    cohort = load_mimic_iv(ecg=ecg, hosp=hosp, ed=ed)
    return Study(
        f"MIMIC-IV layout: {len(cohort.X):,} ECGs of {cohort.groups.nunique():,} patients",
        "Intervals are over the test patients alone; with few of them they are wide, and tell so.",
        cohort,
        cohort.lab_abnormalities,
        label_fraction,
    )


def run(study: Study, out: Path, seed: int) -> None:
    """Run the three stages and all arms; write report, tables, pictures and model."""
    start = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    cohort = study.cohort
    typer.echo(f"{study.title}: {cohort.shape[0]:,} records, {cohort.Y.shape[1]} diagnoses")
    steps = make_pipeline(Resample(100), BandpassFilter(0.5, 40))
    X = steps.fit_transform(cohort.X)
    comparison = compare_arms(
        X,
        cohort.Y,
        study.lab_targets,
        cohort.groups,
        label_fractions=(study.label_fraction,),
        random_state=seed,
    )
    typer.echo(f"\n{_arms_table(comparison).to_string(index=False)}\n\n{comparison.summary()}\n")
    model = _final_model(steps, comparison, study, X)
    explanation = _one_patient(model, comparison, cohort)
    typer.echo(explanation.to_text())
    _write(study, comparison, explanation, out)
    save(model, out / "model", overwrite=True)
    typer.echo(
        f"\n{time.perf_counter() - start:.0f} s. Written to {out.resolve()}:\n"
        "report.html, arms.csv, arms.png, differences.csv, gap_closed.csv, laboratories.csv, "
        "explanation.json, explanation.png and the model.\n"
        f"Explain a record of yours: ecgsk explain RECORD --model {out / 'model'}"
    )


def _arms_table(comparison: ArmsComparison) -> pd.DataFrame:
    """Return the arms for people: scores with their intervals as text."""
    frame = comparison.to_frame()

    def score(estimate: str, low: str, high: str) -> list[str]:
        rows = zip(frame[estimate], frame[low], frame[high], strict=True)
        return [f"{x:.3f} [{lower:.3f}, {upper:.3f}]" for x, lower, upper in rows]

    return pd.DataFrame(
        {
            "arm": frame["arm"],
            "macro AUROC [95 %]": score("macro_auroc", "auroc_low", "auroc_high"),
            "macro AUPRC [95 %]": score("macro_auprc", "auprc_low", "auprc_high"),
            "laboratory AUROC": [_number(x) for x in frame["laboratory_auroc"]],
            "fit, s": [f"{x:.0f}" for x in frame["seconds"]],
        }
    )


def _formatted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of results with its numbers as text."""
    shown = frame.copy()
    for name in shown.columns:
        if name == "label_fraction":
            shown[name] = shown[name].map("{:.0%}".format)
        elif pd.api.types.is_float_dtype(shown[name]):
            shown[name] = shown[name].map(_signed)
    return shown.rename(columns=lambda name: str(name).replace("_", " "))


def _number(x: float) -> str:
    return "" if np.isnan(x) else f"{x:.3f}"


def _signed(x: float) -> str:
    return "" if np.isnan(x) else f"{x:+.3f}"


def _final_model(steps: Pipeline, comparison: ArmsComparison, study: Study, X) -> Pipeline:
    """Return preprocessing, diagnoses and laboratory heads as one pipeline that needs the ECG."""
    classifier = next(score.model for score in comparison.scores if score.arm == OURS)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=study.cohort.reference_ranges
    )
    rows = comparison.train
    explainer.fit(X.iloc[rows], study.lab_targets.iloc[rows], groups=study.cohort.groups.iloc[rows])
    return Pipeline([*steps.steps, ("lababnormalityexplainer", explainer)])


def _one_patient(model: Pipeline, comparison: ArmsComparison, cohort: Cohort) -> Explanation:
    """Explain the test record with the most striking laboratory finding."""
    X = cohort.X[["ecg"]].iloc[comparison.test]
    row = int(model.predict_proba(X).max(axis=1).argmax())
    return explain_row(model, X.iloc[[row]])


def _write(study: Study, comparison: ArmsComparison, explanation: Explanation, out: Path) -> None:
    frame, arms = comparison.to_frame(), comparison.plot()
    frame.to_csv(out / "arms.csv", index=False)
    comparison.differences().to_csv(out / "differences.csv", index=False)
    comparison.gap_closed().to_csv(out / "gap_closed.csv", index=False)
    comparison.laboratories().to_csv(out / "laboratories.csv", index=False)
    arms.savefig(out / "arms.png", dpi=150)
    explanation.plot().savefig(out / "explanation.png", dpi=150)
    (out / "explanation.json").write_text(json.dumps(explanation.to_dict(), indent=1), "utf-8")
    write_report(
        out / "report.html",
        title=study.title,
        lead=study.caution,
        sections=[
            Section("Cohort", lines=study.cohort.DESCR.strip(), table=_counts(study, comparison)),
            Section(
                "Arms",
                "All arms share one encoder, one recipe and the same test patients. Intervals are "
                "patient bootstraps; seconds leave out a pre-training that another arm did.",
                _arms_table(comparison),
                arms,
            ),
            Section(
                "Joint embedding minus each other arm",
                "Paired on the same patients. A verdict is given where the interval of the AUROC "
                "is on one side of zero. The multimodal arm is the upper bound.",
                _formatted(comparison.differences()),
            ),
            Section(
                "Share of the gap closed",
                "(joint embedding - baseline) / (multimodal - baseline), macro AUROC.",
                _formatted(comparison.gap_closed()),
            ),
            Section(
                "Laboratory abnormalities from the ECG alone: AUROC",
                table=_formatted(comparison.laboratories()),
            ),
            Section(
                "One patient of the test side: the most striking laboratory finding",
                figure=explanation.plot(),
                lines=explanation.to_text(),
            ),
        ],
    )


def _counts(study: Study, comparison: ArmsComparison) -> pd.DataFrame:
    """Return records and patients on either side of the split."""
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
