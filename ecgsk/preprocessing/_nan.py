"""Filter across missing samples without letting them spread."""

import numpy as np


def bridge_nan(signals: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Replace missing samples by a straight line between their neighbours.

    Parameters
    ----------
    signals : ndarray, shape (n_records, n_leads, n_times)
        NaN where missing.

    Returns
    -------
    bridged : ndarray
        Same shape without NaN: the nearest sample goes on at the ends, and a
        lead that is missing throughout is 0. The input itself when it has no NaN.
    missing : ndarray of bool or None
        Where samples were missing; None when nowhere.

    Examples
    --------
    >>> bridged, missing = bridge_nan(np.array([[[1, np.nan, 3, np.nan]]]))
    >>> bridged
    array([[[1., 2., 3., 3.]]])
    """
    missing = np.isnan(signals)
    if not missing.any():
        return signals, None
    bridged = signals.copy()
    times = np.arange(signals.shape[-1])
    for record, lead in np.argwhere(missing.any(axis=-1)):
        lost = missing[record, lead]
        trace = bridged[record, lead]
        trace[lost] = 0 if lost.all() else np.interp(times[lost], times[~lost], trace[~lost])
    return bridged, missing
