"""``ecgsk explain``: explain records with a saved model."""

import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ecgsk._files import check_writable
from ecgsk._safe_text import write_text
from ecgsk.cli._ending import end_incomplete
from ecgsk.cli._output import say, show
from ecgsk.deployment.outputs import check_ecg_only, last_step, wanted_signals
from ecgsk.estimators import LabAbnormalityExplainer
from ecgsk.estimators.diagnosis_explanations import explain_diagnoses
from ecgsk.exceptions import ECGError
from ecgsk.explain import Explanation, Section, write_report
from ecgsk.io.sources import RecordSource, find_sources
from ecgsk.persistence import load
from ecgsk.plotting.figures import write_figure

# Number of attributed diagnoses (about a second each) and of similar patients.
_N_ATTRIBUTIONS = 2
_N_SIMILAR = 3
_SHOWN = ("ecg", "age", "sex", "male")  # columns of the page's head
_N_NAMED = 5  # records that a message names


def run(
    paths: Sequence[Path], model_folder: Path, out: Path | None, names: Sequence[str], limit: int
) -> None:
    """Print the explanations of records; write a page, JSON and picture of each to ``out``."""
    if out is not None:
        check_writable(out, name="ecgsk explain")
    model = load(model_folder)
    _check_model(model, f"ecgsk explain: the model in {model_folder}")
    found = _choose(find_sources(paths, name="ecgsk explain"), names, limit)
    if len(found) == 1:
        explanation = explain_record(model, *found[0])
        show(explanation.to_text(), explanation.to_dict())
        if out is not None:
            _write(explanation, out)
            say(f"\nWritten to {out.resolve()}: report.html, explanation.json, explanation.png")
        return
    _explain_all(model, found, out)


def _check_model(model: BaseEstimator, name: str) -> None:
    """Raise unless the model is a pipeline whose only input is an ECG with named leads."""
    if not isinstance(model, Pipeline):
        raise ECGError(
            f"{name}: expected a pipeline that ends in a LabAbnormalityExplainer or a classifier; "
            f"got a {type(model).__name__}. Save make_pipeline(..., explainer)."
        )
    check_ecg_only(model, name=name)
    last_step(model, name=name)


def _choose(
    sources: Sequence[RecordSource], names: Sequence[str], limit: int
) -> list[tuple[RecordSource, int]]:
    """Return the first `limit` records, or those named; raise if a name is not found."""
    n_found = sum(map(len, sources))
    places = [(source, place) for source in sources for place in range(len(source))]
    if names:
        known = {source.name(place) for source, place in places}
        if unknown := [name for name in names if name not in known]:
            some = sorted(known)[:_N_NAMED]
            raise ECGError(
                f"ecgsk explain: no record is called {unknown[0]!r}. Its {n_found:,} records have "
                f"names such as {', '.join(some)}."
            )
        places = [(source, place) for source, place in places if source.name(place) in names]
    if len(places) > limit:
        warnings.warn(
            f"ecgsk explain: {len(places):,} records found; the first {limit} are explained, as "
            "each takes seconds. Name others with --record, raise --limit, or use `ecgsk predict`.",
            stacklevel=2,
        )
    return places[:limit]


def explain_record(model: Pipeline, source: RecordSource, place: int) -> Explanation:
    """Read one record, apply the saved preprocessing and explain it."""
    opened = source.take(slice(place, place + 1)).open(wanted_signals(model))
    if opened.broken:
        raise ECGError(opened.broken[0])
    (frame,) = opened.frames
    return explain_row(model, frame)


def _explain_all(
    model: Pipeline, found: Sequence[tuple[RecordSource, int]], out: Path | None
) -> None:
    """Explain several records, with a folder of each and an index."""
    done: list[tuple[str, Explanation]] = []
    left_out: list[dict[str, str]] = []
    for number, (source, place) in enumerate(found, start=1):
        name = source.name(place)
        try:
            explanation = explain_record(model, source, place)
        except ECGError as error:
            left_out.append({"record": name, "reason": str(error)})
            continue
        folder = f"{number:03d}-{re.sub(r'[^0-9A-Za-z_.-]+', '_', name)[-60:]}"
        done.append((folder, explanation))
        if out is not None:
            _write(explanation, out / folder)
    if not done:
        raise ECGError(
            f"ecgsk explain: none of {len(found)} records can be explained; the first: "
            f"{left_out[0]['reason']}"
        )
    texts = [explanation.to_text() for _, explanation in done]
    texts += [f"{left['record']}: left out: {left['reason']}" for left in left_out]
    documents = [explanation.to_dict() for _, explanation in done]
    show("\n\n".join(texts), {"records": documents, "left_out": left_out})
    if out is not None:
        _write_index(out / "index.html", done, left_out)
        say(f"\nWritten to {out.resolve()}: index.html, and a folder of each record")
    end_incomplete(len(left_out))


def _write_index(
    path: Path,
    done: Sequence[tuple[str, Explanation]],
    left_out: Sequence[dict[str, str]],
) -> None:
    """Write a page that links to the report of each record."""
    rows = []
    for folder, explanation in done:
        facts = explanation.to_dict()
        diagnoses = facts["diagnoses"]
        rows.append(
            {
                "record": Markup('<a href="{}/report.html">{}</a>').format(
                    folder, explanation.title
                ),
                "above threshold": _join(d for d in diagnoses if d["decision"] == "present"),
                "uncertain": _join(d for d in diagnoses if d["decision"] == "uncertain"),
                "signal quality": facts["quality"],
            }
        )
    table = pd.DataFrame(rows, dtype=object)  # a column of strings would escape the links
    sections = [Section("Records", table=table)]
    if left_out:
        sections.append(Section("Left out", table=pd.DataFrame(left_out)))
    lead = "Diagnoses predicted from the ECG. Research use only."
    title = f"{len(done)} ECG{'s' * (len(done) > 1)} explained"
    write_report(path, title=title, lead=lead, sections=sections)


def _join(diagnoses: Iterable[dict[str, Any]]) -> str:
    return "; ".join(diagnosis["title"] for diagnosis in diagnoses)


def explain_row(
    model: Pipeline,
    X: pd.DataFrame,
    y: Any = None,
    diagnoses: Any = None,
    titles: Mapping[str, str] | None = None,
) -> Explanation:
    """Explain one row; the picture shows the ECG as recorded, before preprocessing.

    `y`, `diagnoses` and `titles` are what is known of it and the titles of labels, as in
    `LabAbnormalityExplainer.explain`.
    """
    X = X[[name for name in _SHOWN if name in X]]
    prepared = model[:-1].transform(X) if len(model) > 1 else X
    explainer = model[-1]
    if isinstance(explainer, LabAbnormalityExplainer):
        n_similar = 0 if explainer.similar_patients_ is None else _N_SIMILAR
        (explanation,) = explainer.explain(
            prepared,
            y,
            diagnoses,
            n_attributions=_N_ATTRIBUTIONS,
            n_similar=n_similar,
            titles=titles,
        )
    else:
        (explanation,) = explain_diagnoses(
            explainer, prepared, diagnoses, n_attributions=_N_ATTRIBUTIONS, titles=titles
        )
    (problem,) = X["ecg"].ecg.quality()["problem"]
    return replace(explanation, ecg=X["ecg"].array[0], quality=problem)


def _write(explanation: Explanation, out: Path) -> None:
    write_figure(explanation.plot(), out / "explanation.png")
    write_text(out / "explanation.json", json.dumps(explanation.to_dict(), indent=1))
    write_text(out / "report.html", explanation.to_html())
