"""Table of predictions: its columns, and its rows for one part of a source."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ecgsk.deployment.outputs import (
    Outputs,
    find_refused,
    has_gate,
    masked_leads,
    needs_table,
    predict_all,
)
from ecgsk.exceptions import (
    DurationError,
    LeadMismatchError,
    RecordReadError,
    SamplingRateError,
    SignalQualityError,
    UnitError,
)
from ecgsk.io.sources import RecordSource, Wanted
from ecgsk.signals import ECGArray
from ecgsk.signals.record_quality import describe_signals

_BATCH = 256  # records in memory at once
# These concern all records of a kind, and the others one record.
_OF_KIND = (LeadMismatchError, SamplingRateError, DurationError)
_OF_RECORD = (SignalQualityError, UnitError, RecordReadError)


def table_schema(outputs: Outputs, facts: dict[str, Any] | None = None) -> pa.Schema:
    """Return the columns of a table of predictions, and facts about them as metadata."""
    columns: list[tuple[str, pa.DataType]] = [
        ("record", pa.string()),
        ("path", pa.string()),
        ("usable", pa.bool_()),
        ("reason", pa.string()),
        ("quality", pa.string()),
    ]
    if outputs.classes:
        columns += [("predicted", pa.string())]
    if outputs.diagnoses:
        columns += [("diagnoses", pa.string())]
    if outputs.laboratories:
        columns += [("findings", pa.string())]
    columns += [(f"predicted/{name}", pa.bool_()) for name in outputs.diagnoses]
    columns += [
        (f"probability/{name}", pa.float64()) for name in (*outputs.diagnoses, *outputs.classes)
    ]
    columns += [(f"laboratory/{name}", pa.float64()) for name in outputs.laboratories]
    return pa.schema(columns, metadata={"ecgsk": json.dumps(facts)} if facts else None)


def predict_source(model: Any, source: RecordSource, wanted: Wanted, outputs: Outputs) -> pa.Table:
    """Return the predictions for all records of a source, in order."""
    opened = source.open(wanted)
    reasons = dict(opened.broken)
    parts = []
    for frame, places in zip(opened.frames, opened.places, strict=True):
        for start in range(0, len(frame), _BATCH):
            some = slice(start, start + _BATCH)
            batch = frame.iloc[some].set_axis(places[some])
            parts += _predict_where_possible(model, batch, outputs, reasons, source.own_files)
    found = pd.concat(parts) if parts else pd.DataFrame(index=pd.Index([], dtype=int))
    table = pd.DataFrame(
        {
            "record": [source.name(place) for place in range(len(source))],
            "path": [source.path(place) for place in range(len(source))],
        }
    ).join(found)
    table["usable"] = table.index.isin(found.index) & ~table.index.isin(list(reasons))
    table["reason"] = [reasons.get(place, "") for place in table.index]
    schema = table_schema(outputs)
    return pa.Table.from_pandas(
        table.reindex(columns=schema.names), schema=schema, preserve_index=False
    )


def _predict_where_possible(
    model: Any, batch: pd.DataFrame, outputs: Outputs, reasons: dict[int, str], by_record: bool
) -> list[pd.DataFrame]:
    """Return predictions by place; add the reasons of records that have none to `reasons`."""
    try:
        return [_predict_batch(model, batch, outputs, reasons)]
    except _OF_KIND as error:
        reasons.update(dict.fromkeys(batch.index, str(error)))
        return []
    except _OF_RECORD as error:
        if isinstance(error, RecordReadError) and not by_record:
            raise
        if len(batch) == 1:
            reasons[batch.index[0]] = str(error)
            return []
    half = len(batch) // 2
    return [
        part
        for some in (batch.iloc[:half], batch.iloc[half:])
        for part in _predict_where_possible(model, some, outputs, reasons, by_record)
    ]


def _predict_batch(
    model: Any, batch: pd.DataFrame, outputs: Outputs, reasons: dict[int, str]
) -> pd.DataFrame:
    """Read, describe and predict records; those that are unusable have a quality alone."""
    ecg = batch["ecg"].array
    signals = ecg.read()
    described = describe_signals(signals, ecg.leads, ecg.sampling_rate).set_axis(batch.index)
    differing = getattr(ecg.storage, "differing", {})
    notes = [
        f"differs from the checksums of its header in {', '.join(differing[row])}"
        if row in differing
        else ""
        for row in ecg.rows
    ]
    masked = masked_leads(model, ecg.leads)
    about_leads = f"lead {', '.join(masked)} absent and masked" if masked else ""
    quality = [
        "; ".join(filter(None, (*words, about_leads)))
        for words in zip(described["problem"], batch["note"], notes, strict=True)
    ]
    found = pd.DataFrame({"quality": quality}, index=batch.index)
    usable = described["usable"].to_numpy()
    reasons |= found.loc[~usable, "quality"].to_dict()
    if not usable.any():
        return found
    table = batch.drop(columns=["path", "note"]) if needs_table(model) else batch[["ecg"]]
    in_memory = ECGArray.from_numpy(
        signals[usable], sampling_rate=ecg.sampling_rate, leads=ecg.leads
    )
    X = table[usable].assign(ecg=in_memory)
    if has_gate(model):
        refused = find_refused(model, X)
        reasons.update(zip(refused.index, refused, strict=True))
        X = X.drop(index=refused.index)
    return found.join(_as_columns(predict_all(model, X), outputs, X.index)) if len(X) else found


def _as_columns(found: dict[str, np.ndarray], outputs: Outputs, index: pd.Index) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    if "classes" in found:
        columns["predicted"] = np.array(outputs.classes)[found["classes"].argmax(axis=1)]
    for kind, title, thresholds in (
        ("diagnoses", "diagnoses", outputs.diagnosis_thresholds),
        ("laboratories", "findings", outputs.laboratory_thresholds),
    ):
        if kind in found:
            above = found[kind] > np.array(thresholds)
            names = np.array(getattr(outputs, kind))
            columns[title] = ["; ".join(names[row]) for row in above]
            if kind == "diagnoses":
                columns |= {f"predicted/{n}": above[:, j] for j, n in enumerate(names)}
    for kind, prefix in (
        ("classes", "probability"), ("diagnoses", "probability"), ("laboratories", "laboratory"),
    ):  # fmt: skip
        names = getattr(outputs, kind)
        if kind in found:
            columns |= {f"{prefix}/{n}": found[kind][:, j] for j, n in enumerate(names)}
    return pd.DataFrame(columns, index=index)
