"""Transforms of an ingest: any pipeline of transformers that learn nothing from the data."""

import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ecgsk.exceptions import ECGError
from ecgsk.signals import ECGArray
from ecgsk.signals.columns import ecg_column
from ecgsk.signals.storage import ArrayStorage

# Parameters of transformers that do not change the result.
_WITHOUT_EFFECT = {"n_jobs", "memory", "verbose"}
# Parameters younger than stores on disk, with the value that changes nothing: an ingest goes on
# with such a store.
_ADDED_LATER = {("SelectLeads", "missing"): "raise"}
# Packages whose classes are described by name and parameters alone.
_LIBRARIES = {"builtins", "ecgsk", "sklearn"}


def pipeline_steps(transform: Any) -> list[Any]:
    """Return the transformers of a transform in order, with those of nested pipelines."""
    if transform is None or transform == "passthrough":
        return []
    if isinstance(transform, Pipeline):
        return [step for _, part in transform.steps for step in pipeline_steps(part)]
    needed = ("fit_transform", "get_params")
    if isinstance(transform, type) or not all(hasattr(transform, name) for name in needed):
        raise ECGError(
            "ingest: expected transform to be a transformer or a pipeline of them, such as "
            f"make_pipeline(Resample(100), BandpassFilter(0.5, 40)), got {transform!r}."
        )
    return [transform]


def describe_transform(transform: Any) -> list[str]:
    """Write the steps of a transform with all parameters that decide the result.

    Of functions and classes that are not scikit-learn's or ours it holds a digest of the code.
    """
    return [_describe(step) for step in pipeline_steps(transform)]


def _describe(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        parameters, name = value.get_params(deep=False).items(), type(value).__name__
        stated = [
            f"{k}={_describe(v)}"
            for k, v in parameters
            if k not in _WITHOUT_EFFECT and ((name, k), v) not in _ADDED_LATER.items()
        ]
        return f"{name}({', '.join(stated)}){_own_code(type(value))}"
    if isinstance(value, list | tuple | np.ndarray):
        return f"[{', '.join(map(_describe, value))}]"
    if isinstance(value, FunctionType):
        return f"{value.__qualname__}:{_digest(value)}"
    if callable(value):  # its repr may hold an address
        return getattr(value, "__qualname__", type(value).__name__)
    if type(value).__repr__ is object.__repr__:  # holds an address
        return f"{type(value).__qualname__}:{joblib.hash(value)}"
    return repr(value.item() if isinstance(value, np.generic) else value)


def _digest(function: FunctionType) -> str:
    """Return a digest of a function: its code, defaults and closure."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    parts = [*_code_parts(function.__code__), function.__defaults__, function.__kwdefaults__]
    described = [repr(part) for part in parts] + [_describe(cell) for cell in cells]
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:12]


def _code_parts(code: CodeType) -> Iterator[Any]:
    yield code.co_code
    yield code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_parts(constant)
        else:
            yield constant


def _own_code(cls: type) -> str:
    """Return a digest of the methods that a class of the user's defines or inherits."""
    methods = [
        f"{name}:{_digest(method)}"
        for base in cls.__mro__
        if base.__module__.partition(".")[0] not in _LIBRARIES
        for name, method in sorted(vars(base).items())
        if isinstance(method, FunctionType)
    ]
    if not methods:
        return ""
    return ":" + hashlib.sha256("\n".join(methods).encode()).hexdigest()[:12]


def apply_transform(
    transform: Any, signals: np.ndarray, leads: tuple[str, ...], sampling_rate: float
) -> tuple[np.ndarray, tuple[str, ...], float]:
    """Transform float32 signals of one sampling rate; return signals, leads and rate.

    Transformers of this package run on the samples, others on an ECG column, bit-equally.
    """
    steps = pipeline_steps(transform)
    if all(map(_is_ours, steps)):
        for step in steps:
            signals, leads, sampling_rate = step.transform_signals(signals, leads, sampling_rate)
        return signals, leads, sampling_rate
    column = ECGArray(ArrayStorage(signals, leads, sampling_rate))
    out = ecg_column(clone(transform).fit_transform(column), name="ingest")
    if len(out) != len(column):
        raise ECGError(
            f"ingest: expected transform to return one ECG per record, got {len(out)} for "
            f"{len(column)}. Leave out what drops or adds records."
        )
    return out.read(), out.leads, out.sampling_rate


def _is_ours(step: Any) -> bool:
    # A subclass outside this package may override `transform` alone.
    return hasattr(step, "transform_signals") and type(step).__module__.startswith("ecgsk.")


def try_transform(
    transform: Any, signals: np.ndarray, leads: tuple[str, ...], sampling_rate: float
) -> tuple[np.ndarray, tuple[str, ...], float]:
    """Apply a transform; raise if the first record's result depends on the others."""
    result = apply_transform(transform, signals, leads, sampling_rate)
    alone = apply_transform(transform, signals[:1], leads, sampling_rate)[0]
    if not np.allclose(result[0][:1], alone, rtol=0, atol=1e-3, equal_nan=True):
        raise ECGError(
            "ingest: expected a transform that learns nothing from the data, but the samples "
            "of a record depend on other records after "
            f"{' and '.join(describe_transform(transform))}. Apply it after the ingest."
        )
    return result
