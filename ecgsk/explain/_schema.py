"""The published shape of an explanation in JSON."""

import json
from importlib.resources import files
from typing import Any


def explanation_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of `Explanation.to_dict`.

    It ships with the package as ``ecgsk/explain/explanation.schema.json``. Its version
    rises when a reader of the former would no longer understand the latter.

    Returns
    -------
    dict
        The schema of one explanation; `Explanations.to_dict` gives a list of them.

    Examples
    --------
    >>> from ecgsk.explain import explanation_schema
    >>> explanation_schema()["properties"]["version"]["const"]
    1
    """
    text = files("ecgsk.explain").joinpath("explanation.schema.json").read_text(encoding="utf-8")
    return json.loads(text)
