"""JSON form of an explanation, and its published schema."""

import json
from dataclasses import fields
from importlib.resources import files
from typing import Any

from ecgsk._json_values import json_value, snake_case
from ecgsk.explain._content import ExplanationContent
from ecgsk.explain._text import disclaimer


def explanation_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of `Explanation.to_dict`.

    It ships with the package as ``ecgsk/explain/explanation.schema.json``. Its version
    rises with each change that breaks readers of the former version.

    .. versionadded:: 0.1

    Returns
    -------
    dict
        The schema of one explanation; `Explanations.to_dict` returns a list of them.

    Examples
    --------
    >>> from ecgsk.explain import explanation_schema
    >>> explanation_schema()["properties"]["version"]["const"]
    2
    """
    text = files("ecgsk.explain").joinpath("explanation.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def explanation_dict(content: ExplanationContent) -> dict[str, Any]:
    """Return the JSON form: everything but the signal."""
    return {
        "version": 2,
        "record": json_value(content.record),
        "patient": json_value(content.patient),
        "quality": content.quality,
        "diagnoses": [
            _fields(d, predicted=bool(d.predicted), decision=d.decision) for d in content.diagnoses
        ],
        "laboratories": [
            _fields(f, lift=f.lift, ppv=f.ppv, npv=f.npv) for f in content.laboratories
        ],
        "evidence": [_fields(e, supports=e.supports, seen=e.seen) for e in content.evidence],
        "attributions": [_fields(a) for a in content.attributions],
        "similar": [_fields(s) for s in content.similar],
        "model": json_value(content.model, snake_case),
        "note": " ".join(disclaimer(content)),
    }


def _fields(item: Any, **computed: Any) -> dict[str, Any]:
    """Return the fields of a part that its repr shows, and computed ones."""
    held = {f.name: getattr(item, f.name) for f in fields(item) if f.repr}
    return {name: json_value(value) for name, value in (held | computed).items()}
