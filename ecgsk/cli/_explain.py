"""``ecgsk explain``: one WFDB record, with a saved model."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import typer
from sklearn.pipeline import Pipeline

from ecgsk.exceptions import ECGError
from ecgsk.explain import Explanation, Section, write_report
from ecgsk.io import read_wfdb_record
from ecgsk.persistence import load


def run(record: Path, model_folder: Path, out: Path | None) -> None:
    """Print what the model says of a record; write the page and picture where asked."""
    model = load(model_folder)
    if not isinstance(model, Pipeline) or not hasattr(model[-1], "explain"):
        raise ECGError(
            f"ecgsk explain: {model_folder} holds a {type(model).__name__}, expected a pipeline "
            "that ends in a LabAbnormalityExplainer. Save make_pipeline(..., explainer)."
        )
    explanation = explain_record(model, record)
    typer.echo(explanation.to_text())
    if out is not None:
        _write(explanation, out)
        typer.echo(f"\nWritten to {out.resolve()}: report.html, explanation.json, explanation.png")


def explain_record(model: Pipeline, record: Path) -> Explanation:
    """Read one record, take it through the saved preprocessing and explain it."""
    last = model[-1].encoder_
    seconds = last.shape_[1] / last.sampling_rate_
    path = record.with_suffix("") if record.suffix in (".hea", ".dat", ".mat") else record
    ecg = read_wfdb_record(path, leads=last.leads_, duration=seconds)
    return explain_row(model, pd.DataFrame({"ecg": ecg}, index=[path.name]))


def explain_row(model: Pipeline, X: pd.DataFrame) -> Explanation:
    """Explain one row; the picture shows the ECG as it was recorded, not as it was filtered."""
    explanation = model[-1].explain(model[:-1].transform(X))[0]
    return replace(explanation, ecg=X["ecg"].array[0])


def _write(explanation: Explanation, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    figure = explanation.plot()
    figure.savefig(out / "explanation.png", dpi=150)
    (out / "explanation.json").write_text(json.dumps(explanation.to_dict(), indent=1), "utf-8")
    write_report(
        out / "report.html",
        title=f"ECG {explanation.record}",
        lead="What a model predicts from this ECG alone.",
        sections=[Section("Explanation", figure=figure, lines=explanation.to_text())],
    )
