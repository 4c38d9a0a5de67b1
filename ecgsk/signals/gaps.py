"""Interpolation of missing samples before a filter."""

import numpy as np


def bridge_gaps(signals: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Replace missing samples by a straight line between their neighbours.

    A linear filter spreads one NaN over its whole length: bridge the gaps, filter,
    and set the samples to NaN again with the second return value.

    Parameters
    ----------
    signals : ndarray, shape (..., n_times)
        NaN where missing.

    Returns
    -------
    bridged : ndarray
        Same shape without NaN: the nearest sample is repeated at the ends, and a
        lead that is missing throughout is 0. The input itself when it has no NaN.
    missing : ndarray of bool or None
        Mask of the missing samples; None when there are none.

    Examples
    --------
    >>> bridged, missing = bridge_gaps(np.array([1, np.nan, 3, np.nan]))
    >>> bridged
    array([1., 2., 3., 3.])
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
