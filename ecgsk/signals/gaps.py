"""Interpolation of missing samples before a filter."""

import numpy as np


def bridge_gaps(signals: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Replace missing samples (NaN) along the last axis by a line between their neighbours.

    A linear filter spreads one NaN over its whole length: bridge the gaps, filter,
    and set the samples to NaN again with the second return value, the mask of the
    missing samples. The nearest sample is repeated at the ends, and a lead that is
    missing throughout is 0. Without NaN, return the input itself and None.
    """
    missing = np.isnan(signals)
    if not missing.any():
        return signals, None
    bridged = np.array(signals, order="C")
    n_times = signals.shape[-1]
    traces, gaps = bridged.reshape(-1, n_times), missing.reshape(-1, n_times)
    times = np.arange(n_times)
    for trace, gap in zip(traces, gaps, strict=True):
        if gap.all():
            trace[:] = 0
        elif gap.any():
            trace[gap] = np.interp(times[gap], times[~gap], trace[~gap])
    return bridged, missing
