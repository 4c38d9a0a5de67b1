"""``ecgsk explain``: explain one WFDB record with a saved model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ecgsk._safe_text import write_text
from ecgsk.cli._output import say, show
from ecgsk.exceptions import ECGError
from ecgsk.explain import Explanation
from ecgsk.io import read_wfdb_record
from ecgsk.persistence import load
from ecgsk.plotting.figures import write_figure
from ecgsk.preprocessing import SelectLeads

# Number of attributed diagnoses (about a second each) and of similar patients.
_N_ATTRIBUTIONS = 2
_N_SIMILAR = 3


def run(record: Path, model_folder: Path, out: Path | None) -> None:
    """Print the explanation of a record; write page, JSON and picture to ``out``."""
    model = load(model_folder)
    _check_model(model, f"ecgsk explain: the model in {model_folder}")
    explanation = explain_record(model, record)
    show(explanation.to_text(), explanation.to_dict())
    if out is not None:
        _write(explanation, out)
        say(f"\nWritten to {out.resolve()}: report.html, explanation.json, explanation.png")


def _check_model(model: BaseEstimator, name: str) -> None:
    """Raise unless the model is an explainer whose only input is an ECG with named leads."""
    if not isinstance(model, Pipeline) or not hasattr(model[-1], "explain"):
        raise ECGError(
            f"{name}: expected a pipeline that ends in a LabAbnormalityExplainer; got a "
            f"{type(model).__name__}. Save make_pipeline(..., explainer)."
        )
    encoder = model[-1].encoder_
    if getattr(encoder, "inputs", "ecg") != "ecg":
        raise ECGError(
            f"{name} has inputs={encoder.inputs!r}, but a record has no clinical table. Use a "
            "model with inputs='ecg', or LabAbnormalityExplainer.explain on a DataFrame."
        )
    if encoder.leads_ is None:
        raise ECGError(
            f"{name} was fitted on plain arrays, which have no lead names to select a record's "
            "leads by. Fit it on an ECG column."
        )


def explain_record(model: Pipeline, record: Path) -> Explanation:
    """Read one record, apply the saved preprocessing and explain it."""
    last = model[-1].encoder_
    seconds = last.shape_[1] / last.sampling_rate_
    path = record.with_suffix("") if record.suffix in (".hea", ".dat", ".mat") else record
    ecg = read_wfdb_record(path, leads=_leads_in(model), duration=seconds)
    return explain_row(model, pd.DataFrame({"ecg": ecg}, index=[path.name]))


def _leads_in(model: Pipeline) -> Sequence[str]:
    """Return the leads that the first step of the pipeline needs."""
    first = model[0]
    if isinstance(first, SelectLeads):
        return first.leads
    return getattr(first, "leads_in_", model[-1].encoder_.leads_)


def explain_row(
    model: Pipeline, X: pd.DataFrame, y: Any = None, diagnoses: Any = None
) -> Explanation:
    """Explain one row; the picture shows the ECG as recorded, before preprocessing.

    `y` and `diagnoses` are what is known of it, as in `LabAbnormalityExplainer.explain`.
    """
    prepared = model[:-1].transform(X) if len(model) > 1 else X
    explainer = model[-1]
    n_similar = 0 if explainer.similar_patients_ is None else _N_SIMILAR
    (explanation,) = explainer.explain(
        prepared, y, diagnoses, n_attributions=_N_ATTRIBUTIONS, n_similar=n_similar
    )
    (problem,) = X["ecg"].ecg.quality()["problem"]
    return replace(explanation, ecg=X["ecg"].array[0], quality=problem)


def _write(explanation: Explanation, out: Path) -> None:
    write_figure(explanation.plot(), out / "explanation.png")
    write_text(out / "explanation.json", json.dumps(explanation.to_dict(), indent=1))
    write_text(out / "report.html", explanation.to_html())
