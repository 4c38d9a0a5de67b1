"""``ecgsk explain``: one WFDB record, with a saved model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import typer
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ecgsk.exceptions import ECGError
from ecgsk.explain import Explanation
from ecgsk.io import read_wfdb_record
from ecgsk.persistence import load
from ecgsk.preprocessing import SelectLeads

# Diagnoses for which to show where the model looked: a second or so each.
_ATTRIBUTIONS = 2
_SIMILAR = 3


def run(record: Path, model_folder: Path, out: Path | None) -> None:
    """Print what the model says of a record; write the page and picture where asked."""
    model = load(model_folder)
    _check_model(model, f"ecgsk explain: the model in {model_folder}")
    explanation = explain_record(model, record)
    typer.echo(explanation.to_text())
    if out is not None:
        _write(explanation, out)
        typer.echo(f"\nWritten to {out.resolve()}: report.html, explanation.json, explanation.png")


def _check_model(model: BaseEstimator, name: str) -> None:
    """Raise unless the model explains, and needs an ECG with named leads alone."""
    if not isinstance(model, Pipeline) or not hasattr(model[-1], "explain"):
        raise ECGError(
            f"{name} is a {type(model).__name__}, expected a pipeline that ends in a "
            "LabAbnormalityExplainer. Save make_pipeline(..., explainer)."
        )
    encoder = model[-1].encoder_
    if getattr(encoder, "inputs", "ecg") != "ecg":
        raise ECGError(
            f"{name} has inputs={encoder.inputs!r}, and a record comes without a table. Use one "
            "with inputs='ecg', or LabAbnormalityExplainer.explain on a DataFrame."
        )
    if encoder.leads_ is None:
        raise ECGError(
            f"{name} was fitted on plain arrays, which name no leads, so a record's cannot be "
            "found. Fit it on an ECG column."
        )


def explain_record(model: Pipeline, record: Path) -> Explanation:
    """Read one record, take it through the saved preprocessing and explain it."""
    last = model[-1].encoder_
    seconds = last.shape_[1] / last.sampling_rate_
    path = record.with_suffix("") if record.suffix in (".hea", ".dat", ".mat") else record
    ecg = read_wfdb_record(path, leads=_leads_in(model), duration=seconds)
    return explain_row(model, pd.DataFrame({"ecg": ecg}, index=[path.name]))


def _leads_in(model: Pipeline) -> Sequence[str]:
    """Return the leads that a record must have: what the first step asks for."""
    first = model[0]
    if isinstance(first, SelectLeads):
        return first.leads
    return getattr(first, "leads_in_", model[-1].encoder_.leads_)


def explain_row(model: Pipeline, X: pd.DataFrame) -> Explanation:
    """Explain one row; the picture shows the ECG as it was recorded, not as it was filtered."""
    prepared = model[:-1].transform(X) if len(model) > 1 else X
    explainer = model[-1]
    n_similar = 0 if explainer.similar_patients_ is None else _SIMILAR
    explanation = explainer.explain(prepared, n_attributions=_ATTRIBUTIONS, n_similar=n_similar)[0]
    (problem,) = X["ecg"].ecg.quality()["problem"]
    return replace(explanation, ecg=X["ecg"].array[0], quality=problem)


def _write(explanation: Explanation, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    figure = explanation.plot()
    figure.savefig(out / "explanation.png", dpi=150)
    (out / "explanation.json").write_text(json.dumps(explanation.to_dict(), indent=1), "utf-8")
    (out / "report.html").write_text(explanation.to_html(), encoding="utf-8")
