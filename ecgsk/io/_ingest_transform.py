"""Transforms of an ingest: any pipeline of transformers that learn nothing from the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ecgsk.exceptions import ECGError
from ecgsk.signals import ArrayStorage, ECGArray, ecg_column

# Parameters that change how a transformer works and not what comes out.
_WITHOUT_EFFECT = {"n_jobs", "memory", "verbose"}


def pipeline_steps(transform: Any) -> list[Any]:
    """Return the transformers of a transform in order, those of pipelines in it one by one.

    Raises
    ------
    ECGError
        When one is not a scikit-learn transformer.
    """
    if transform is None or transform == "passthrough":
        return []
    if isinstance(transform, Pipeline):
        return [step for _, part in transform.steps for step in pipeline_steps(part)]
    needed = ("fit_transform", "get_params")
    if isinstance(transform, type) or not all(hasattr(transform, name) for name in needed):
        raise ECGError(
            "ingest_wfdb: expected transform to be a transformer or a pipeline of them, such as "
            f"make_pipeline(Resample(100), BandpassFilter(0.5, 40)), got {transform!r}."
        )
    return [transform]


def describe_transform(transform: Any) -> list[str]:
    """Write the steps of a transform with all parameters that decide the result."""
    return [_describe(step) for step in pipeline_steps(transform)]


def _describe(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        parameters = value.get_params(deep=False).items()
        stated = [f"{k}={_describe(v)}" for k, v in parameters if k not in _WITHOUT_EFFECT]
        return f"{type(value).__name__}({', '.join(stated)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_describe(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple | np.ndarray):
        return f"[{', '.join(map(_describe, value))}]"
    if callable(value) and hasattr(value, "__qualname__"):  # a repr would hold its address
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value.item() if isinstance(value, np.generic) else value)


def apply_transform(
    transform: Any, signals: np.ndarray, leads: tuple[str, ...], sampling_rate: float
) -> tuple[np.ndarray, tuple[str, ...], float]:
    """Transform records of one sampling rate.

    Steps of this package run on the samples; anything else runs on an ECG
    column. Both give the same bits.

    Parameters
    ----------
    transform : transformer, Pipeline or None
        It is not changed.
    signals : ndarray of float32, shape (n_records, n_leads, n_samples)
        Millivolts.
    leads : tuple of str
        Canonical names.
    sampling_rate : float
        Hz.

    Returns
    -------
    signals, leads, sampling_rate
        After the transform.
    """
    steps = pipeline_steps(transform)
    if all(map(_is_ours, steps)):
        for step in steps:
            signals, leads, sampling_rate = step.transform_signals(signals, leads, sampling_rate)
        return signals, leads, sampling_rate
    column = ECGArray(ArrayStorage(signals, leads, sampling_rate))
    out = ecg_column(clone(transform).fit_transform(column), name="ingest_wfdb")
    if len(out) != len(column):
        raise ECGError(
            f"ingest_wfdb: expected transform to return one ECG per record, got {len(out)} for "
            f"{len(column)}. Leave out what drops or adds records."
        )
    return out.read(), out.leads, out.sampling_rate


def _is_ours(step: Any) -> bool:
    # A subclass of somebody else's may change `transform` alone.
    return hasattr(step, "transform_signals") and type(step).__module__.startswith("ecgsk.")


def check_learns_nothing(
    transform: Any, signals: np.ndarray, leads: tuple[str, ...], sampling_rate: float
) -> None:
    """Raise if the first record's result depends on the other records.

    Parameters
    ----------
    transform, signals, leads, sampling_rate
        As in `apply_transform`.
    """
    if len(signals) == 1 or all(map(_is_ours, pipeline_steps(transform))):
        return
    together, alone = (
        apply_transform(transform, part, leads, sampling_rate)[0] for part in (signals, signals[:1])
    )
    if not np.allclose(together[:1], alone, rtol=0, atol=1e-3, equal_nan=True):
        steps = " and ".join(describe_transform(transform))
        raise ECGError(
            "ingest_wfdb: expected a transform that learns nothing from the data, but the samples "
            f"of a record depend on other records after {steps}. Apply it after the ingest."
        )
